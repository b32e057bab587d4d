"""A harvester that always gives the same: light indoors, a thermal gradient, a vibrating machine."""

from dataclasses import dataclass

from fleet.world.harvest.harvest import NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """200 to 500 lux give an amorphous solar cell about 10 to 30 uW per square centimetre (unverified)."""

    harvest_nw: int

    def power_nw(self, time_us: int) -> int:  # noqa: ARG002 (of the interface)
        """The same at any moment."""
        return self.harvest_nw

    def until_us(self, time_us: int) -> int:  # noqa: ARG002 (of the interface)
        """It never changes."""
        return NEVER
