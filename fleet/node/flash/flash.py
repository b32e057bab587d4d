"""A flash with content, that wears and loses power.

An operation is one call: bytes programmed, or one unit erased. `cut_at` names the one at which the power goes; of it
something happens, chosen by the seed: nothing, its first part, or bits here and there. Not modelled: bits that read
differently each time, and the bus fault that some parts raise where the error correction fails.
"""

from typing import Final

import numpy as np

from fleet.base.rng import Stream, draw32, draws32, key
from fleet.node.flash.geometry import Geometry

ERASED: Final = 0xFF
_FIRST_PART, _BITS = 1, 2
"""How an operation is torn; 0: nothing of it happened."""


class FlashStop(Exception):
    """What ends whatever was using the flash. No error of ours: who plays the world catches it."""


class PowerCut(FlashStop):
    """The power is gone; nothing has an effect until power_on."""


class WornOut(FlashStop):
    """An erase unit beyond its endurance. Real ones fail with rising probability from there on; this one at once."""


class Flash:
    """memory: u8, from geometry.start on, erased at first. wear: erases of each unit so far. operations: since
    power_on. busy_us, least_writes, erases: of all its life."""

    __slots__ = (
        "busy_us", "cut_at", "erases", "geometry", "is_off", "least_writes", "memory", "operations", "seed", "wear",
    )  # fmt: skip

    def __init__(self, geometry: Geometry, *, seed: int = 0) -> None:
        self.geometry = geometry
        self.seed = seed
        self.memory = bytearray([ERASED]) * (geometry.end - geometry.start)
        self.wear = [0] * len(geometry.units)
        self.operations = self.busy_us = self.least_writes = self.erases = 0
        self.cut_at: int | None = None
        self.is_off = False

    def copy(self) -> "Flash":
        """Another flash in the same state."""
        other = Flash.__new__(Flash)
        for name in Flash.__slots__:
            setattr(other, name, getattr(self, name))
        other.memory, other.wear = bytearray(self.memory), list(self.wear)
        return other

    def power_on(self, *, cut_at: int | None = None) -> None:
        """Counts operations from 0 again. cut_at: the operation, from 1, at which the power goes next."""
        self.operations, self.cut_at, self.is_off = 0, cut_at, False

    def read(self, at: int, size_bytes: int) -> bytes:
        """Bytes from an address on."""
        self._check_power()
        first = self._offset(at, size_bytes)
        return bytes(self.memory[first : first + size_bytes])

    def program(self, at: int, data: bytes) -> None:
        """Programs erased bytes. Address and length are multiples of geometry.once_bytes.

        Raises PowerCut, WornOut, and ValueError for what a program may not do: bytes not erased, other multiples.
        """
        self._check_power()
        first, once = self._offset(at, len(data)), self.geometry.once_bytes
        if at % once or len(data) % once:
            raise ValueError(f"flash: expected multiples of {once} B, got {len(data)} B at {at:#x}; fill up with 0xFF")
        if self.memory.count(ERASED, first, first + len(data)) != len(data):
            raise ValueError(f"flash: expected erased bytes from {at:#x} on, got others; program once, then erase")
        if self._counts_cut():
            self._tear_program(first, data)
        for index in self.geometry.spanned(at, len(data)):
            if self.wear[index] > self.geometry.endurance:
                raise WornOut(f"flash unit {index}: {self.wear[index]} erases")
        self.memory[first : first + len(data)] = data
        writes = self.geometry.least_writes(at, len(data))
        self.least_writes += writes
        self.busy_us += writes * self.geometry.program_us

    def erase(self, at: int, size_bytes: int) -> None:
        """Erases whole units, one operation each, from the first up."""
        self._check_power()
        units = self.geometry.spanned(at, size_bytes)
        self._offset(at, size_bytes)
        ends = [(self.geometry.units[units[0]].start, self.geometry.units[units[-1]].end)] if units else []
        if ends != [(at, at + size_bytes)]:
            raise ValueError(f"flash: expected whole erase units, got {size_bytes} B at {at:#x}; see its geometry")
        for index in units:
            self._erase_unit(index)

    def flip(self, at: int, bit: int) -> None:
        """Turns one bit over: what radiation, age or a reader with a probe does. Not an operation."""
        self.memory[self._offset(at, 1)] ^= 1 << bit

    @property
    def energy_nj(self) -> int:
        """Nanojoules of all its erasing and programming."""
        return self.geometry.energy_nj(self.busy_us)

    def _erase_unit(self, index: int) -> None:
        unit = self.geometry.units[index]
        first = unit.start - self.geometry.start
        blank = bytes([ERASED]) * unit.size_bytes
        self.wear[index] += 1
        if self._counts_cut():
            self._tear(first, bytes(self.memory[first : first + unit.size_bytes]), blank)
        self.erases += 1
        self.busy_us += unit.erase_us
        self.memory[first : first + unit.size_bytes] = blank
        if self.wear[index] > self.geometry.endurance:
            self._mix(first, bytes(unit.size_bytes))
            raise WornOut(f"flash unit {index}: {self.wear[index]} erases")

    def _tear_program(self, first: int, data: bytes) -> None:
        """What stands before the part in work is done, what follows untouched."""
        once = self.geometry.once_bytes
        whole = draw32(self._key(), 1) * (len(data) // once) >> 32
        self.memory[first : first + whole * once] = data[: whole * once]
        part = data[whole * once : (whole + 1) * once]
        self._tear(first + whole * once, part, part)

    def _tear(self, first: int, lowest: bytes, done: bytes) -> None:
        """Leaves something on the way to `done`, and ends. lowest: what has every 0 bit that there may be."""
        how = draw32(self._key(), 0) % 3
        if how == _FIRST_PART:
            count = draw32(self._key(), 2) * (len(done) + 1) >> 32
            self.memory[first : first + count] = done[:count]
        elif how == _BITS:
            self._mix(first, lowest)
        self.is_off = True
        raise PowerCut(f"at flash operation {self.operations}")

    def _mix(self, first: int, lowest: bytes) -> None:
        """Each bit that is 0 in `lowest` is 0 or 1, by chance."""
        chance = draws32(self._key(), 16, -(-len(lowest) // 4)).view(np.uint8)[: len(lowest)]
        self.memory[first : first + len(lowest)] = (np.frombuffer(lowest, np.uint8) | chance).tobytes()

    def _key(self) -> int:
        return key(self.seed, Stream.FLASH, self.operations, self.erases)

    def _counts_cut(self) -> bool:
        self.operations += 1
        return self.operations == self.cut_at

    def _check_power(self) -> None:
        if self.is_off:
            raise PowerCut("the power is off")

    def _offset(self, at: int, size_bytes: int) -> int:
        if at < self.geometry.start or size_bytes < 0 or at + size_bytes > self.geometry.end:
            raise ValueError(
                f"flash: expected {self.geometry.start:#x} to {self.geometry.end:#x}, got {size_bytes} B at {at:#x}"
            )
        return at - self.geometry.start
