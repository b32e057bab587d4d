"""A node's sleep clock: it gains or loses, and a node that must not miss a round wakes early and listens.

A clock that is off by p parts per million is off by p t / 10^6 after t. Both ends drift, so a node that was last in
time with its gateway t ago opens its receiver 2 p t / 10^6 before the round by its own clock (window widening:
Bluetooth Core Specification, Vol 6 Part B, 4.2.4, which adds the two accuracies).
"""

from dataclasses import dataclass
from typing import Final

from fleet.base import rng

PPM: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How good the clocks of a group are. ppm: largest error, either way; each node's own is drawn evenly up to it."""

    ppm: int = 0

    def error_ppb(self, seed: int, node: int) -> int:
        """A node's own error in parts per 10^9; positive: its clock is slow, so it comes late."""
        drawn = rng.draw32(rng.key(seed, rng.Stream.LIFE, node, 10), 0)
        return (2 * drawn - 2**32) * self.ppm * 1000 >> 32

    def late_us(self, seed: int, node: int, since_us: int) -> int:
        """By how much a node comes late to an appointment made `since_us` ago; negative: early."""
        return self.error_ppb(seed, node) * since_us // 10**9

    def guard_us(self, since_us: int) -> int:
        """How long before the appointment, by its own clock, a node begins to listen so as never to miss it."""
        return -(-2 * self.ppm * since_us // PPM)

    def listens_us(self, seed: int, node: int, since_us: int) -> int:
        """How long a node listens in vain before the other side speaks: its guard time less what it is late."""
        return max(0, self.guard_us(since_us) - self.late_us(seed, node, since_us))
