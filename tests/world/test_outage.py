"""Nodes that harvest: off and on again with hysteresis, work lost and work kept, and energies that balance."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.node.cost import energy_nj
from fleet.world import NodeSpec, Reason
from fleet.world.harvest import Constant, Harvest, Trace
from fleet.world.outage import Checkpoints, Recovery, charge
from fleet.world.stores import Store
from fleet.world.stores.ideal import ideal
from fleet.world.stores.kibam import kibam
from fleet.world.stores.supercap import supercap
from tests.world.fakes import HOUR_US, POWER, Work, by_cause, spec, world

MINUTE_US = 60_000_000
STEP_NJ = energy_nj(POWER.supply_mv, POWER.compute_na, 10_000)
DARK_AT_FIRST = Trace(starts_us=(0, 10 * HOUR_US), powers_nw=(0, 2_000_000))


def harvester(
    store: Store,
    harvest: Harvest,
    *,
    restart_ppm: int = 600_000,
    keeps_at_ppm: int | None = None,
    left_ppm: int = 1_000_000,
) -> NodeSpec:
    checkpoints = None if keeps_at_ppm is None else Checkpoints(level_ppm=keeps_at_ppm, time_us=100_000)
    given_store = replace(store, stored_nj=store.capacity_nj * left_ppm // 1_000_000)  # type: ignore[type-var]
    return replace(
        spec(store=given_store),
        harvest=harvest,
        recovery=Recovery(restart_ppm=restart_ppm, checkpoints=checkpoints),
    )


def kinds(records: object) -> list[str]:
    return [event.kind for event in records.events]  # type: ignore[attr-defined]


def test_a_node_goes_off_at_night_and_starts_when_the_sun_has_charged_it() -> None:
    """10 mF from 3 V hold 30.5 mJ above 1.7 V: an hour of sleep at 9 uW. 2 mW fill 60 % of 45 mJ from 32 % in 6.2 s."""
    fleet, records = world(harvester(supercap(10_000_000), DARK_AT_FIRST))
    fleet.advance_to(11 * HOUR_US)
    off, on = records.events
    assert (off.kind, on.kind) == ("brown_out", "rebooted")
    assert off.detail == "asleep: brown-out: below 1700 mV under 3 uA"
    assert 0.8 * HOUR_US < off.time_us < 1.1 * HOUR_US
    assert 10 * HOUR_US + 6_000_000 < on.time_us < 10 * HOUR_US + 15_000_000
    assert fleet.alive() == (0,)
    _, (battery,) = fleet.close()
    assert (battery.alive, battery.died_us) == (True, -1)


def test_a_node_that_is_off_draws_nothing_and_its_capacitor_still_leaks() -> None:
    fleet, records = world(harvester(supercap(10_000_000), Constant(harvest_nw=0)))
    fleet.advance_to(100 * HOUR_US)
    energy, _ = fleet.close()
    (off,) = records.events
    assert sum(time_us for _, time_us in by_cause(energy).values()) == off.time_us
    totals = fleet.totals()
    assert totals["end_nj"][0] < 0.8 * supercap(10_000_000).capacity_nj * (1.7 / 3) ** 2


def test_a_push_waits_for_the_charge_as_long_as_the_round_is_open() -> None:
    for deadline_us, reason in ((9 * HOUR_US, Reason.OFF), (12 * HOUR_US, Reason.OK)):
        fleet, _ = world(harvester(supercap(10_000_000), DARK_AT_FIRST))
        fleet.advance_to(5 * HOUR_US)
        (outcome,) = fleet.exchange([Work(node=0, steps=1)], deadline_us=deadline_us)
        assert outcome.reason is reason
        assert fleet.now_us == (outcome.delivered_us if outcome.delivered else deadline_us)


def test_work_in_ram_is_lost_with_the_power_and_a_round_too_large_for_the_store_is_said() -> None:
    """10 mF hold about 30 mJ: 250 steps of 120 uJ."""
    fleet, records = world(harvester(supercap(10_000_000), Constant(harvest_nw=100_000)))
    work = Work(node=0, steps=1_000)
    (outcome,) = fleet.exchange([work], deadline_us=HOUR_US)
    assert (outcome.reason, work.calls[0], work.calls[1][:8]) == (Reason.OFF, "start", "abandon ")
    fleet.advance_to(fleet.now_us + HOUR_US)
    assert kinds(records) == ["brown_out", "no_progress", "rebooted"]
    done = int(work.calls[1].split()[1])
    assert 150 < done < 250
    assert f"{done} of 1000 steps done: brown-out" in records.events[0].detail
    full = int(records.events[1].detail.split()[5])
    assert done < full <= (supercap(10_000_000).capacity_nj // STEP_NJ)


def test_a_node_that_checkpoints_finishes_over_many_charges() -> None:
    fleet, records = world(harvester(supercap(10_000_000), Constant(harvest_nw=1_000_000), keeps_at_ppm=450_000))
    work = Work(node=0, steps=1_000)
    (outcome,) = fleet.exchange([work], deadline_us=10 * HOUR_US)
    assert (outcome.reason, work.calls) == (Reason.OK, ["start", "finish"])
    assert set(kinds(records)) == {"brown_out", "rebooted"}
    kept = [int(event.detail.split()[1]) for event in records.events if event.kind == "brown_out"]
    assert kept == sorted(kept)
    assert len(kept) > 10
    energy = by_cause(fleet.close()[0])
    assert energy["checkpoint"] == (energy_nj(3_000, POWER.flash_na, 100_000) * len(kept), 100_000 * len(kept))
    assert 1_000 <= energy["compute"][1] / 10_000 < 1_000 + len(kept)  # a step begun is done again


def test_a_charge_too_small_for_a_step_and_its_checkpoint_is_said_and_ends_the_round() -> None:
    for farads_nf, step_us, why in (
        (1_000_000, 10_000, "the charge at which its work is kept does not last for keeping it"),
        (2_000_000, 500_000, "one charge is too small for a step and its checkpoint"),
    ):
        store = supercap(farads_nf)
        fleet, records = world(harvester(store, Constant(harvest_nw=1_000_000), keeps_at_ppm=595_000))
        work = Work(node=0, steps=100, step_us=step_us)
        (outcome,) = fleet.compute_only([work])
        assert outcome.reason is Reason.OFF
        assert work.calls[1].startswith("abandon")
        assert [event.detail for event in records.events if event.kind == "no_progress"] == [why]
        assert len(records.events) < 10


def test_a_store_that_starts_a_node_and_cannot_hold_it_ends_it() -> None:
    fleet, records = world(harvester(supercap(10_000_000), Constant(harvest_nw=10**6), restart_ppm=100_000))
    fleet.compute_only([Work(node=0, steps=10_000)])
    fleet.advance_to(HOUR_US)
    assert kinds(records)[-1] == "no_progress"
    assert fleet.alive() == ()


def test_a_cell_that_nothing_fills_dies_as_ever() -> None:
    fleet, records = world(spec(store=ideal(0.001)))
    fleet.advance_to(10 * HOUR_US)
    assert kinds(records) == ["died"]


def test_charging_is_found_to_the_microsecond_across_changes_of_the_light() -> None:
    cell = replace(ideal(0.001), stored_nj=0)
    dawn = Trace(starts_us=(0, 1_000, 5_000), powers_nw=(0, 10**6, 2 * 10**6))
    found = charge(cell, dawn, since_us=500, until_us=10**9, restart_ppm=800)
    assert (found.restarted, found.supplied_nj, found.lost_nj) == (True, 8_640, 0)
    assert found.time_us == 500 + 4_000 + 2_320  # 8,640 nJ: 4,000 us of 1 mW, 2,320 us of 2 mW
    late = charge(cell, dawn, since_us=500, until_us=6_000, restart_ppm=800)
    assert (late.restarted, late.time_us, late.store.stored_nj) == (False, 5_500, 6_000)


STORES: list[Store] = [supercap(10_000_000), supercap(1_000_000_000, charger=0.8), ideal(0.01), kibam(0.02)]
LIGHT = st.one_of(
    st.builds(Constant, harvest_nw=st.integers(0, 3_000_000)),
    st.builds(
        lambda starts, powers: Trace(starts_us=(0, *sorted(starts)), powers_nw=tuple(powers)),
        st.sets(st.integers(1, 20 * HOUR_US), min_size=5, max_size=5),
        st.lists(st.integers(0, 5_000_000), min_size=6, max_size=6),
    ),
)


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("keeps_at_ppm", [None, 450_000])
@settings(max_examples=15, deadline=None)
@given(
    harvest=LIGHT, times_us=st.lists(st.integers(1, 6 * HOUR_US), min_size=1, max_size=4), steps=st.integers(0, 3000)
)
def test_any_life_in_any_light_balances(
    store: Store, keeps_at_ppm: int | None, harvest: Harvest, times_us: list[int], steps: int
) -> None:
    """World.close raises where energies do not balance; here, that time does not run on, and jobs end once."""
    fleet, records = world(harvester(store, harvest, keeps_at_ppm=keeps_at_ppm))
    asked: list[Work] = []
    for number, time_us in enumerate(times_us, 1):
        fleet.advance_to(fleet.now_us + time_us)
        asked.append(Work(node=0, round=number, steps=steps))
        fleet.exchange([asked[-1]], deadline_us=fleet.now_us + HOUR_US)
    energy, _ = fleet.close()
    totals = {name: int(column[0]) for name, column in fleet.totals().items()}
    assert totals["start_nj"] + totals["supplied_nj"] == totals["end_nj"] + totals["drawn_nj"] + totals["lost_nj"]
    assert 0 <= totals["end_nj"] <= store.capacity_nj
    assert sum(row.energy_nj for row in energy) == totals["drawn_nj"]
    times = [event.time_us for event in records.events if event.kind in ("brown_out", "rebooted")]
    assert times == sorted(times)
    assert all(len(work.calls) in (0, 2) for work in asked)


def test_energies_that_do_not_balance_are_an_error_of_the_program() -> None:
    fleet, _ = world(spec())
    fleet._nodes.node(0).meter.lost_nj += 1
    with pytest.raises(RuntimeError, match="node 0: expected energies that balance"):
        fleet.close()
