"""A supercapacitor behind an ideal converter: E = C V^2 / 2, leakage through a resistance, sag over another.

With a constant power p into it (harvest, less load, less I^2 R of its series resistance) and V / R leaking away,
dE/dt = p - 2 E / (R C): a linear equation, whatever the voltage does. With T = R C / 2 and x = t / T, what leaks is
E (1 - e^-x) + p T (e^-x - 1 + x). The current in I^2 R is the board's own at its supply voltage; from a capacitor of
fewer volts it is larger (at 1.8 V of 3.0 V, 2.8 times the heat, itself a few per mille of the load).
"""

from dataclasses import dataclass, replace
from math import floor, isqrt
from typing import Final

from fleet.base.errors import InputError
from fleet.world.stores.curve import PPM, under_load_mv
from fleet.world.stores.decay import bend
from fleet.world.stores.flow import Spell, heat_nj
from fleet.world.stores.store import Step

CAPACITANCE_NF: Final = 100_000_000  # the 100 mF of the worked example
FULL_MV: Final = 3_000
RESISTANCE_MOHM: Final = 1_000  # unverified; data sheets state 0.03 to tens of ohms by size
LEAK_NA_PER_F: Final = (
    3_000  # AVX SCCT20B106PRB, 10 F and 2.7 V: at most 30 uA after 72 h (hackaday.io, project 160470)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Supercap:
    """full_mv: its harvester stops there. leak_mohm: the resistance that leaks."""

    capacitance_nf: int
    full_mv: int
    leak_mohm: int
    esr_mohm: int
    stored_nj: int
    charger_permille: int = 1000  # of what a harvester gives, what arrives

    @property
    def capacity_nj(self) -> int:
        """Energy at full voltage."""
        return charge_nj(self.capacitance_nf, self.full_mv)

    @property
    def rechargeable(self) -> bool:
        """A capacitor."""
        return True

    @property
    def pulse_na(self) -> int:
        """No limit but the sag."""
        return 0

    @property
    def decay_us(self) -> float:
        """T = R C / 2, over which e times less energy is left without a load."""
        return self.leak_mohm * self.capacitance_nf / 2e6

    def after(self, spell: Spell) -> Step:
        """The energy relaxes to one level and passes no other, so cutting it at full at the end cuts every moment."""
        drawn_nj, supplied_nj = spell.drawn_nj, spell.supplied_nj
        charged_nj = supplied_nj * self.charger_permille // 1000
        heat = heat_nj(spell.squares, self.esr_mohm)
        net_nj = charged_nj - drawn_nj - heat
        leaked_nj = self._leaked_nj(net_nj, spell.time_us)
        level_nj = self.stored_nj + net_nj - leaked_nj
        over_nj = max(level_nj - self.capacity_nj, 0)
        lost_nj = supplied_nj - charged_nj + heat + leaked_nj + over_nj
        store = replace(self, stored_nj=level_nj - over_nj)
        return Step(store=store, drawn_nj=drawn_nj, supplied_nj=supplied_nj, lost_nj=lost_nj)

    def voltage_mv(self, current_na: int) -> int:
        """sqrt(2 E / C) - I R, rounded down."""
        open_mv = isqrt(max(self.stored_nj, 0) * 2_000_000 // self.capacitance_nf)
        return under_load_mv(open_mv, current_na, self.esr_mohm)

    def level_ppm(self) -> int:
        """Share of the energy at full voltage."""
        return self.stored_nj * PPM // self.capacity_nj

    def empty(self) -> str:
        """Once more was asked for than was in it."""
        return "capacitor empty" if self.stored_nj < 0 else ""

    def _leaked_nj(self, net_nj: int, time_us: int) -> int:
        """What leaks while net_nj come in evenly; a capacitor without charge leaks nothing."""
        if time_us == 0:
            return 0
        x = time_us / self.decay_us
        lag = bend(x)
        return max(floor(self.stored_nj * (x - lag) + net_nj * (lag / x) + 0.5), 0)


def charge_nj(capacitance_nf: int, voltage_mv: int) -> int:
    """C V^2 / 2: nF x mV^2 = 10^-6 nJ."""
    return capacitance_nf * voltage_mv * voltage_mv // 2_000_000


def usual_leak_mohm(capacitance_nf: int, full_mv: int) -> int:
    """The resistance that leaks 3 uA per farad at full voltage: mV x 10^9 / (nA / F x nF / 10^9) in mohm."""
    return full_mv * 10**18 // (LEAK_NA_PER_F * capacitance_nf)


def supercap(
    capacitance_nf: int = CAPACITANCE_NF,
    voltage_mv: int = FULL_MV,
    leak_mohm: int | None = None,
    resistance_mohm: int = RESISTANCE_MOHM,
    charger: float = 1.0,
) -> Supercap:
    """A full one of 100 mF and 3.0 V unless said. leak_mohm: by default what leaks 3 uA per farad."""
    full_nj = charge_nj(capacitance_nf, voltage_mv)
    if full_nj <= 0:
        text = f"expected charge in it, got {capacitance_nf} nF at {voltage_mv} mV; give more of either"
        raise InputError.one("energy.supercap.capacitance", text)
    return Supercap(
        capacitance_nf=capacitance_nf,
        full_mv=voltage_mv,
        leak_mohm=usual_leak_mohm(capacitance_nf, voltage_mv) if leak_mohm is None else leak_mohm,
        esr_mohm=resistance_mohm,
        stored_nj=full_nj,
        charger_permille=round(1000 * charger),
    )
