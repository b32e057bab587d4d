"""What every harvester can say: a power that is constant between the moments it names."""

from collections.abc import Iterator
from typing import Final, Protocol

from fleet.world.stores.flow import energy_nj

NEVER: Final = 2**63 - 1


class Harvest(Protocol):
    """What reaches the store's charger, as whole nanowatts, piecewise constant."""

    def power_nw(self, time_us: int) -> int:
        """Power at a moment, until `until_us` of that moment."""
        ...

    def until_us(self, time_us: int) -> int:
        """The first moment after this one at which the power may be another; NEVER when it stays."""
        ...


def pieces(harvest: Harvest | None, since_us: int, time_us: int) -> Iterator[tuple[int, int]]:
    """Microseconds and nanowatts of the stretches of constant power that a time falls into; without a harvest one."""
    at_us, end_us = since_us, since_us + time_us
    while at_us < end_us:
        until_us = end_us if harvest is None else min(harvest.until_us(at_us), end_us)
        yield until_us - at_us, 0 if harvest is None else harvest.power_nw(at_us)
        at_us = until_us


def harvested_nj(harvest: Harvest | None, since_us: int, time_us: int) -> int:
    """Energy of a time, rounded stretch by stretch."""
    return sum(energy_nj(1000 * power_nw, piece_us) for piece_us, power_nw in pieces(harvest, since_us, time_us))
