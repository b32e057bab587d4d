"""What computing and paging cost on a board, from its profile, and how paging wears its flash."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from fleet.node.cost import OpCount, compute_na, decimal, energy_nj, step_cost
from fleet.node.profile import Profile

NJ = 10**-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Energy and time of some work."""

    energy_j: float
    time_s: float


def compute_price(profile: Profile, counts: Iterable[OpCount]) -> Price:
    """Of the modelled instructions of a few steps: cycles / clock, times supply times the current of a network."""
    cycles = step_cost(profile, counts).instructions * decimal(profile.cycles_per_instruction)
    time_s = float(cycles / profile.clock_hz)
    return Price(energy_j=profile.supply_mv * 1e-3 * compute_na(profile) * 1e-9 * time_s, time_s=time_s)


def page_out_price(profile: Profile, size_bytes: int) -> Price:
    """Writing to the flash: every least write, and the share of an erase unit that the bytes use up.

    A share, because a page file is written on and on and erased when it is full; fleet.node.cost.flash_cost charges
    whole units, which is right for a model that is replaced at once.
    """
    flash = profile.flash
    writes = -(-size_bytes // flash.program_bytes) * flash.program_us
    time_us = writes + Fraction(size_bytes * flash.erase_us, flash.page_bytes)
    energy = energy_nj(profile.supply_mv, profile.currents.flash_na, round(time_us))
    return Price(energy_j=energy * NJ, time_s=float(time_us) * 1e-6)


def page_in_price(profile: Profile, size_bytes: int) -> Price:
    """Reading from flash that lies in the address space: a copy by the processor."""
    return compute_price(profile, [OpCount(kind="copy", macs=0, elements=size_bytes)])


def steps_to_wear_out(profile: Profile, paged_bytes: int, file_bytes: int) -> int | None:
    """Training steps until a page file of so many bytes has used up its erase cycles; None where nothing is paged."""
    if paged_bytes == 0:
        return None
    return file_bytes * profile.flash.endurance // paged_bytes
