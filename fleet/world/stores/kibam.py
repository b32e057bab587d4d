"""The kinetic battery model: charge in two wells, of which only one can be drawn from; the other refills it.

Manwell and McGowan, "Lead acid battery storage model for hybrid energy systems", Solar Energy 50(5), 1993. Of a charge
y0 the share c is available at rest (y1), the rest is bound (y2), and flows over at the rate k' = k / (c (1 - c)). Under
a constant current I the wells are after t, with h = 1 - e^-k't and g = k't - h:

    y1' = y1 + h (c y0 - y1) - (I / k') (h + c g)          y1' + y2' = y0 - I t

The cell is empty when y1 is, though y2 is not; rest recovers y1. Charges are kept as energy at the nominal voltage:
the sum to the nanojoule, y1 rounded to it. Bound energy stays stored, so only what a full cell cannot take is lost: a
harvest above the load goes into the available well, and once that is full (y1 = c C) only as much is taken as flows on
into the bound well, which then nears (1 - c) C at the rate k' c.

Defaults are the Itsy cell of Jongerden and Haverkort, "Which battery model to use?" (IET Software 3(6), 2009).
"""

from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import Final

from fleet.world.stores.curve import PPM
from fleet.world.stores.decay import bend
from fleet.world.stores.flow import Spell
from fleet.world.stores.store import Step, capacity_nj

CAPACITY_MAH: Final = 2_000.0  # 7200 As
NOMINAL_MV: Final = 3_700  # usual of lithium ion; the paper counts charge
AVAILABLE: Final = 0.625
FLOW_PER_H: Final = 0.6912  # k' = k / (c (1 - c)) with k = 4.5e-5 / s


@dataclass(frozen=True, slots=True, kw_only=True)
class Kibam:
    """available_nj: y1; stored_nj: y1 + y2. flow_per_h: k'."""

    capacity_nj: int
    stored_nj: int
    available_nj: int
    available: float = AVAILABLE
    flow_per_h: float = FLOW_PER_H
    nominal_mv: int = NOMINAL_MV
    charger_permille: int = 1000  # of what a harvester gives, what arrives

    @property
    def rechargeable(self) -> bool:
        """The wells fill as they empty."""
        return True

    @property
    def pulse_na(self) -> int:
        """No limit but the available well."""
        return 0

    def after(self, spell: Spell) -> Step:
        """Both wells in closed form."""
        drawn_nj, supplied_nj = spell.drawn_nj, spell.supplied_nj
        charged_nj = supplied_nj * self.charger_permille // 1000
        net_nj = drawn_nj - charged_nj
        available_nj, stored_nj = self._available_after(net_nj, spell.time_us), self.stored_nj - net_nj
        if available_nj > self._well_nj() or stored_nj > self.capacity_nj:
            available_nj = self._well_nj()
            stored_nj = min(self._full_after(net_nj, spell.time_us), stored_nj, self.capacity_nj)
        store = replace(self, stored_nj=stored_nj, available_nj=available_nj)
        lost_nj = supplied_nj - charged_nj + self.stored_nj - net_nj - stored_nj
        return Step(store=store, drawn_nj=drawn_nj, supplied_nj=supplied_nj, lost_nj=lost_nj)

    def voltage_mv(self, current_na: int) -> int:  # noqa: ARG002 (of the interface)
        """Constant."""
        return self.nominal_mv

    def level_ppm(self) -> int:
        """How full the available well is."""
        return self.available_nj * PPM // self._well_nj()

    def empty(self) -> str:
        """Once more was asked for than was available."""
        return "available charge used up" if self.available_nj < 0 else ""

    def _well_nj(self) -> int:
        return round(self.capacity_nj * self.available)

    def _available_after(self, net_nj: int, time_us: int) -> int:
        """y1 after net_nj were drawn evenly over a time."""
        if time_us == 0:
            return self.available_nj
        x = self.flow_per_h * time_us / 3_600_000_000
        lag = bend(x)
        relaxed = x - lag  # 1 - e^-x
        flow = relaxed * (self.available * self.stored_nj - self.available_nj)
        return round(self.available_nj + flow - net_nj / x * (relaxed + self.available * lag))

    def _full_after(self, net_nj: int, time_us: int) -> int:
        """y1 + y2 after a harvest that fills the available well on the way."""
        well_nj = self._well_nj()
        full_us = bisect_right(
            range(time_us), well_nj, key=lambda t_us: self._available_after(net_nj * t_us // time_us, t_us)
        )
        bound_nj = self.stored_nj - net_nj * full_us // time_us - well_nj
        x = self.flow_per_h * self.available * (time_us - full_us) / 3_600_000_000
        return well_nj + bound_nj + round((self.capacity_nj - well_nj - bound_nj) * (x - bend(x)))


def kibam(
    capacity_mah: float | None = None,
    voltage_mv: int = NOMINAL_MV,
    available: float = AVAILABLE,
    flow: float = FLOW_PER_H,
    charger: float = 1.0,
) -> Kibam:
    """A full cell at rest."""
    full = capacity_nj("kibam", CAPACITY_MAH if capacity_mah is None else capacity_mah, voltage_mv)
    return Kibam(
        capacity_nj=full,
        stored_nj=full,
        available_nj=round(full * available),
        available=available,
        flow_per_h=flow,
        nominal_mv=voltage_mv,
        charger_permille=round(1000 * charger),
    )
