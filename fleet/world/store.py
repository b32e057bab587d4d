"""Energy stores: how much they hold, and how far their voltage sags under a current. Pure: state in, state out.

Energy is counted at the nominal voltage of the cell, whatever voltage the board is supplied with: an ideal converter
between the two (modelled). Self-discharge and recovery after rest are not modelled.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from fleet.base.errors import InputError

NJ_PER_MAH_MV: Final = 3_600_000  # 1 mAh x 1 mV = 3.6 C x 10^-3 V = 3.6 mJ
PPM: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """State of a cell after a share of its capacity was drawn; between two points values lie on a straight line."""

    drawn_ppm: int
    open_mv: int  # voltage without load
    resistance_mohm: int  # equivalent series resistance


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One energy store. capacity_nj 0: no end. curve: from 0 ppm, ascending; the voltage under a load never rises."""

    capacity_nj: int
    curve: tuple[Point, ...]
    drawn_nj: int = 0

    def after(self, energy_nj: int) -> "Store":
        """The store after energy was drawn."""
        return replace(self, drawn_nj=self.drawn_nj + energy_nj)

    def voltage_mv(self, current_na: int) -> int:
        """Voltage at the terminals under a current, in millivolts: V = V_open - I R, both at this state of charge."""
        point = self._state()
        return point.open_mv + (-current_na * point.resistance_mohm // 1_000_000_000)  # nA x mohm = 1e-12 V

    def failure(self, energy_nj: int, current_na: int, brown_out_mv: int) -> str:
        """Why the store cannot give this energy with this current at its end; '' when it can."""
        then = self.after(energy_nj)
        if then.capacity_nj and then.drawn_nj > then.capacity_nj:
            return "cell empty"
        voltage_mv = then.voltage_mv(current_na)
        if voltage_mv < brown_out_mv:
            return f"brown-out: below {brown_out_mv} mV under {current_na // 1000} uA"
        return ""

    def _state(self) -> Point:
        """The point of the curve at the energy drawn."""
        drawn_ppm = min(self.drawn_nj * PPM // self.capacity_nj, PPM) if self.capacity_nj else 0
        after = bisect_right(self.curve, drawn_ppm, key=lambda point: point.drawn_ppm)
        low = self.curve[after - 1]
        if after == len(self.curve):
            return low
        high = self.curve[after]
        part, whole = drawn_ppm - low.drawn_ppm, high.drawn_ppm - low.drawn_ppm
        return Point(
            drawn_ppm=drawn_ppm,
            open_mv=low.open_mv - (low.open_mv - high.open_mv) * part // whole,
            resistance_mohm=low.resistance_mohm + (high.resistance_mohm - low.resistance_mohm) * part // whole,
        )


# CR2032. Voltage: 3.0 V nominal, 2.8 V after 170 mAh, "drops sharply" from there to the 2.0 V that end the capacity
# (note on a Duracell CR2032 data sheet, interactive-matter.eu, 2009). Resistance: 10 ohm fresh to 40 ohm at the end
# (typical range in texts on the cell), 20 ohm at 150 mAh and 30 ohm at 170 mAh (the same note). Quoted from such texts,
# not from a maker's document; straight lines between the points are our model. Shares are of 225 mAh.
_CR2032: Final = (
    Point(drawn_ppm=0, open_mv=3_000, resistance_mohm=10_000),
    Point(drawn_ppm=666_666, open_mv=2_824, resistance_mohm=20_000),
    Point(drawn_ppm=755_555, open_mv=2_800, resistance_mohm=30_000),
    Point(drawn_ppm=PPM, open_mv=2_000, resistance_mohm=40_000),
)
CR2032_MAH: Final = 225.0  # usual design figure of a CR2032 to 2.0 V; makers state 225 to 240
NOMINAL_MV: Final = 3_000


def cr2032(capacity_mah: float | None = None) -> Store:
    """A fresh CR2032 coin cell, 225 mAh unless said; its voltage and resistance follow the share drawn."""
    capacity_nj = _capacity_nj("cr2032", CR2032_MAH if capacity_mah is None else capacity_mah)
    return Store(capacity_nj=capacity_nj, curve=_CR2032)


def ideal(capacity_mah: float | None = None, voltage_mv: int = NOMINAL_MV) -> Store:
    """A source of constant voltage without resistance; without a capacity it has no end, as mains."""
    capacity_nj = 0 if capacity_mah is None else _capacity_nj("ideal", capacity_mah, voltage_mv)
    return Store(capacity_nj=capacity_nj, curve=(Point(drawn_ppm=0, open_mv=voltage_mv, resistance_mohm=0),))


def _capacity_nj(kind: str, capacity_mah: float, voltage_mv: int = NOMINAL_MV) -> int:
    capacity_nj = round(capacity_mah * NJ_PER_MAH_MV * voltage_mv)
    if capacity_nj <= 0:
        text = f"expected more than 0 mAh, got {capacity_mah}; give the capacity of a fresh cell"
        raise InputError.one(f"energy.{kind}.capacity_mah", text)
    return capacity_nj


STORES: Final[dict[str, Callable[..., Store]]] = {"cr2032": cr2032, "ideal": ideal}  # name in a scenario → fresh store
