"""What a store sees: a load and a harvest over a spell of time, in whole nanojoules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

NJ_PER_MAH_MV: Final = 3_600_000  # 1 mAh x 1 mV = 3.6 C x 10^-3 V = 3.6 mJ
YEAR_US: Final = 31_557_600_000_000  # 365.25 days


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A stretch of time as a store feels it. supplied_nj: from a harvester, before its charger.

    squares: the sum of I^2 t in 10^9 nA^2 us, rounded down: times a resistance in mohm, 10^-9 nJ of heat. peak_na: the
    largest current in it. Several currents may be in it: a store then takes its energy as drawn evenly.
    """

    time_us: int
    drawn_nj: int
    squares: int
    peak_na: int
    supplied_nj: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A constant current at the supply of a board, and what a harvester gives at the same time."""

    supply_mv: int
    current_na: int
    harvest_nw: int = 0

    def over(self, time_us: int) -> Spell:
        """The load for a time; drawn_nj is the number of `fleet.node.cost.energy_nj`."""
        return Spell(
            time_us=time_us,
            drawn_nj=energy_nj(self.supply_mv * self.current_na, time_us),
            squares=squares(self.current_na, time_us),
            peak_na=self.current_na,
            supplied_nj=energy_nj(1000 * self.harvest_nw, time_us),
        )


def joined(spells: Sequence[Spell]) -> Spell:
    """Some spells as one."""
    return Spell(
        time_us=sum(spell.time_us for spell in spells),
        drawn_nj=sum(spell.drawn_nj for spell in spells),
        squares=sum(spell.squares for spell in spells),
        peak_na=max((spell.peak_na for spell in spells), default=0),
        supplied_nj=sum(spell.supplied_nj for spell in spells),
    )


def energy_nj(power_pw: int, time_us: int) -> int:
    """Picowatts for some microseconds in nanojoules, halves up: pW x us = 10^-18 J."""
    return (power_pw * time_us + 500_000_000) // 1_000_000_000


def squares(current_na: int, time_us: int) -> int:
    """I^2 t in 10^9 nA^2 us, rounded down."""
    return current_na * current_na * time_us // 1_000_000_000


def heat_nj(squares: int, resistance_mohm: int) -> int:
    """I^2 R t in nanojoules, halves up: nA^2 x mohm x us = 10^-18 nJ, of which squares have 10^-9."""
    return (squares * resistance_mohm + 500_000_000) // 1_000_000_000
