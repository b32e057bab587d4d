"""A source of constant voltage without resistance: mains, or a linear store that gives all that it holds."""

from dataclasses import dataclass, replace
from typing import Final

from fleet.world.stores.curve import PPM
from fleet.world.stores.flow import Spell
from fleet.world.stores.store import Step, capacity_nj

NOMINAL_MV: Final = 3_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ideal:
    """capacity_nj 0: mains, which supplies what is drawn and takes no harvest. With a capacity: Q falls by I t."""

    capacity_nj: int
    stored_nj: int
    nominal_mv: int = NOMINAL_MV
    charger_permille: int = 1000  # of what a harvester gives, what arrives

    @property
    def rechargeable(self) -> bool:
        """Everything with an end can be filled again."""
        return self.capacity_nj > 0

    @property
    def pulse_na(self) -> int:
        """No limit."""
        return 0

    def after(self, spell: Spell) -> Step:
        """A full store wastes what comes on top. The net power is constant, so cutting the end cuts every moment."""
        drawn_nj, supplied_nj = spell.drawn_nj, spell.supplied_nj
        if self.capacity_nj == 0:
            return Step(store=self, drawn_nj=drawn_nj, supplied_nj=drawn_nj, lost_nj=0)
        charged_nj = supplied_nj * self.charger_permille // 1000
        level_nj = self.stored_nj + charged_nj - drawn_nj
        over_nj = max(level_nj - self.capacity_nj, 0)
        lost_nj = supplied_nj - charged_nj + over_nj
        store = replace(self, stored_nj=level_nj - over_nj)
        return Step(store=store, drawn_nj=drawn_nj, supplied_nj=supplied_nj, lost_nj=lost_nj)

    def voltage_mv(self, current_na: int) -> int:  # noqa: ARG002 (of the interface)
        """Constant."""
        return self.nominal_mv

    def level_ppm(self) -> int:
        """Share of the charge that is left; mains are full."""
        return self.stored_nj * PPM // self.capacity_nj if self.capacity_nj else PPM

    def empty(self) -> str:
        """Once more was asked for than was in it."""
        return "cell empty" if self.capacity_nj and self.stored_nj < 0 else ""


def ideal(capacity_mah: float | None = None, voltage_mv: int = NOMINAL_MV, charger: float = 1.0) -> Ideal:
    """A full store; without a capacity it has no end."""
    full = 0 if capacity_mah is None else capacity_nj("ideal", capacity_mah, voltage_mv)
    return Ideal(capacity_nj=full, stored_nj=full, nominal_mv=voltage_mv, charger_permille=round(1000 * charger))
