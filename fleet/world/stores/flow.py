"""What a store sees: a constant load and a constant harvest. Powers are whole picowatts, energies whole nanojoules."""

from dataclasses import dataclass
from typing import Final

NJ_PER_MAH_MV: Final = 3_600_000  # 1 mAh x 1 mV = 3.6 C x 10^-3 V = 3.6 mJ
YEAR_US: Final = 31_557_600_000_000  # 365.25 days


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A constant current at the supply of a board, and what a harvester gives at the same time."""

    supply_mv: int
    current_na: int
    harvest_nw: int = 0

    def drawn_nj(self, time_us: int) -> int:
        """What the board takes in a time; the same number as `fleet.node.cost.energy_nj`."""
        return energy_nj(self.supply_mv * self.current_na, time_us)

    def supplied_nj(self, time_us: int) -> int:
        """What the harvester gives in a time."""
        return energy_nj(1000 * self.harvest_nw, time_us)


def energy_nj(power_pw: int, time_us: int) -> int:
    """Picowatts for some microseconds in nanojoules, halves up: pW x us = 10^-18 J."""
    return (power_pw * time_us + 500_000_000) // 1_000_000_000


def heat_pw(current_na: int, resistance_mohm: int) -> int:
    """I^2 R in picowatts, by way of the sag in whole microvolts (nA x mohm = 10^-12 V): 64 bits hold every product."""
    return current_na * (current_na * resistance_mohm // 1_000_000) // 1_000
