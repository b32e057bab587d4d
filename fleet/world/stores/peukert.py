"""Peukert's law: a cell of C that was rated over H hours lasts t = H (C / (I H))^k under a constant current I.

A load above the rated current C / H uses up capacity (I H / C)^(k-1) times as fast as it draws energy; at or below it
the capacity holds as rated (the law would promise more than was ever measured). Energy that the law keeps from a
strong load is not turned into heat: it stays in the cell, where nothing gets at it. So nothing is lost here, and an
empty cell may have something stored. W. Peukert, Elektrotechnische Zeitschrift 20, 1897. Only for steady loads: the
law knows no recovery.
"""

from dataclasses import dataclass, replace
from typing import Final

from fleet.world.stores.curve import PPM
from fleet.world.stores.flow import Spell
from fleet.world.stores.store import Step, capacity_nj

CAPACITY_MAH: Final = 1_000.0
NOMINAL_MV: Final = 3_000
EXPONENT: Final = 1.2  # of the worked example; lead-acid 1.1 to 1.3, others lower (general knowledge, unverified)
RATED_US: Final = 72_000_000_000  # 20 h


@dataclass(frozen=True, slots=True, kw_only=True)
class Peukert:
    """used_nj: what the law has used up; stored_nj: what is in it. Both count from the full cell."""

    capacity_nj: int
    stored_nj: int
    used_nj: int = 0
    exponent: float = EXPONENT
    rated_us: int = RATED_US
    nominal_mv: int = NOMINAL_MV

    @property
    def rechargeable(self) -> bool:
        """The law speaks of discharge."""
        return False

    @property
    def pulse_na(self) -> int:
        """No limit."""
        return 0

    def after(self, spell: Spell) -> Step:
        """Capacity is used up by the load's energy times the law's factor."""
        drawn_nj, supplied_nj = spell.drawn_nj, spell.supplied_nj
        used_nj = drawn_nj * self.factor_ppm(spell) // PPM
        store = replace(self, stored_nj=self.stored_nj - drawn_nj, used_nj=self.used_nj + used_nj)
        return Step(store=store, drawn_nj=drawn_nj, supplied_nj=supplied_nj, lost_nj=supplied_nj)

    def factor_ppm(self, spell: Spell) -> int:
        """(I H / C)^(k-1) in whole millionths, so that no last bit of a power counts; I is the mean of the spell."""
        if not spell.time_us:
            return PPM
        rated_nj = self.capacity_nj * spell.time_us / self.rated_us
        ratio = max(spell.drawn_nj / rated_nj, 1.0)
        factor: float = ratio ** (self.exponent - 1.0)
        return round(PPM * factor)

    def voltage_mv(self, current_na: int) -> int:  # noqa: ARG002 (of the interface)
        """Constant."""
        return self.nominal_mv

    def level_ppm(self) -> int:
        """Share of the capacity that the law has not used up."""
        return (self.capacity_nj - self.used_nj) * PPM // self.capacity_nj

    def empty(self) -> str:
        """Once the law has used up more than the capacity."""
        return "cell empty" if self.used_nj > self.capacity_nj else ""


def peukert(
    capacity_mah: float | None = None,
    voltage_mv: int = NOMINAL_MV,
    exponent: float = EXPONENT,
    rated_us: int = RATED_US,
) -> Peukert:
    """A full cell; 1 Ah rated over 20 hours with k = 1.2 unless said."""
    full = capacity_nj("peukert", CAPACITY_MAH if capacity_mah is None else capacity_mah, voltage_mv)
    return Peukert(capacity_nj=full, stored_nj=full, exponent=exponent, rated_us=rated_us, nominal_mv=voltage_mv)
