"""Where things lie in the flash of a node that is updated: journal, two slots, what a mode needs beside them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fleet.base.errors import DoesNotFit
from fleet.node.flash import Geometry, Unit
from fleet.node.plan.slots import Place
from fleet.node.protocol.admission import ENVELOPE_BYTES
from fleet.node.protocol.ota.journal import RECORD_BYTES
from fleet.node.protocol.ota.mcuboot import SWAPS, Mode, trailer_bytes

SHIFT_UNITS: Final = 2
"""Free units that an in-place delta moves the old image up by, at least: what detools takes by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """primary, secondary: slots, each envelope | content | trailer. scratch: of MCUboot's swap, else None. sectors:
    that envelope and content take at most. trailer_bytes: at the end of a slot, in units of its own but with
    DIRECT_XIP.

    An in-place delta has its memory in the primary slot behind units for the envelope, and its patch in the secondary.
    """

    mode: Mode
    geometry: Geometry
    journal: tuple[Place, Place]
    primary: Place
    secondary: Place
    scratch: Place | None
    sector_bytes: int
    sectors: int
    trailer_bytes: int

    @property
    def align_bytes(self) -> int:
        """What fields of a trailer are filled up to: MCUboot's 8, or a larger least write."""
        return max(8, self.geometry.once_bytes)

    @property
    def head_bytes(self) -> int:
        """Before the content of the primary slot."""
        return _whole(ENVELOPE_BYTES, self.sector_bytes) if self.mode is Mode.IN_PLACE else ENVELOPE_BYTES

    @property
    def room_bytes(self) -> int:
        """For content."""
        return self.sectors * self.sector_bytes - (0 if self.mode is Mode.IN_PLACE else ENVELOPE_BYTES)

    @property
    def memory_bytes(self) -> int:
        """What an in-place delta works in."""
        return self.primary.size_bytes - self.head_bytes

    def download(self, running: Place) -> int:
        """Address where what is pushed goes, envelope first. running: the slot in use."""
        if self.mode is Mode.DIRECT_XIP:
            return self.other(running).start
        return self.secondary.start + (self.sector_bytes if self.mode is Mode.SWAP_OFFSET else 0)

    def other(self, slot: Place) -> Place:
        """The slot beside it."""
        return self.secondary if slot == self.primary else self.primary


def layout_of(geometry: Geometry, mode: Mode, content_bytes: int, *, scratch_units: int = 1) -> Layout:
    """Places for content of up to so many bytes, from the first unit up. Raises DoesNotFit with the arithmetic."""
    units = iter(geometry.units)
    journal = (_take(units, geometry, RECORD_BYTES), _take(units, geometry, RECORD_BYTES))
    rest = tuple(unit for unit in geometry.units if unit.start >= journal[1].start + journal[1].size_bytes)
    sector = rest[0].size_bytes if rest else 0
    _check_equal(rest, mode)
    head = 0 if mode is Mode.IN_PLACE else ENVELOPE_BYTES
    sectors = -(-(head + content_bytes) // max(1, sector))
    trailer = trailer_bytes(mode, max(8, geometry.once_bytes), geometry.once_bytes, 2 * sectors + SHIFT_UNITS)
    first, second = _slot_bytes(mode, sectors, sector, trailer)
    return Layout(
        mode=mode,
        geometry=geometry,
        journal=journal,
        primary=_take(units, geometry, first),
        secondary=_take(units, geometry, second),
        scratch=_take(units, geometry, scratch_units * sector) if mode is Mode.SWAP_SCRATCH else None,
        sector_bytes=sector,
        sectors=sectors,
        trailer_bytes=trailer,
    )


def _slot_bytes(mode: Mode, sectors: int, sector: int, trailer: int) -> tuple[int, int]:
    """Bytes of primary and secondary slot. Only DIRECT_XIP has a trailer in a unit with content."""
    own = _whole(trailer, sector)
    if mode is Mode.DIRECT_XIP:
        return (sectors * sector + trailer,) * 2
    if mode is Mode.IN_PLACE:
        head = _whole(ENVELOPE_BYTES, sector)
        return head + (sectors + SHIFT_UNITS) * sector, head + sectors * sector + own
    moved = sector if mode in (Mode.SWAP_MOVE, Mode.SWAP_OFFSET) else 0
    return (sectors * sector + moved + own,) * 2


def _whole(size_bytes: int, sector: int) -> int:
    """Bytes of the sectors that hold so many."""
    return -(-size_bytes // max(1, sector)) * sector


def _take(units: Iterator[Unit], geometry: Geometry, size_bytes: int) -> Place:
    start, end = None, 0
    for unit in units:
        start, end = unit.start if start is None else start, unit.end
        if end - start >= size_bytes:
            return Place(start=start, size_bytes=end - start)
    total, left = geometry.end - geometry.start, 0 if start is None else end - start
    raise DoesNotFit(
        f"update places: expected {size_bytes:,} B more, got the end of {total:,} B of flash, of which {left:,} are "
        "left; take a larger part, a mode without a scratch area, or smaller content"
    )


def _check_equal(units: tuple[Unit, ...], mode: Mode) -> None:
    sizes = sorted({unit.size_bytes for unit in units})
    if mode is not Mode.DIRECT_XIP and len(sizes) != 1:
        listed = ", ".join(f"{size:,}" for size in sizes)
        text = (
            f"expected erase units of one size for {mode.name}, got {listed} B; take DIRECT_XIP or a part of the flash"
        )
        raise DoesNotFit(f"update places: {text}")


def swaps(mode: Mode) -> bool:
    """Whether two images change places, so that the old one can come back."""
    return mode in SWAPS
