"""The CR2032 coin cell: voltage and resistance follow the share that is gone, pulses sag and have a limit.

Not modelled: recovery after rest, and self-discharge, which is far below what a sleeping node draws.
"""

from dataclasses import dataclass, replace
from typing import Final

from fleet.world.stores.curve import PPM, Point, at, under_load_mv
from fleet.world.stores.flow import Spell, heat_nj
from fleet.world.stores.store import Step, capacity_nj

# Voltage: 3.0 V nominal, 2.8 V after 170 mAh, "drops sharply" from there to the 2.0 V that end the capacity (note on a
# Duracell CR2032 data sheet, interactive-matter.eu, 2009). Resistance: 10 ohm fresh to 40 ohm at the end (typical range
# in texts on the cell), 20 ohm at 150 mAh and 30 ohm at 170 mAh (the same note). Quoted from such texts, not from a
# maker's document; straight lines between the points are our model. Shares are of 225 mAh.
CURVE: Final = (
    Point(gone_ppm=0, open_mv=3_000, resistance_mohm=10_000),
    Point(gone_ppm=666_666, open_mv=2_824, resistance_mohm=20_000),
    Point(gone_ppm=755_555, open_mv=2_800, resistance_mohm=30_000),
    Point(gone_ppm=PPM, open_mv=2_000, resistance_mohm=40_000),
)
CAPACITY_MAH: Final = 225.0  # usual design figure of a CR2032 to 2.0 V; makers state 225 to 240
NOMINAL_MV: Final = 3_000
PULSE_NA: Final = 15_000_000  # "15 mA max pulse" (texts on the cell; makers rate lower: Energizer 6.8 mA for 2 s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cr2032:
    """One coin cell. Its resistance is taken as of the start of a spell: over 225 mAh it changes by 30 ohm."""

    capacity_nj: int
    stored_nj: int
    pulse_na: int = PULSE_NA

    @property
    def rechargeable(self) -> bool:
        """A primary cell."""
        return False

    def after(self, spell: Spell) -> Step:
        """The load's energy, and I^2 R of the cell beside it. A harvest cannot go in: all of it is lost."""
        drawn_nj, supplied_nj = spell.drawn_nj, spell.supplied_nj
        heat = heat_nj(spell.squares, self._state().resistance_mohm)
        store = replace(self, stored_nj=self.stored_nj - drawn_nj - heat)
        return Step(store=store, drawn_nj=drawn_nj, supplied_nj=supplied_nj, lost_nj=heat + supplied_nj)

    def voltage_mv(self, current_na: int) -> int:
        """V_open - I R at this state of charge."""
        point = self._state()
        return under_load_mv(point.open_mv, current_na, point.resistance_mohm)

    def level_ppm(self) -> int:
        """Share of the charge that is left."""
        return self.stored_nj * PPM // self.capacity_nj

    def empty(self) -> str:
        """Once more was asked for than was in it."""
        return "cell empty" if self.stored_nj < 0 else ""

    def _state(self) -> Point:
        return at(CURVE, self.capacity_nj - self.stored_nj, self.capacity_nj)


def cr2032(capacity_mah: float | None = None) -> Cr2032:
    """A fresh cell, 225 mAh unless said."""
    full = capacity_nj("cr2032", CAPACITY_MAH if capacity_mah is None else capacity_mah, NOMINAL_MV)
    return Cr2032(capacity_nj=full, stored_nj=full)
