"""How two images change places: erase here, copy from there, in an order in which every step can be made again.

The orders are those of MCUboot, docs/design.md, sections "Swap using scratch", "move" and "offset". A step reads only
what stays as it is until the next step is recorded, so a step that was cut is made again from its beginning.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fleet.node.flash import Flash
from fleet.node.protocol.ota.mcuboot import Mode, SwapType
from fleet.node.protocol.ota.places import Layout


@dataclass(frozen=True, slots=True)
class Step:
    """Erases size_bytes at `to` and copies used_bytes of them from `source`."""

    to: int
    source: int
    size_bytes: int
    used_bytes: int


def steps(layout: Layout, kind: SwapType, used_bytes: int) -> tuple[Step, ...]:
    """What a swap of envelope and content of so many bytes takes; of two images, the larger one's."""
    makers = {
        Mode.SWAP_SCRATCH: _scratch,
        Mode.SWAP_MOVE: _move,
        Mode.SWAP_OFFSET: _offset_back if kind is SwapType.REVERT else _offset,
        Mode.OVERWRITE: _overwrite,
    }
    return tuple(makers[layout.mode](layout, used_bytes))


def make(flash: Flash, step: Step) -> None:
    """One step."""
    once = flash.geometry.once_bytes
    flash.erase(step.to, step.size_bytes)
    content = flash.read(step.source, -(-step.used_bytes // once) * once)
    if content.count(0xFF) != len(content):
        flash.program(step.to, content)


def _sectors(layout: Layout, used_bytes: int, size_bytes: int) -> Iterator[tuple[int, int, int]]:
    """Offset, size and used bytes of each piece of a slot that holds something."""
    for at in range(0, used_bytes, size_bytes):
        size = min(size_bytes, layout.sectors * layout.sector_bytes - at)
        yield at, size, min(size, used_bytes - at)


def _scratch(layout: Layout, used_bytes: int) -> Iterator[Step]:
    """From the last region down: secondary to scratch, primary to secondary, scratch to primary."""
    assert layout.scratch is not None
    first, second, scratch = layout.primary.start, layout.secondary.start, layout.scratch.start
    for at, size, used in reversed(list(_sectors(layout, used_bytes, layout.scratch.size_bytes))):
        yield Step(scratch, second + at, layout.scratch.size_bytes, used)
        yield Step(second + at, first + at, size, used)
        yield Step(first + at, scratch, size, used)


def _move(layout: Layout, used_bytes: int) -> Iterator[Step]:
    """The primary up by a sector; then from the first sector up: secondary to primary, what was moved to secondary."""
    first, second, sector = layout.primary.start, layout.secondary.start, layout.sector_bytes
    pieces = list(_sectors(layout, used_bytes, sector))
    for at, size, used in reversed(pieces):
        yield Step(first + at + sector, first + at, size, used)
    for at, size, used in pieces:
        yield Step(first + at, second + at, size, used)
        yield Step(second + at, first + at + sector, size, used)


def _offset(layout: Layout, used_bytes: int) -> Iterator[Step]:
    """The new image lies one sector up in the secondary: primary to secondary, the sector above it to primary."""
    first, second, sector = layout.primary.start, layout.secondary.start, layout.sector_bytes
    for at, size, used in _sectors(layout, used_bytes, sector):
        yield Step(second + at, first + at, size, used)
        yield Step(first + at, second + at + sector, size, used)


def _offset_back(layout: Layout, used_bytes: int) -> Iterator[Step]:
    """The same from the last sector down: the old image goes back, the new one lies one sector up again."""
    first, second, sector = layout.primary.start, layout.secondary.start, layout.sector_bytes
    for at, size, used in reversed(list(_sectors(layout, used_bytes, sector))):
        yield Step(second + at + sector, first + at, size, used)
        yield Step(first + at, second + at, size, used)


def _overwrite(layout: Layout, used_bytes: int) -> Iterator[Step]:
    first, second = layout.primary.start, layout.secondary.start
    for at, size, used in _sectors(layout, used_bytes, layout.sector_bytes):
        yield Step(first + at, second + at, size, used)
