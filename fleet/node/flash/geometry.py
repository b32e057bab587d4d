"""What a flash is divided into, and what an operation on it takes."""

from dataclasses import dataclass
from typing import Final

from fleet.base.errors import InputError
from fleet.node.cost import energy_nj
from fleet.node.profile import Profile

LARGEST_ONCE_BYTES: Final = 32
"""A part with larger pages takes them in pieces; the slots of the node runtime (engine/SPEC.md) rest on 32 too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRow:
    """Neighbouring erase units of one size."""

    count: int
    size_bytes: int
    erase_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One erase unit. start: its first address."""

    start: int
    size_bytes: int
    erase_us: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.start + self.size_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Erase units by address, the least write and its time, erase cycles that a unit stands, and what the whole chip
    draws while it erases or programs. Of an MRAM erase_us is 0; it is erased all the same."""

    units: tuple[Unit, ...]
    program_bytes: int
    program_us: int
    endurance: int
    supply_mv: int
    flash_na: int

    @classmethod
    def of(
        cls,
        rows: tuple[UnitRow, ...],
        *,
        program_bytes: int,
        program_us: int,
        endurance: int = 10_000,
        start: int = 0,
        supply_mv: int = 3000,
        flash_na: int = 5_000_000,
    ) -> "Geometry":
        """From rows of units. The default current, 5 mA, is the middle of what Microchip lists for SAM D parts
        (IDDPROG, IDDERASE: 1.5 to 10 mA)."""
        units, at = [], start
        for row in rows:
            for _ in range(row.count):
                units.append(Unit(start=at, size_bytes=row.size_bytes, erase_us=row.erase_us))
                at += row.size_bytes
        return cls(
            units=tuple(units),
            program_bytes=program_bytes,
            program_us=program_us,
            endurance=endurance,
            supply_mv=supply_mv,
            flash_na=flash_na,
        )

    def part(self, first: int, count: int) -> "Geometry":
        """Some of its units, as a flash of its own at the same addresses."""
        if not (first >= 0 and 0 < count <= len(self.units) - first):
            raise InputError.one(
                "flash.units", f"expected units of 0 to {len(self.units) - 1}, got {count} from {first}; take fewer"
            )
        return Geometry(
            units=self.units[first : first + count],
            program_bytes=self.program_bytes,
            program_us=self.program_us,
            endurance=self.endurance,
            supply_mv=self.supply_mv,
            flash_na=self.flash_na,
        )

    @property
    def start(self) -> int:
        """The first address."""
        return self.units[0].start

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.units[-1].end

    @property
    def once_bytes(self) -> int:
        """Bytes that are programmed at most once between two erases, at a multiple of their number: what an error
        correction spans, and 32 where the least write is larger."""
        return min(self.program_bytes, LARGEST_ONCE_BYTES)

    def index(self, at: int) -> int:
        """Which erase unit holds an address."""
        low, high = 0, len(self.units)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.units[middle].start <= at else (low, middle)
        return low

    def spanned(self, at: int, size_bytes: int) -> range:
        """The erase units that some bytes lie in."""
        return range(self.index(at), self.index(at + size_bytes - 1) + 1) if size_bytes else range(0)

    def least_writes(self, at: int, size_bytes: int) -> int:
        """How many least writes bytes at an address take; one that is begun counts whole."""
        if not size_bytes:
            return 0
        return (at + size_bytes - 1) // self.program_bytes - at // self.program_bytes + 1

    def write_us(self, at: int, size_bytes: int) -> int:
        """Microseconds to erase and program size_bytes from an address on: whole erase units, whole least writes."""
        erase = sum(self.units[index].erase_us for index in self.spanned(at, size_bytes))
        return erase + self.least_writes(at, size_bytes) * self.program_us

    def energy_nj(self, busy_us: int) -> int:
        """Nanojoules that so long a time of erasing and programming takes."""
        return energy_nj(self.supply_mv, self.flash_na, busy_us)


def geometry_of(profile: Profile) -> Geometry:
    """The whole program flash of a board."""
    flash = profile.flash
    rows = (UnitRow(count=r.count, size_bytes=r.size_bytes, erase_us=r.erase_us) for r in flash.erase_units)
    return Geometry.of(
        tuple(rows),
        program_bytes=flash.program_bytes,
        program_us=flash.program_us,
        endurance=flash.endurance,
        start=flash.start,
        supply_mv=profile.supply_mv,
        flash_na=profile.currents.flash_na,
    )
