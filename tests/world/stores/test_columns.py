"""Columns of stores against one store at a time: the same integers for any state, load and time."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.world.stores import Load, failure
from fleet.world.stores.columns import Spells, columns_of, energies_nj, shares_ppm
from fleet.world.stores.cr2032 import cr2032
from fleet.world.stores.flow import energy_nj
from fleet.world.stores.ideal import ideal
from fleet.world.stores.kibam import kibam
from fleet.world.stores.supercap import supercap

STORES: list[Any] = [
    cr2032(),
    cr2032(0.5),
    ideal(3.0, charger=0.9),
    supercap(charger=0.85),
    supercap(10_000_000_000, 5_000, leak_mohm=10**6, resistance_mohm=30),
    supercap(leak_mohm=10**4),
]
CASE = st.tuples(
    st.integers(0, 1_000_000),  # ppm of the capacity
    st.one_of(st.integers(0, 10_000), st.integers(0, 30_000_000)),
    st.one_of(st.just(0), st.integers(1, 10**10)),
    st.one_of(st.just(0), st.integers(0, 10**9)),
)


@pytest.mark.parametrize("store", STORES)
@settings(max_examples=60)
@given(cases=st.lists(CASE, min_size=1, max_size=20))
def test_rows_are_what_single_stores_are(store: Any, cases: list[tuple[int, int, int, int]]) -> None:
    singles = [replace(store, stored_nj=store.capacity_nj * ppm // 10**6) for ppm, _, _, _ in cases]
    spells = [Load(supply_mv=3_000, current_na=na, harvest_nw=nw).over(us) for _, na, us, nw in cases]
    steps = [single.after(spell) for single, spell in zip(singles, spells, strict=True)]
    stored = np.array([single.stored_nj for single in singles])
    many = Spells(
        time_us=np.array([spell.time_us for spell in spells]),
        drawn_nj=np.array([spell.drawn_nj for spell in spells]),
        squares=np.array([spell.squares for spell in spells]),
        supplied_nj=np.array([spell.supplied_nj for spell in spells]),
    )
    columns = columns_of(store)
    after, supplied, lost = columns.after(stored, many)
    assert after.tolist() == [step.store.stored_nj for step in steps]
    assert supplied.tolist() == [step.supplied_nj for step in steps]
    assert lost.tolist() == [step.lost_nj for step in steps]
    for current_na in (0, 9_000_000, 16_000_000):
        expected = [bool(failure(step.store, current_na, 1_700)) for step in steps]
        assert columns.fails(after, current_na, 1_700).tolist() == expected
    for level in (0, 250_000, 700_001):
        assert columns.reaches(after, level).tolist() == [step.store.level_ppm() >= level for step in steps]


@pytest.mark.parametrize("store", [*STORES, ideal()])
def test_one_spell_for_all_rows_needs_no_array(store: Any) -> None:
    spell = Load(supply_mv=3_000, current_na=3_000, harvest_nw=5_000).over(3_600_000_000)
    stored = np.full(3, store.stored_nj)
    same = Spells(time_us=spell.time_us, drawn_nj=spell.drawn_nj, squares=spell.squares, supplied_nj=spell.supplied_nj)
    after, supplied, lost = columns_of(store).after(stored, same)
    step = store.after(spell)
    assert after.tolist() == [step.store.stored_nj] * 3
    assert (supplied.tolist(), lost.tolist()) == ([step.supplied_nj] * 3, [step.lost_nj] * 3)
    assert (stored == store.stored_nj).all(), "nothing is changed in place"


@given(st.lists(st.tuples(st.integers(0, 9 * 10**12), st.integers(0, 9 * 10**11)), min_size=1, max_size=20))
def test_energies_are_exact_beyond_64_bits(pairs: list[tuple[int, int]]) -> None:
    power, time = (np.array(column) for column in zip(*pairs, strict=True))
    assert energies_nj(power, time).tolist() == [energy_nj(p, t) for p, t in pairs]


@given(st.integers(10**6, 10**16), st.lists(st.integers(-(10**16), 10**16), min_size=1, max_size=20))
def test_shares_are_exact(whole_nj: int, parts: list[int]) -> None:
    expected = [max(0, min(part * 10**6 // whole_nj, 10**6)) for part in parts]
    assert shares_ppm(np.array(parts), whole_nj).tolist() == expected


def test_a_store_that_is_more_than_its_energy_has_no_column() -> None:
    with pytest.raises(InputError, match="expected ideal, cr2032 or supercap in so large a fleet, got kibam"):
        columns_of(kibam())
