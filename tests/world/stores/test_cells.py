"""Cells against published examples: KiBaM and Peukert lifetimes, sag of a coin cell, passivation."""

from dataclasses import replace
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.world.stores import Load, Store, failure, holds
from fleet.world.stores.cr2032 import CAPACITY_MAH, cr2032
from fleet.world.stores.ideal import ideal
from fleet.world.stores.kibam import Kibam, kibam
from fleet.world.stores.li_socl2 import FILM_US, li_socl2
from fleet.world.stores.peukert import peukert

MAH_NJ = 10_800_000_000  # 1 mAh at 3 V: 3.6 C x 3 V = 10.8 J
MIN_US = 60_000_000
ENDLESS = 10**12


def draining(store: Store, milliamperes: float, time_us: int, *, supply_mv: int = 3_000) -> Store:
    return store.after(Load(supply_mv=supply_mv, current_na=round(milliamperes * 1e6)).over(time_us)).store


def life_us(cell: Kibam, loads: list[tuple[int, int]]) -> tuple[int, Kibam]:
    """Lifetime under loads of (mA, us) that repeat, and the cell at its end."""
    lived_us = 0
    for milliamperes, time_us in cycle(loads):
        load = Load(supply_mv=cell.nominal_mv, current_na=milliamperes * 1_000_000)
        held_us, why = holds(cell, load, time_us, 0)
        after = cell.after(load.over(held_us)).store
        assert isinstance(after, Kibam)
        cell, lived_us = after, lived_us + held_us
        if why:
            return lived_us, cell
    raise AssertionError


@pytest.mark.parametrize("loads, minutes, left", [
    ([(250, ENDLESS)], 4.53, 4.37),
    ([(500, ENDLESS)], 2.02, 4.49),
    ([(500, MIN_US), (250, MIN_US)], 2.58, None),
    ([(250, MIN_US), (0, MIN_US)], 10.80, None),
    ([(500, MIN_US), (0, MIN_US)], 4.30, None),
    ([(250, MIN_US), (0, 2 * MIN_US)], 21.86, None),
    ([(500, MIN_US), (0, 2 * MIN_US)], 6.53, None),
])  # fmt: skip
def test_two_wells_live_as_long_as_published(loads: list[tuple[int, int]], minutes: float, left: float | None) -> None:
    """Jongerden et al., "Maximizing System Lifetime by Battery Scheduling", 2009: 5.5 A min, c 0.166, k' 0.122/min."""
    lived_us, cell = life_us(kibam(5500 / 60, available=0.166, flow=0.122 * 60), loads)
    assert round(lived_us / MIN_US, 2) == minutes
    if left is not None:
        assert round(5.5 * cell.stored_nj / cell.capacity_nj, 2) == left


def test_the_itsy_lives_91_minutes_and_with_pauses_more_than_twice_as_long() -> None:
    """Jongerden and Haverkort, "Which battery model to use?": 7200 As, c 0.625, k 4.5e-5 / s."""
    assert round(life_us(kibam(), [(960, ENDLESS)])[0] / MIN_US, 1) == 91.1
    for hertz in (0.001, 0.01, 0.1):
        half_us = round(5e5 / hertz)
        assert 202 <= life_us(kibam(), [(960, half_us), (0, half_us)])[0] / MIN_US < 203


def test_rest_moves_bound_charge_and_loses_none() -> None:
    tired = life_us(kibam(), [(960, ENDLESS)])[1]
    rested = draining(tired, 0, 10**11)
    assert isinstance(rested, Kibam)
    assert rested.stored_nj == tired.stored_nj
    assert tired.available_nj < 100_000 < 0.6 * rested.stored_nj < rested.available_nj


def test_a_full_available_well_takes_what_flows_on() -> None:
    """y2 nears (1 - c) C as e^-k'ct once y1 is full; small steps of an Euler sum agree."""
    tired = life_us(kibam(), [(960, ENDLESS)])[1]
    light = Load(supply_mv=3_000, current_na=0, harvest_nw=5_000_000_000)
    at_once = tired.after(light.over(40 * 3_600_000_000)).store
    well, bound = float(tired.available_nj), float(tired.stored_nj - tired.available_nj)
    full_well, full_bound = 0.625 * tired.capacity_nj, 0.375 * tired.capacity_nj
    for _ in range(40 * 3600):
        flow = 1.92e-4 * (0.625 * bound - 0.375 * well)
        well, bound = min(well + flow + 5e9, full_well), bound - flow
    assert isinstance(at_once, Kibam)
    assert at_once.available_nj == full_well
    assert abs(at_once.stored_nj - at_once.available_nj - bound) < 1e-4 * full_bound


def test_peukerts_law_gives_the_worked_example() -> None:
    """10 Ah over 20 h, k = 1.2, at 2 A: 3.789 h; at the rated current the rated time."""
    cell = peukert(10_000.0)
    held_us, why = holds(cell, Load(supply_mv=3_000, current_na=2_000_000_000), ENDLESS, 0)
    assert (round(held_us / 3.6e9, 3), why) == (3.789, "cell empty")
    rated_us, _ = holds(cell, Load(supply_mv=3_000, current_na=500_000_000), ENDLESS, 0)
    assert rated_us == 20 * 3_600_000_000
    assert draining(cell, 2_000, held_us).stored_nj > 0.2 * cell.capacity_nj


