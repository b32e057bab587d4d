"""Lithium thionyl chloride cells: flat voltage, little self-discharge, and a film that the first pulse must break.

The film on the lithium (passivation) grows while the cell rests and adds to its resistance: a first pulse after a
long rest may fall below 3.0 V for a while (SouthWest Electronic Energy, "Lithium Facts: anode passivation"). A load of
the standard current or more breaks it. Growth and size below are our model; no maker's curve was found.
"""

from dataclasses import dataclass, replace
from typing import Final

from fleet.world.stores.curve import PPM, Point, at, under_load_mv
from fleet.world.stores.flow import YEAR_US, Spell, heat_nj
from fleet.world.stores.store import Step, capacity_nj

# ER10450 (EEMB): 800 mAh, 3.6 V, standard 0.5 mA, at most 25 mA for long and 60 mA in pulses, end at 2.0 V,
# self-discharge 1 % a year. Its resistance is not stated: 10 ohm leave 3.0 V at the pulse limit (modelled, unverified).
CAPACITY_MAH: Final = 800.0
NOMINAL_MV: Final = 3_600
PULSE_NA: Final = 60_000_000
BREAKING_NA: Final = 500_000
LOSS_PPM_A_YEAR: Final = 10_000
CURVE: Final = (
    Point(gone_ppm=0, open_mv=3_600, resistance_mohm=10_000),
    Point(gone_ppm=950_000, open_mv=3_600, resistance_mohm=10_000),
    Point(gone_ppm=PPM, open_mv=2_000, resistance_mohm=20_000),
)
FILM_MOHM: Final = 30_000  # after FILM_US of rest, in proportion before, no more after (unverified)
FILM_US: Final = 90 * 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LiSocl2:
    """One cell. rested_us: how long no load broke its film. Its resistance is taken as of the start of a spell."""

    capacity_nj: int
    stored_nj: int
    rested_us: int = 0

    @property
    def rechargeable(self) -> bool:
        """A primary cell."""
        return False

    @property
    def pulse_na(self) -> int:
        """The maker's limit."""
        return PULSE_NA

    def after(self, spell: Spell) -> Step:
        """Load, heat in cell and film, self-discharge of the capacity at a constant rate. A harvest is lost."""
        drawn_nj, supplied_nj = spell.drawn_nj, spell.supplied_nj
        heat, time_us = heat_nj(spell.squares, self.resistance_mohm()), spell.time_us
        leaked_nj = self.capacity_nj * LOSS_PPM_A_YEAR * time_us // (PPM * YEAR_US)
        rested_us = 0 if spell.peak_na >= BREAKING_NA and time_us else self.rested_us + time_us
        left_nj = self.stored_nj - drawn_nj - heat - leaked_nj
        store = replace(self, stored_nj=left_nj, rested_us=rested_us)
        lost_nj = heat + leaked_nj + supplied_nj
        return Step(store=store, drawn_nj=drawn_nj, supplied_nj=supplied_nj, lost_nj=lost_nj)

    def resistance_mohm(self) -> int:
        """Of the cell and its film."""
        return self._state().resistance_mohm + FILM_MOHM * min(self.rested_us, FILM_US) // FILM_US

    def voltage_mv(self, current_na: int) -> int:
        """V_open - I R, film included."""
        return under_load_mv(self._state().open_mv, current_na, self.resistance_mohm())

    def level_ppm(self) -> int:
        """Share of the charge that is left."""
        return self.stored_nj * PPM // self.capacity_nj

    def empty(self) -> str:
        """Once more was asked for than was in it."""
        return "cell empty" if self.stored_nj < 0 else ""

    def _state(self) -> Point:
        return at(CURVE, self.capacity_nj - self.stored_nj, self.capacity_nj)


def li_socl2(capacity_mah: float | None = None) -> LiSocl2:
    """A fresh cell, 800 mAh unless said."""
    full = capacity_nj("li_socl2", CAPACITY_MAH if capacity_mah is None else capacity_mah, NOMINAL_MV)
    return LiSocl2(capacity_nj=full, stored_nj=full)
