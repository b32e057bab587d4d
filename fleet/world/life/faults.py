"""What breaks, and when. Each kind is a Poisson process of its own on each node: rare, independent, without memory.

Strikes of a stretch of time are found slot by slot: at most one in each slot of an hour, with the chance that such a
process has at least one in it. So a question about an hour costs one draw, whatever was asked before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fleet.base import rng
from fleet.world.life.chance import LN2_Q32, ONE

SLOT_US: Final = 3_600_000_000


class Mishap(StrEnum):
    """What can happen to a node; the words of the table `events`."""

    POWER_CUT = "power_cut"  # its work since the last checkpoint is lost; it starts again
    FLASH_FLIP = "flash_flip"  # a bit of its frozen model turns; the digest no longer fits, so it takes no more work
    STUCK_RADIO = "stuck_radio"  # nothing is sent or heard until somebody comes


NUMBER: Final = {Mishap.POWER_CUT: 20, Mishap.FLASH_FLIP: 21, Mishap.STUCK_RADIO: 22}
"""Faults as parts of a random key. Part of the format: never change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One fault of a node. draw: 32 bits more for whoever needs to know where it struck."""

    fault: Mishap
    time_us: int
    draw: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Mean time between two faults of a kind on one node, in microseconds; 0: never. lying: share of nodes that lie.

    repair_us: visits of maintenance are so far apart, for all nodes at once; 0: nobody comes.
    """

    power_cut_us: int = 0
    flash_flip_us: int = 0
    stuck_radio_us: int = 0
    lying: float = 0.0
    repair_us: int = 0

    def mean_us(self, fault: Mishap) -> int:
        """Mean time between two faults of this kind."""
        return {
            Mishap.POWER_CUT: self.power_cut_us,
            Mishap.FLASH_FLIP: self.flash_flip_us,
            Mishap.STUCK_RADIO: self.stuck_radio_us,
        }[fault]

    def strikes(self, fault: Mishap, seed: int, node: int, since_us: int, until_us: int) -> Iterator[Strike]:
        """The strikes from since_us on and before until_us, in order."""
        mean_us = self.mean_us(fault)
        if not mean_us:
            return
        key = rng.key(seed, rng.Stream.LIFE, node, NUMBER[fault])
        below = strike_chance_q32(mean_us)
        for slot in range(since_us // SLOT_US, -(-until_us // SLOT_US)):
            if rng.draw32(key, 3 * slot) < below:
                time_us = slot * SLOT_US + (rng.draw32(key, 3 * slot + 1) * SLOT_US >> 32)
                if since_us <= time_us < until_us:
                    yield Strike(fault=fault, time_us=time_us, draw=rng.draw32(key, 3 * slot + 2))

    def broken_since(self, fault: Mishap, seed: int, node: int, now_us: int) -> Strike | None:
        """The first strike since the last visit of maintenance: what keeps a node from working now."""
        visited_us = now_us - now_us % self.repair_us if self.repair_us else 0
        return next(self.strikes(fault, seed, node, visited_us, now_us + 1), None)

    def lies(self, seed: int, node: int) -> bool:
        """Whether a node sends other than what it learnt, all the time."""
        return rng.draw32(rng.key(seed, rng.Stream.LIFE, node, 23), 0) < round(self.lying * 2**32)


def strike_chance_q32(mean_us: int) -> int:
    """1 - exp(-SLOT_US / mean_us) in units of 2^-32: the chance of at least one strike in a slot."""
    x = SLOT_US * ONE // mean_us  # Q32
    halvings, x = divmod(x, LN2_Q32)
    total = term = ONE
    for n in range(1, 30):
        term = -term * x // (n * ONE)
        total += term
    return ONE - (total >> halvings)