def test_a_coin_cell_holds_225_mah_at_3_volts() -> None:
    assert cr2032().capacity_nj == CAPACITY_MAH * MAH_NJ == 2_430_000_000_000
    assert cr2032(0.5).capacity_nj == MAH_NJ // 2
    assert ideal(2, voltage_mv=1_500).capacity_nj == MAH_NJ


@pytest.mark.parametrize("gone_mah, current_ma, expected_mv", [
    (0, 0, 3_000),
    (0, 6, 2_940),     # 6 mA x 10 ohm
    (150, 6, 2_703),   # 2823.5 mV, 20 ohm
    (170, 6, 2_620),   # 2800 mV, 30 ohm: where the voltage starts to drop
    (225, 0, 2_000),
    (225, 10, 1_600),  # 40 ohm at the end
])  # fmt: skip
def test_a_coin_cell_sags_with_current_and_age(gone_mah: int, current_ma: int, expected_mv: int) -> None:
    cell = used(gone_mah)
    assert abs(cell.voltage_mv(current_ma * 1_000_000) - expected_mv) <= 1


def used(gone_mah: int) -> Store:
    """A coin cell of which some mAh are gone."""
    return replace(cr2032(), stored_nj=(225 - gone_mah) * MAH_NJ)


def test_the_sag_of_a_radio_pulse_is_that_of_the_notes() -> None:
    """8.6 mA over 10 to 40 ohm: 0.09 to 0.34 V."""
    for gone_mah, sag_mv in ((0, 86), (225, 344)):
        cell = used(gone_mah)
        assert cell.voltage_mv(0) - cell.voltage_mv(8_600_000) == sag_mv


def test_a_pulse_can_kill_a_cell_that_is_not_empty() -> None:
    """100 mA over 20 ohm are 2 V: an STM32F746 at full clock does not live on a used coin cell."""
    assert failure(used(150), 100_000_000, 1_700) == "brown-out: below 1700 mV under 100000 uA"
    assert failure(used(150), 8_600_000, 1_700) == ""


def test_a_fresh_cell_refuses_more_than_its_pulse() -> None:
    assert failure(cr2032(), 15_000_000, 1_700) == ""
    assert failure(cr2032(), 15_001_000, 1_700) == "pulse limit: 15001 uA of at most 15000 uA"


def test_heat_of_a_pulse_is_current_squared_times_resistance() -> None:
    """10 mA for a second in 10 ohm: 1 mJ beside the 30 mJ that the board takes."""
    step = cr2032().after(Load(supply_mv=3_000, current_na=10_000_000).over(1_000_000))
    assert (step.drawn_nj, step.lost_nj) == (30_000_000, 1_000_000)


@given(
    gone=st.integers(0, 225 * MAH_NJ),
    more=st.integers(0, 225 * MAH_NJ),
    current_na=st.integers(0, 50_000_000),
    extra_na=st.integers(0, 50_000_000),
)
def test_voltage_never_rises_with_charge_gone_or_current(gone: int, more: int, current_na: int, extra_na: int) -> None:
    cell = replace(cr2032(), stored_nj=225 * MAH_NJ - gone)
    older = replace(cell, stored_nj=cell.stored_nj - more)
    assert older.voltage_mv(current_na) <= cell.voltage_mv(current_na)
    assert cell.voltage_mv(current_na + extra_na) <= cell.voltage_mv(current_na)


def test_lithium_thionyl_chloride_loses_a_hundredth_a_year() -> None:
    cell = li_socl2()
    step = cell.after(Load(supply_mv=3_000, current_na=0).over(31_557_600_000_000))
    assert step.lost_nj == cell.capacity_nj // 100


def test_the_first_pulse_after_a_long_rest_sags_and_breaks_the_film() -> None:
    rested = draining(li_socl2(), 0.003, FILM_US)
    assert (li_socl2().voltage_mv(25_000_000), rested.voltage_mv(25_000_000)) == (3_350, 2_600)
    assert draining(rested, 5, 1_000).voltage_mv(25_000_000) == 3_350
    assert failure(li_socl2(), 60_001_000, 2_000).startswith("pulse limit")


def test_mains_supply_what_is_drawn_for_ever() -> None:
    step = ideal().after(Load(supply_mv=3_000, current_na=10**9).over(10**12))
    assert step.drawn_nj == step.supplied_nj == 3 * 10**15
    assert failure(step.store, 10**9, 1_700) == ""


def test_an_empty_cell_gives_nothing() -> None:
    cell = ideal(1)
    held_us, why = holds(cell, Load(supply_mv=3_000, current_na=1_000_000), ENDLESS, 1_700)
    assert (held_us, why) == (3_600_000_000, "cell empty")
