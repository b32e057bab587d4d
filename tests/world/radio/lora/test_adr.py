"""Adaptive data rate against ns-3's loop, written out, and that it settles where nothing is left to gain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.world.radio.lora.adr import POWERS_DBM, REQUIRED_CDB, advise, fallen_back, in_reach, settled
from fleet.world.radio.lora.path import GATEWAY_CDBM, NOISE_CDBM, reached


def ns3(sf: int, power: int, snr_db: float, margin_db: float) -> tuple[int, int]:
    """adr-component.cc, AdrImplementation, step by step; `margin_db` is 0 there."""
    steps = int((snr_db - REQUIRED_CDB[sf - 7] / 100 - margin_db) // 3)
    while steps > 0 and sf > 7:
        sf, steps = sf - 1, steps - 1
    while steps > 0 and power > 2:
        power, steps = power - 2, steps - 1
    while steps < 0 and power < 14:
        power, steps = power + 2, steps + 1
    return sf, power


@given(
    sf=st.integers(7, 12), power=st.sampled_from(POWERS_DBM), snr=st.integers(-40, 40), margin=st.sampled_from([0, 10])
)
def test_the_answer_is_that_of_ns3s_loop(sf: int, power: int, snr: int, margin: int) -> None:
    found = advise(np.array([sf]), np.array([power]), np.array([100 * snr]), margin_cdb=100 * margin)
    assert (int(found[0][0]), int(found[1][0])) == ns3(sf, power, snr, margin)


def test_near_nodes_end_fast_and_quiet_and_far_ones_slow_and_loud() -> None:
    sf, power = settled(np.array([7_000, 12_000, 12_500, 13_000, 13_500, 14_000, 15_650]))
    assert sf.tolist() == sorted(sf.tolist())
    assert (int(sf[0]), int(power[0])) == (7, 2)
    assert (int(sf[-1]), int(power[-1])) == (12, 14)


def test_everybody_who_is_in_reach_at_first_is_heard_where_adr_settles() -> None:
    loss = np.arange(6_000, 17_000)
    sf, power = settled(loss)
    heard = reached(100 * power - loss, sf, GATEWAY_CDBM)
    assert heard[in_reach(loss)].all()
    assert not heard[~in_reach(loss)].any()


def test_where_it_settles_less_than_a_step_of_margin_is_left_or_nothing_can_be_saved() -> None:
    loss = np.arange(6_000, 17_000, 7)
    sf, power = settled(loss)
    margin = 100 * power - loss - NOISE_CDBM - np.array(REQUIRED_CDB)[sf - 7] - 1_000
    cannot = (sf == 7) & (power == 2)
    assert (margin[~cannot] < 300).all()


@pytest.mark.parametrize("start, end", [((9, 8), (9, 14)), ((9, 14), (10, 14)), ((12, 14), (12, 14))])
def test_a_node_that_hears_nothing_takes_full_power_and_then_a_slower_rate(
    start: tuple[int, int], end: tuple[int, int]
) -> None:
    sf, power = fallen_back(np.array([start[0]]), np.array([start[1]]))
    assert (int(sf[0]), int(power[0])) == end
