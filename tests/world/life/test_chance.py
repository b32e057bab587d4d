from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.world.life.chance import exponential_us, negative_log_q32
from fleet.world.life.faults import SLOT_US, strike_chance_q32


@given(st.integers(0, 2**32 - 1))
def test_the_logarithm_is_that_of_the_library_to_a_millionth(draw: int) -> None:
    assert negative_log_q32(draw) / 2**32 == pytest.approx(-log((draw + 1) / 2**32), abs=1e-6)


def test_the_ends_of_the_logarithm() -> None:
    assert negative_log_q32(2**32 - 1) == 0
    assert negative_log_q32(0) == 32 * 2_977_044_472


def test_waiting_times_have_the_mean_and_the_median_of_an_exponential() -> None:
    times = sorted(exponential_us(9, j, 1_000_000) for j in range(40_000))
    assert sum(times) / len(times) == pytest.approx(1_000_000, rel=0.02)
    assert times[20_000] == pytest.approx(1_000_000 * log(2), rel=0.02)


@pytest.mark.parametrize("hours", [0.3, 1, 5, 24, 8760])
def test_the_chance_of_a_strike_in_a_slot(hours: float) -> None:
    mean_us = round(hours * SLOT_US)
    assert strike_chance_q32(mean_us) / 2**32 == pytest.approx(1 - exp(-SLOT_US / mean_us), abs=1e-8)
