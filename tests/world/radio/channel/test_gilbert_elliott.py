"""Bursts of losses against the closed form and the worked example."""

from collections.abc import Iterator
from itertools import groupby, pairwise
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.world.radio.channel import Draw, GilbertElliott


def draws(key: int) -> Draw:
    """The draws under a key one after the other."""
    numbers: Iterator[int] = (rng.draw32(key, j) for j in range(2**32))
    return lambda: next(numbers)


def losses(channel: GilbertElliott, count: int, key: int = 1) -> list[bool]:
    draw = draws(rng.key(0, rng.Stream.RADIO, key))
    chain = channel.opened(draw)
    return [chain.lost(draw, 0, 0) for _ in range(count)]


def test_the_worked_example_loses_4_762_percent_in_bursts_of_5() -> None:
    """p = 0.01, r = 0.2, h = 0, k = 1, as `netem loss gemodel` writes it."""
    channel = GilbertElliott(to_bad=0.01, to_good=0.2)
    assert round(100 * channel.share(), 3) == 4.762
    assert channel.burst == 5


def test_a_long_chain_loses_what_the_closed_form_says() -> None:
    channel = GilbertElliott(to_bad=0.01, to_good=0.2)
    lost = losses(channel, 200_000)
    assert abs(fmean(lost) - channel.share()) < 0.003
    lengths = [len(list(run)) for bad, run in groupby(lost) if bad]
    assert abs(fmean(lengths) - channel.burst) < 0.25


def test_both_states_may_lose_in_part() -> None:
    """1/6 of the packets find the bad state: 1/6 x 0.5 + 5/6 x 0.01."""
    channel = GilbertElliott(to_bad=0.02, to_good=0.1, loss_bad=0.5, loss_good=0.01)
    assert channel.share() == pytest.approx(0.5 / 6 + 0.05 / 6)
    assert abs(fmean(losses(channel, 100_000)) - channel.share()) < 0.005


def test_losses_lie_together_as_the_memory_of_the_chain_says() -> None:
    """The correlation of neighbours is 1 - p - r."""
    channel = GilbertElliott(to_bad=0.05, to_good=0.15)
    lost = losses(channel, 100_000)
    mean = fmean(lost)
    together = fmean((a - mean) * (b - mean) for a, b in pairwise(lost)) / (mean * (1 - mean))
    assert abs(together - 0.8) < 0.02


@given(p=st.floats(0.001, 1), r=st.floats(0.001, 1))
def test_a_transfer_finds_the_chain_in_its_long_run_state(p: float, r: float) -> None:
    channel = GilbertElliott(to_bad=p, to_good=r)
    assert 0 <= channel.share() <= 1
    assert channel.opened(lambda: 0).bad
    assert not channel.opened(lambda: 2**32 - 1).bad


def test_chances_out_of_range_are_refused_all_at_once() -> None:
    with pytest.raises(InputError) as caught:
        GilbertElliott(to_bad=1.5, to_good=-0.1)
    assert [fault.where for fault in caught.value.faults] == ["link.to_bad", "link.to_good"]
    with pytest.raises(InputError, match="the state never changes; take independent"):
        GilbertElliott(to_bad=0, to_good=0)
