from itertools import pairwise

import pytest

from fleet.world.life import Faults, Mishap

HOUR_US = 3_600_000_000


def test_strikes_come_at_the_rate_asked_for_and_never_twice() -> None:
    faults = Faults(power_cut_us=100 * HOUR_US)
    found = [s for node in range(100) for s in faults.strikes(Mishap.POWER_CUT, 0, node, 0, 1000 * HOUR_US)]
    assert len(found) == pytest.approx(1000 * (1 - 0.005), rel=0.1)


def test_a_stretch_of_time_has_the_same_strikes_however_it_is_cut() -> None:
    faults = Faults(stuck_radio_us=5 * HOUR_US)
    whole = list(faults.strikes(Mishap.STUCK_RADIO, 3, 1, 0, 50 * HOUR_US))
    cuts = [0, HOUR_US // 3, 7 * HOUR_US, 7 * HOUR_US + 1, 50 * HOUR_US]
    parts = [s for a, b in pairwise(cuts) for s in faults.strikes(Mishap.STUCK_RADIO, 3, 1, a, b)]
    assert parts == whole
    assert len(whole) > 3


def test_what_never_breaks_never_strikes() -> None:
    assert list(Faults().strikes(Mishap.FLASH_FLIP, 0, 0, 0, 10**15)) == []


def test_maintenance_mends_what_was_broken_before_it_came() -> None:
    faults = Faults(stuck_radio_us=100 * HOUR_US, repair_us=240 * HOUR_US)
    node = next(n for n in range(1000) if faults.broken_since(Mishap.STUCK_RADIO, 0, n, 239 * HOUR_US))
    strike = faults.broken_since(Mishap.STUCK_RADIO, 0, node, 239 * HOUR_US)
    assert strike is not None
    assert strike.time_us < 239 * HOUR_US
    assert faults.broken_since(Mishap.STUCK_RADIO, 0, node, 240 * HOUR_US) is None


def test_as_many_lie_as_asked_for() -> None:
    faults = Faults(lying=0.25)
    assert sum(faults.lies(0, node) for node in range(4000)) == pytest.approx(1000, rel=0.08)
