"""What every harvester can say: a power that is constant between the moments it names."""

from typing import Final, Protocol

NEVER: Final = 2**63 - 1


class Harvest(Protocol):
    """What reaches the store's charger, as whole nanowatts, piecewise constant."""

    def power_nw(self, time_us: int) -> int:
        """Power at a moment, until `until_us` of that moment."""
        ...

    def until_us(self, time_us: int) -> int:
        """The first moment after this one at which the power may be another; NEVER when it stays."""
        ...
