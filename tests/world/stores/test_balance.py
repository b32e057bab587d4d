"""What every store keeps: energies balance to the nanojoule, and a load is held to its last whole microsecond."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.node.cost import energy_nj
from fleet.world.stores import STORES, Load, Store, failure, holds, time_to_reach

LOADS = st.builds(
    Load,
    supply_mv=st.sampled_from((1_800, 3_000)),
    current_na=st.one_of(st.just(0), st.integers(1, 5_000), st.integers(5_000, 20_000_000)),
    harvest_nw=st.one_of(st.just(0), st.integers(0, 200_000_000)),
)
STRETCHES = st.lists(st.tuples(LOADS, st.integers(0, 10_000_000_000)), min_size=1, max_size=6)
SMALL: dict[str, dict[str, Any]] = {
    "cr2032": {"capacity_mah": 0.5},
    "ideal": {"capacity_mah": 0.01, "charger": 0.85},
    "kibam": {"capacity_mah": 0.01, "charger": 0.85},
    "li_socl2": {"capacity_mah": 0.5},
    "peukert": {"capacity_mah": 0.5},
    "supercap": {"charger": 0.85},
}


@pytest.mark.parametrize("kind", STORES)
@given(stretches=STRETCHES)
def test_energies_balance_through_any_life(kind: str, stretches: list[tuple[Load, int]]) -> None:
    store: Store = STORES[kind](**SMALL[kind])
    start_nj, drawn_nj, supplied_nj, lost_nj = store.stored_nj, 0, 0, 0
    for load, time_us in stretches:
        held_us, why = holds(store, load, time_us, 1_700)
        step = store.after(load.over(held_us))
        assert step.drawn_nj == energy_nj(load.supply_mv, load.current_na, held_us)
        assert step.supplied_nj == energy_nj(1, load.harvest_nw * 1000, held_us)
        assert min(step.lost_nj, step.store.stored_nj) >= 0 or why
        assert held_us == 0 or failure(step.store, load.current_na, 1_700) == ""
        assert bool(why) == (held_us < time_us or bool(failure(store, load.current_na, 1_700)))
        if why and held_us:
            assert failure(store.after(load.over(held_us + 1)).store, load.current_na, 1_700)
        store = step.store
        drawn_nj, supplied_nj, lost_nj = (
            drawn_nj + step.drawn_nj,
            supplied_nj + step.supplied_nj,
            lost_nj + step.lost_nj,
        )
        assert start_nj + supplied_nj == store.stored_nj + drawn_nj + lost_nj
        assert store.stored_nj <= store.capacity_nj
        assert 0 <= store.level_ppm() <= 1_000_000


@pytest.mark.parametrize("kind", [kind for kind in STORES if not STORES[kind]().rechargeable and kind != "ideal"])
def test_a_primary_cell_loses_what_is_harvested(kind: str) -> None:
    step = STORES[kind]().after(Load(supply_mv=3_000, current_na=0, harvest_nw=1_000).over(1_000_000_000))
    assert step.supplied_nj == 1_000_000
    assert step.lost_nj >= 1_000_000
    assert step.store.stored_nj <= step.store.capacity_nj


@pytest.mark.parametrize("kind", ["ideal", "kibam", "supercap"])
def test_a_full_store_wastes_a_harvest(kind: str) -> None:
    store = STORES[kind](**SMALL[kind])
    step = store.after(Load(supply_mv=3_000, current_na=0, harvest_nw=10**7).over(10**9))
    assert step.store.stored_nj == store.capacity_nj
    assert step.lost_nj == step.supplied_nj == 10**10


@pytest.mark.parametrize("kind", ["ideal", "kibam", "supercap"])
def test_an_emptied_store_reaches_a_level_at_an_exact_microsecond(kind: str) -> None:
    store: Store = STORES[kind](**SMALL[kind])
    drain = Load(supply_mv=3_000, current_na=10_000_000)
    store = store.after(drain.over(holds(store, drain, 10**12, 1_700)[0])).store
    light = Load(supply_mv=3_000, current_na=0, harvest_nw=10**6)
    at_us = time_to_reach(store, light, 10**12, 700_000)
    assert at_us is not None
    assert (
        store.after(light.over(at_us)).store.level_ppm()
        >= 700_000
        > store.after(light.over(at_us - 1)).store.level_ppm()
    )
    assert time_to_reach(store, light, at_us - 1, 700_000) is None
    assert time_to_reach(store, Load(supply_mv=3_000, current_na=0), 10**12, 990_000) is None


@pytest.mark.parametrize("kind", [kind for kind in STORES if kind != "supercap"])
@pytest.mark.parametrize("capacity_mah", [0.0, -1.0])
def test_a_cell_without_charge_is_refused(kind: str, capacity_mah: float) -> None:
    with pytest.raises(InputError, match=rf"energy.{kind}.capacity_mah: expected more than 0 mAh, got -?\d"):
        STORES[kind](capacity_mah)
