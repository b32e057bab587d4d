"""What the rows of a group harvest: a few harvesters, to which its nodes belong in turn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fleet.world.harvest import Harvest, harvested_nj


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """Node number n has harvest n mod their number. first, count: of the group. restart_ppm: level to start again."""

    harvests: Sequence[Harvest]
    first: int
    count: int
    restart_ppm: int
    _whose: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        whose = (self.first + np.arange(self.count, dtype=np.int64)) % len(self.harvests)
        object.__setattr__(self, "_whose", whose)

    def powers_nw(self, time_us: int) -> NDArray[np.int64]:
        """Power of every row at a moment."""
        powers = np.array([harvest.power_nw(time_us) for harvest in self.harvests], dtype=np.int64)
        return powers[self._whose]

    def until_us(self, time_us: int) -> int:
        """The first moment after this one at which any power may be another."""
        return min(harvest.until_us(time_us) for harvest in self.harvests)

    def changes(self, since_us: int, until_us: int) -> Iterator[int]:
        """Ends of the stretches of constant powers between two moments."""
        while since_us < until_us:
            since_us = min(self.until_us(since_us), until_us)
            yield since_us

    def harvested_nj(self, place: int, since_us: int, time_us: int) -> int:
        """Energy that one row harvests in a time."""
        return harvested_nj(self.harvests[self._whose[place]], since_us, time_us)
