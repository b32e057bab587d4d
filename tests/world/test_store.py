"""Stores: how much they hold and how far they sag."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.scenario import names
from fleet.world.store import CR2032_MAH, STORES, cr2032, ideal

MAH_NJ = 10_800_000_000  # 1 mAh at 3 V: 3.6 C x 3 V = 10.8 J


def test_a_coin_cell_holds_225_mah_at_3_volts() -> None:
    assert cr2032().capacity_nj == 225 * MAH_NJ == 2_430_000_000_000


def test_a_given_capacity_scales_the_cell() -> None:
    assert cr2032(0.5).capacity_nj == MAH_NJ // 2
    assert ideal(2, voltage_mv=1_500).capacity_nj == MAH_NJ


@pytest.mark.parametrize("drawn_mah, current_ma, expected_mv", [
    (0, 0, 3_000),
    (0, 6, 2_940),     # 6 mA x 10 ohm
    (150, 6, 2_703),   # 2823.5 mV, 20 ohm
    (170, 6, 2_620),   # 2800 mV, 30 ohm: where the voltage starts to drop
    (225, 0, 2_000),
    (225, 10, 1_600),  # 40 ohm at the end
])  # fmt: skip
def test_a_coin_cell_sags_with_current_and_age(drawn_mah: int, current_ma: int, expected_mv: int) -> None:
    cell = cr2032().after(drawn_mah * MAH_NJ)
    assert abs(cell.voltage_mv(current_ma * 1_000_000) - expected_mv) <= 1


def test_a_pulse_can_kill_a_cell_that_is_not_empty() -> None:
    """100 mA over 20 ohm are 2 V: an STM32F746 at full clock does not live on a used coin cell."""
    cell = cr2032().after(150 * MAH_NJ)
    assert cell.failure(1, 100_000_000, 1_700) == "brown-out: below 1700 mV under 100000 uA"
    assert cell.failure(1, 8_600_000, 1_700) == ""


def test_an_empty_cell_gives_nothing() -> None:
    cell = ideal(1).after(MAH_NJ)
    assert cell.failure(1, 1, 1_700) == "cell empty"
    assert cell.failure(0, 1, 1_700) == ""


def test_a_source_without_capacity_never_ends() -> None:
    mains = ideal().after(10**18)
    assert mains.capacity_nj == 0
    assert mains.failure(10**18, 10**9, 1_700) == ""


@given(
    drawn=st.integers(0, 225 * MAH_NJ),
    more=st.integers(0, 225 * MAH_NJ),
    current_na=st.integers(0, 50_000_000),
    extra_na=st.integers(0, 50_000_000),
)
def test_voltage_never_rises_with_charge_drawn_or_current(
    drawn: int, more: int, current_na: int, extra_na: int
) -> None:
    cell = cr2032().after(drawn)
    assert cell.after(more).voltage_mv(current_na) <= cell.voltage_mv(current_na)
    assert cell.voltage_mv(current_na + extra_na) <= cell.voltage_mv(current_na)


@pytest.mark.parametrize("capacity_mah", [0.0, -1.0])
def test_a_cell_without_charge_is_refused(capacity_mah: float) -> None:
    with pytest.raises(InputError, match=r"energy.cr2032.capacity_mah: expected more than 0 mAh, got -?\d"):
        cr2032(capacity_mah)


def test_scenarios_and_world_know_the_same_stores() -> None:
    assert set(names.STORES) == set(STORES)


def test_scenario_and_world_agree_on_the_capacity_of_a_coin_cell() -> None:
    assert names.STORES["cr2032"].capacity_mah == CR2032_MAH
