"""Many stores of one kind as a column of what they hold: the arithmetic of the scalar models, the same integers.

Only stores whose whole state is the energy in them: ideal, CR2032, supercapacitor. Functions take and give arrays and
change none, so that a caller books only the rows that hold.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import InputError
from fleet.world.stores.cr2032 import CURVE, Cr2032
from fleet.world.stores.curve import PPM
from fleet.world.stores.decay import bends
from fleet.world.stores.ideal import Ideal
from fleet.world.stores.store import Store
from fleet.world.stores.supercap import Supercap, charge_nj

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
_HALF: Final = 500_000_000
_NANO: Final = 1_000_000_000
_MOST: Final = 2**63 - 1 - _HALF
_POINTS: Final = np.array([(p.gone_ppm, p.open_mv, p.resistance_mohm) for p in CURVE], dtype=np.int64).T.copy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spells:
    """As `Spell`, one for each row, or one number for all of them."""

    time_us: Ints | int
    drawn_nj: Ints | int
    squares: Ints | int
    supplied_nj: Ints | int = 0


class Columns(Protocol):
    """What rows of stores can do. stored_nj: one number for each row."""

    def after(self, stored_nj: Ints, spells: Spells) -> tuple[Ints, Ints, Ints]:
        """Energy stored after a spell, supplied and lost in it; stored + supplied = stored after + drawn + lost."""
        ...

    def fails(self, stored_nj: Ints, current_na: int, brown_out_mv: int) -> Mask:
        """Which rows cannot bear a current in this state; as `failure`."""
        ...

    def reaches(self, stored_nj: Ints, level_ppm: int) -> Mask:
        """Which rows have at least this level; as `level_ppm`."""
        ...


def columns_of(store: Store) -> Columns:
    """The column form of a store; InputError where its state is more than a number."""
    match store:
        case Ideal():
            return IdealColumns(store)
        case Cr2032():
            return Cr2032Columns(store)
        case Supercap():
            return SupercapColumns(store)
    text = (
        f"expected ideal, cr2032 or supercap in so large a fleet, got {type(store).__name__.lower()}; take one of these"
    )
    raise InputError.one("fleet.energy.store", text)


@dataclass(frozen=True, slots=True)
class IdealColumns:
    """Rows of `Ideal`."""

    store: Ideal

    def after(self, stored_nj: Ints, spells: Spells) -> tuple[Ints, Ints, Ints]:
        """As Ideal.after."""
        if self.store.capacity_nj == 0:
            drawn: Ints = np.zeros_like(stored_nj) + spells.drawn_nj
            return stored_nj, drawn, np.zeros_like(stored_nj)
        supplied: Ints = np.zeros_like(stored_nj) + spells.supplied_nj
        charged: Ints = supplied * self.store.charger_permille // 1000
        level: Ints = stored_nj + charged - spells.drawn_nj
        after: Ints = np.minimum(level, self.store.capacity_nj)
        return after, supplied, supplied - charged + (level - after)

    def fails(self, stored_nj: Ints, current_na: int, brown_out_mv: int) -> Mask:  # noqa: ARG002 (of the interface)
        """Rows that were asked for more than they had, or all of too few volts."""
        fails: Mask = (stored_nj < 0) | (self.store.nominal_mv < brown_out_mv)
        return fails

    def reaches(self, stored_nj: Ints, level_ppm: int) -> Mask:
        """Against the least energy of the level; mains reach any."""
        return stored_nj >= _least_nj(level_ppm, self.store.capacity_nj)


@dataclass(frozen=True, slots=True)
class Cr2032Columns:
    """Rows of `Cr2032`."""

    store: Cr2032

    def after(self, stored_nj: Ints, spells: Spells) -> tuple[Ints, Ints, Ints]:
        """As Cr2032.after."""
        heat = _heats_nj(spells.squares, self._state(stored_nj)[1])
        supplied: Ints = np.zeros_like(stored_nj) + spells.supplied_nj
        after: Ints = stored_nj - spells.drawn_nj - heat
        return after, supplied, heat + spells.supplied_nj

    def fails(self, stored_nj: Ints, current_na: int, brown_out_mv: int) -> Mask:
        """Rows that are empty or sag too far; all, where the current is above the limit of a pulse."""
        open_mv, resistance = self._state(stored_nj)
        sagged = open_mv + (-current_na * resistance // _NANO)
        fails: Mask = (stored_nj < 0) | (sagged < brown_out_mv) | (0 < self.store.pulse_na < current_na)
        return fails

    def reaches(self, stored_nj: Ints, level_ppm: int) -> Mask:
        """Against the least energy of the level."""
        return stored_nj >= _least_nj(level_ppm, self.store.capacity_nj)

    def _state(self, stored_nj: Ints) -> tuple[Ints, Ints]:
        """Open voltage and resistance of each row."""
        ppm = shares_ppm(self.store.capacity_nj - stored_nj, self.store.capacity_nj)
        after = np.searchsorted(_POINTS[0], ppm, side="right")
        low, high = after - 1, np.minimum(after, len(CURVE) - 1)
        part = ppm - _POINTS[0][low]
        whole = np.maximum(_POINTS[0][high] - _POINTS[0][low], 1)
        open_mv = _POINTS[1][low] - (_POINTS[1][low] - _POINTS[1][high]) * part // whole
        return open_mv, _POINTS[2][low] + (_POINTS[2][high] - _POINTS[2][low]) * part // whole


@dataclass(frozen=True, slots=True)
class SupercapColumns:
    """Rows of `Supercap`."""

    store: Supercap

    def after(self, stored_nj: Ints, spells: Spells) -> tuple[Ints, Ints, Ints]:
        """As Supercap.after."""
        charged = spells.supplied_nj * self.store.charger_permille // 1000
        heat = _heats_nj(spells.squares, self.store.esr_mohm)
        net = charged - spells.drawn_nj - heat
        leaked = self._leaked_nj(stored_nj, net, spells.time_us)
        level = stored_nj + net - leaked
        over = np.maximum(level - self.store.capacity_nj, 0)
        supplied: Ints = np.zeros_like(stored_nj) + spells.supplied_nj
        return level - over, supplied, leaked + over + (spells.supplied_nj - charged + heat)

    def fails(self, stored_nj: Ints, current_na: int, brown_out_mv: int) -> Mask:
        """Rows with less than the energy that leaves the brown-out voltage behind the sag."""
        least_mv = max(brown_out_mv - (-current_na * self.store.esr_mohm // _NANO), 0)
        least_nj = max(-(-least_mv * least_mv * self.store.capacitance_nf // 2_000_000), 0)
        fails: Mask = stored_nj < least_nj
        return fails

    def reaches(self, stored_nj: Ints, level_ppm: int) -> Mask:
        """Against the least energy of the level."""
        return stored_nj >= _least_nj(level_ppm, charge_nj(self.store.capacitance_nf, self.store.full_mv))

    def _leaked_nj(self, stored_nj: Ints, net_nj: Ints | int, time_us: Ints | int) -> Ints:
        time = np.asarray(time_us, dtype=np.int64)
        x = np.maximum(time, 1) / self.store.decay_us
        lag = bends(x)
        leaked = np.maximum(np.floor(stored_nj * (x - lag) + net_nj * (lag / x) + 0.5), 0.0)
        result: Ints = (leaked * (time > 0)).astype(np.int64)
        return result


def energies_nj(power_pw: Ints | int, time_us: Ints | int) -> Ints:
    """As `energy_nj`."""
    return _products(power_pw, time_us)


def shares_ppm(part_nj: Ints, whole_nj: int) -> Ints:
    """min(part x 10^6 // whole, 10^6), and 0 below 0. The product passes 2^63: a float quotient is put right by one."""
    near = np.clip((part_nj * (PPM / whole_nj)).astype(np.int64), 0, PPM)
    near -= part_nj < _reached_nj(near, whole_nj)
    near += part_nj >= _reached_nj(near + 1, whole_nj)
    return np.clip(near, 0, PPM)


def _reached_nj(ppm: Ints, whole_nj: int) -> Ints:
    """ceil(ppm x whole / 10^6), below 2^63 throughout."""
    thousands, rest = divmod(whole_nj, PPM)
    result: Ints = ppm * thousands - (-(ppm * rest) // PPM)
    return result


def _least_nj(level_ppm: int, capacity_nj: int) -> int:
    """The least energy whose level is at least so high."""
    return -(-level_ppm * capacity_nj // PPM)


def _heats_nj(squares: Ints | int, resistance_mohm: Ints | int) -> Ints:
    """As `heat_nj`."""
    return _products(squares, resistance_mohm)


def _products(left: Ints | int, right: Ints | int) -> Ints:
    """(left x right + 5 x 10^8) // 10^9 of numbers from 0 on, one by one where a product might not fit 64 bits."""
    first, second = np.asarray(left, dtype=np.int64), np.asarray(right, dtype=np.int64)
    if int(first.max(initial=0)) * int(second.max(initial=0)) <= _MOST:
        plain: Ints = (first * second + _HALF) // _NANO
        return plain
    exact: Ints = ((first.astype(object) * second.astype(object) + _HALF) // _NANO).astype(np.int64)
    return exact
