"""The supercapacitor: energy between two voltages, leakage in closed form, an exponential of our own."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.world.stores import Load, failure, holds
from fleet.world.stores.decay import bend, bends
from fleet.world.stores.supercap import Supercap, charge_nj, supercap

IDLE = Load(supply_mv=3_000, current_na=0)


def bare(**others: int) -> Supercap:
    """A capacitor that neither leaks to speak of nor resists."""
    return supercap(leak_mohm=10**18, resistance_mohm=0, **others)


def test_100_millifarad_between_3_and_1_8_volts_are_0_288_joules() -> None:
    assert charge_nj(100_000_000, 3_000) - charge_nj(100_000_000, 1_800) == 288_000_000
    load = Load(supply_mv=1_800, current_na=1_000_000)
    held_us, why = holds(bare(), load, 10**12, 1_800)
    assert bare().after(load.over(held_us + 1)).drawn_nj == 288_000_000 + 2  # a microsecond is 1.8 nJ
    assert why == "brown-out: below 1800 mV under 1000 uA"


def test_voltage_is_that_of_the_charge_less_the_sag() -> None:
    cell = supercap(resistance_mohm=2_000)
    assert (cell.voltage_mv(0), cell.voltage_mv(50_000_000)) == (3_000, 2_900)
    half = cell.after(Load(supply_mv=3_000, current_na=7_500_000).over(10_000_000)).store  # 225 mJ of 450
    assert abs(half.voltage_mv(0) - 3_000 / math.sqrt(2)) < 10
    assert failure(half, 300_000_000, 1_700).startswith("brown-out")


def test_without_a_load_it_decays_as_an_rc() -> None:
    """V falls by e in R C, so E by e in R C / 2: 10 Mohm x 0.1 F / 2 = 500,000 s."""
    cell = supercap()
    left = cell.after(IDLE.over(500_000_000_000))
    assert abs(left.store.stored_nj - 450_000_000 / math.e) <= 1
    assert left.lost_nj == 450_000_000 - left.store.stored_nj


def test_a_fresh_one_leaks_3_microamperes_per_farad() -> None:
    """0.3 uA at 3 V are 900 nW."""
    assert supercap().after(IDLE.over(1_000_000)).lost_nj == 900


def test_light_that_equals_what_leaks_holds_the_charge() -> None:
    cell = supercap()
    step = cell.after(Load(supply_mv=3_000, current_na=0, harvest_nw=900).over(10**12))
    assert step.store.stored_nj == cell.stored_nj
    assert step.supplied_nj == step.lost_nj == 900_000_000


@given(pieces=st.lists(st.integers(1, 10**10), min_size=1, max_size=8), harvest_nw=st.integers(0, 10**6))
def test_a_stretch_is_the_sum_of_its_parts(pieces: list[int], harvest_nw: int) -> None:
    load = Load(supply_mv=3_000, current_na=1_000, harvest_nw=harvest_nw)
    whole = parts = supercap(voltage_mv=5_000).after(Load(supply_mv=3_000, current_na=10**7).over(10**7)).store
    for piece in pieces:
        parts = parts.after(load.over(piece)).store
    assert abs(parts.stored_nj - whole.after(load.over(sum(pieces))).store.stored_nj) <= 2 * len(pieces)


@given(st.floats(0, 1e4))
def test_our_exponential_is_the_exponential(x: float) -> None:
    exact = math.expm1(-x) + x if x > 1e-3 else x * x / 2 - x**3 / 6 + x**4 / 24 - x**5 / 120
    assert bend(x) == pytest.approx(exact, rel=1e-12, abs=1e-300)


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=20))
def test_arrays_get_the_same_bits(values: list[float]) -> None:
    assert bends(np.array(values)).tolist() == [bend(value) for value in values]


def test_bits_of_our_exponential_are_pinned() -> None:
    assert [bend(x).hex() for x in (1e-9, 0.3, 0.7, 1.0, 30.5)] == [
        "0x1.2725dd1b7dadfp-61",
        "0x1.4e62035d159e7p-5",
        "0x1.929b50d54441cp-3",
        "0x1.78b56362cef38p-2",
        "0x1.d800000000010p+4",
    ]


def test_a_capacitor_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match=r"energy.supercap.capacitance: expected charge in it, got 1 nF at 1 mV"):
        supercap(1, 1)
