"""Op counts → instructions → cycles → time → energy. Pure integer functions.

Instructions are modelled per kind of work (the core's table) or counted in an emulator; cycles are always
modelled from them (no emulator measures cycles): profile.cycles_per_instruction carries the known error.
All results are rounded half up, once per quantity.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from fleet.node.cost.kinds import KINDS, OpCount
from fleet.node.cost.table import CoreTable, Kernel, core_table
from fleet.node.profile import Profile

MODELLED = "modelled"
COUNTED = "counted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Instructions, cycles, time and energy of some work. basis: where the instruction count comes from."""

    instructions: int
    cycles: int
    time_us: int
    energy_nj: int
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashCost:
    """Time and energy of rewriting flash, and how many erase units it wears by one cycle."""

    erased_units: int
    time_us: int
    energy_nj: int


def step_cost(profile: Profile, counts: Iterable[OpCount]) -> Cost:
    """Cost of one training step, or of one inference, from its op counts; basis 'modelled'.

    Raises InputError for a board whose core was never counted.
    """
    return _cost(profile, instructions_of(core_table(profile.core), counts), MODELLED)


def instructions_of(table: CoreTable, counts: Iterable[OpCount]) -> int:
    """Modelled instructions: the sum over every amount of each count, times its number of the kind."""
    return round_half_up(sum((_instructions(table, count) for count in counts), Fraction(0)))


def counted_cost(profile: Profile, instructions: int) -> Cost:
    """Cost of a number of instructions that an emulator counted; basis 'counted'."""
    if instructions < 0:
        raise ValueError(f"expected at least 0 instructions, got {instructions}; pass a difference of counters")
    return _cost(profile, instructions, COUNTED)


def energy_nj(supply_mv: int, current_na: int, time_us: int) -> int:
    """Energy drawn from a supply in nanojoules, halves up: mV * nA * us / 10^9, since mV * nA is 10^-12 W."""
    return (supply_mv * current_na * time_us + 500_000_000) // 1_000_000_000


def compute_na(profile: Profile) -> int:
    """Current while a network runs, in nanoamperes: run current times nn_power_factor."""
    return round_half_up(profile.currents.run_na * decimal(profile.nn_power_factor))


def flash_cost(profile: Profile, size_bytes: int) -> FlashCost:
    """Erasing and programming size_bytes at the end of the flash, from the start of an erase unit.

    time = units * erase_us + writes * program_us, both numbers rounded up to whole units and writes.
    """
    flash = profile.flash
    units = -(-size_bytes // flash.page_bytes)
    time_us = units * flash.erase_us + -(-size_bytes // flash.program_bytes) * flash.program_us
    energy = energy_nj(profile.supply_mv, profile.currents.flash_na, time_us)
    return FlashCost(erased_units=units, time_us=time_us, energy_nj=energy)


def round_half_up(value: Fraction) -> int:
    """The nearest integer; the upper one of two."""
    return (value + Fraction(1, 2)).__floor__()


def decimal(value: float) -> Fraction:
    """A profile's number as it was written: 1.56 is 39/25, not its binary neighbour."""
    return Fraction(repr(value))


def _instructions(table: CoreTable, count: OpCount) -> Fraction:
    if count.kind not in KINDS:
        raise ValueError(f"expected one of {', '.join(KINDS)}, got '{count.kind}'; name the plan step's kind")
    return instructions_by(table.kernel(count.kind), count)


def instructions_by(kernel: Kernel, count: OpCount) -> Fraction:
    """Calls, taps, MACs, elements, weights and channels, each times its number of the kind."""
    return (
        count.calls * decimal(kernel.per_call)
        + count.taps * decimal(kernel.per_tap)
        + count.macs * decimal(kernel.per_mac)
        + count.elements * decimal(kernel.per_element)
        + count.weights * decimal(kernel.per_weight)
        + count.channels * decimal(kernel.per_channel)
    )


def _cost(profile: Profile, instructions: int, basis: str) -> Cost:
    """cycles = instructions * cycles_per_instruction; time = cycles / clock; energy = supply * current * time."""
    cycles = round_half_up(instructions * decimal(profile.cycles_per_instruction))
    time_us = round_half_up(Fraction(cycles * 10**6, profile.clock_hz))
    energy = energy_nj(profile.supply_mv, compute_na(profile), time_us)
    return Cost(instructions=instructions, cycles=cycles, time_us=time_us, energy_nj=energy, basis=basis)
