"""The flash of an emulated board in a file: what a node remembers outlives the process that emulates it.

The file holds the slots of one node as they lie in its flash (SPEC.md, "Slots"). Written whole before a frame leaves
the board, it is never behind what anybody has heard: no counter of a seal comes twice, no rounding either.
"""

from dataclasses import dataclass
from pathlib import Path

from fleet.base.errors import CheckFailed, InputError
from fleet.node.plan.slots import Slots
from fleet.node.wire.slots import CHECKPOINT, SlotError, read_slot
from fleet.record import write_whole


@dataclass(slots=True)
class KeptFlash:
    """A file, and the flash that it holds; b"" where there is none yet. Made by `kept_flash`."""

    path: Path
    content: bytes = b""

    def keep(self, flash: bytes) -> None:
        """Writes the file if the flash has changed. CheckFailed where it cannot: the node must stop then."""
        if flash == self.content:
            return
        try:
            write_whole(self.path, flash)
        except OSError as fault:
            text = f"expected to write what the node must not forget, got '{fault}'; make room, start it again"
            raise CheckFailed(f"{self.path}: {text}") from fault
        self.content = flash


def kept_flash(path: Path, slots: Slots, node: int) -> KeptFlash:
    """The flash that a file holds. InputError for a file that cannot be read, of another size, or of another node."""
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as fault:
        raise InputError.one(str(path), f"expected a file of flash, got '{fault}'; name another") from fault
    if not content:
        return KeptFlash(path)
    size_bytes = slots.end - slots.first
    if len(content) != size_bytes:
        text = f"expected {size_bytes:,} B of slots, as this board and plan have, got {len(content):,}; name another"
        raise InputError.one(str(path), text)
    others = {number for number in _nodes(content, slots) if number != node}
    if others:
        text = f"expected the flash of node {node}, got that of node {min(others)}; name a file for each node"
        raise InputError.one(str(path), text)
    return KeptFlash(path, content)


def _nodes(flash: bytes, slots: Slots) -> set[int]:
    """Nodes whose checkpoints lie there."""
    found = set()
    for place in slots.checkpoints:
        at = place.start - slots.first
        try:
            slot = read_slot(flash[at : at + place.size_bytes])
        except SlotError:
            continue
        if slot.kind == CHECKPOINT:
            found.add(int.from_bytes(slot.content[:4], "little"))
    return found
