"""One uplink a window: the duty cycle holds from one window to the next, and a node's draw is its own."""

from itertools import pairwise

import numpy as np
import pytest

from fleet.base import rng
from fleet.world.radio.lora.airtime import airtimes_us
from fleet.world.radio.lora.collisions import Frames
from tests.world.radio.lora.uplinks import uplinks

HOUR = 3_600_000_000
KEY = rng.key(3, rng.Stream.RADIO)


def sent(window: int, nodes: np.ndarray, window_us: int = HOUR) -> Frames:
    sf = 7 + nodes % 6
    return uplinks(
        rng.absorb(KEY, window),
        nodes,
        gateway=nodes % 5,
        sf=sf,
        duration_us=airtimes_us(sf, 64),
        rssi_cdbm=np.full(len(nodes), -11_000),
        window_us=window_us,
    )


def test_no_node_exceeds_one_per_cent_from_window_to_window() -> None:
    """Off time after each frame: 99 times its airtime, in windows that leave hardly more."""
    nodes = np.arange(3_000)
    window_us = 300_000_000
    windows = [sent(number, nodes, window_us) for number in range(30)]
    for number, (one, two) in enumerate(pairwise(windows)):
        ends = number * window_us + one.start_us + one.duration_us
        assert ((number + 1) * window_us + two.start_us - ends >= 99 * one.duration_us).all()
        assert one.start_us.min() >= 0


def test_a_node_sends_the_same_whoever_sends_beside_it() -> None:
    everyone, some = sent(0, np.arange(2_000)), sent(0, np.array([7, 1_999, 64]))
    for name in ("start_us", "channel", "sf", "duration_us"):
        assert getattr(some, name).tolist() == getattr(everyone, name)[[7, 1_999, 64]].tolist()


def test_starts_fill_the_window_and_channels_are_drawn_alike() -> None:
    """Chi-square of 60,000 frames over 20 parts of the window and over 3 channels, at the 1 % level."""
    one = sent(1, np.arange(0, 360_000, 6))
    room_us = HOUR - 100 * int(one.duration_us[0])
    parts = np.bincount(one.start_us * 20 // room_us, minlength=20)
    assert parts.size == 20
    assert ((parts - 3_000) ** 2 / 3_000).sum() < 36.19
    channels = np.bincount(one.channel % 3)
    assert ((channels - 20_000) ** 2 / 20_000).sum() < 9.21
    assert set(np.unique(one.channel // 3)) == set(range(5))


def test_two_windows_are_drawn_anew() -> None:
    one, two = sent(0, np.arange(1_000)), sent(1, np.arange(1_000))
    assert (one.start_us != two.start_us).mean() > 0.99


def test_a_window_too_short_for_the_duty_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="for the duty cycle, got 200000000; send less often"):
        sent(0, np.arange(12), 200_000_000)


def test_nobody_sends_nothing() -> None:
    assert len(sent(0, np.arange(0)).start_us) == 0
