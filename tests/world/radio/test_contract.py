"""What every radio promises, whatever it is: one suite for all that a scenario can name."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base import rng
from fleet.world.radio import RADIOS, Direction, StandsBy, Transfer
from fleet.world.radio.channel import GilbertElliott, Independent
from fleet.world.radio.link import Standby

DIRECTIONS = st.sampled_from(Direction)
KEYS = st.integers(0, 500).map(lambda n: rng.key(9, rng.Stream.RADIO, n))
STATES = ("transmit_us", "receive_us", "idle_us", "control_us", "start_us", "sleep_us")


def radio(kind: str, loss: float = 0.0) -> Any:
    """The radio with its defaults; the channel loses this share where the radio takes a channel."""
    made: Any = RADIOS[kind]()
    has_channel = "channel" in {field.name for field in fields(made)}
    return replace(made, channel=Independent(loss=loss)) if loss and has_channel else made


@pytest.mark.parametrize("kind", RADIOS)
@given(direction=DIRECTIONS, payload=st.integers(0, 2_000), key=KEYS, loss=st.sampled_from((0.0, 0.05)))
def test_every_microsecond_is_counted_once_and_none_is_negative(
    kind: str, direction: Direction, payload: int, key: int, loss: float
) -> None:
    transfer: Transfer = radio(kind, loss).transfer(direction, payload, key)
    times = [getattr(transfer, state) for state in STATES]
    assert all(isinstance(time_us, int) and time_us >= 0 for time_us in times)
    assert transfer.elapsed_us == sum(times)
    assert min(transfer.quiet_us, transfer.retransmissions, transfer.pdus) >= 0
    assert transfer.pdus > 0 or not transfer.delivered


@pytest.mark.parametrize("kind", RADIOS)
@given(direction=DIRECTIONS, key=KEYS)
def test_equal_keys_give_equal_transfers(kind: str, direction: Direction, key: int) -> None:
    link = radio(kind, 0.1)
    assert link.transfer(direction, 700, key, at_us=5) == link.transfer(direction, 700, key, at_us=5)


@pytest.mark.parametrize("kind", RADIOS)
@pytest.mark.parametrize("direction", Direction)
def test_a_longer_message_is_on_the_air_longer(kind: str, direction: Direction) -> None:
    link = radio(kind)
    airtimes = [link.transfer(direction, size, 1).airtime_us for size in (0, 50, 500, 5_000)]
    assert airtimes == sorted(airtimes)
    assert airtimes[0] < airtimes[-1]


@pytest.mark.parametrize("kind", [kind for kind in RADIOS if kind != "lorawan"])
def test_losses_cost_packets_and_a_dead_channel_delivers_nothing(kind: str) -> None:
    keys = [rng.key(4, rng.Stream.RADIO, n) for n in range(10)]
    clean, lossy = ([radio(kind, loss).transfer(Direction.UP, 20_000, key) for key in keys] for loss in (0.0, 0.1))
    assert sum(run.retransmissions for run in clean) == 0 < sum(run.retransmissions for run in lossy)
    assert not radio(kind, 1.0).transfer(Direction.UP, 100, 0).delivered


@pytest.mark.parametrize("kind", ["ieee802154", "nbiot"])
def test_bursts_lose_more_messages_than_the_same_share_spread_out(kind: str) -> None:
    """A tenth of the packets lost, in bursts of 100 or one by one: retries outlast single losses."""
    bursts = GilbertElliott(to_bad=0.01 / 9, to_good=0.01)
    assert bursts.share() == pytest.approx(0.1)
    keys = [rng.key(8, rng.Stream.RADIO, n) for n in range(40)]
    made = radio(kind)
    spread, bunched = (
        sum(replace(made, channel=channel).transfer(Direction.UP, 2_000, key).delivered for key in keys)
        for channel in (Independent(loss=0.1), bursts)
    )
    assert spread == len(keys) > bunched


@given(since_us=st.integers(0, 10**9), middle_us=st.integers(0, 10**9), until_us=st.integers(0, 10**9))
def test_pieces_of_a_sleep_add_up_to_the_whole(since_us: int, middle_us: int, until_us: int) -> None:
    since_us, middle_us, until_us = sorted((since_us, middle_us, until_us))
    standby = Standby(period_us=1_000_000, receive_us=200, control_us=600, start_us=1_400)
    parts = standby.over(since_us, middle_us), standby.over(middle_us, until_us)
    whole = standby.over(since_us, until_us)
    assert sum(part.elapsed_us for part in parts) == whole.elapsed_us == until_us - since_us
    periods = [part.receive_us // 200 for part in (*parts, whole)]
    assert abs(periods[0] + periods[1] - periods[2]) <= 1  # a period cut by too short a piece is left out


def test_a_standby_that_never_wakes_or_never_sleeps_is_refused() -> None:
    with pytest.raises(ValueError, match="expected some of every period of 10 us, got 0 us awake"):
        Standby(period_us=10)
    with pytest.raises(ValueError, match="got 11 us awake"):
        Standby(period_us=10, receive_us=11)


@pytest.mark.parametrize("kind", RADIOS)
def test_every_radio_says_whether_it_stands_by(kind: str) -> None:
    assert not isinstance(radio(kind), StandsBy) or radio(kind).standby is None
