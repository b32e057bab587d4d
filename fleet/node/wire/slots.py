"""What a node keeps in a slot of its flash, as bytes: to offer a model, or to read a node's flash. SPEC.md, "Slots";
the same bytes as fe_slot.c."""

import struct
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from fleet.base.errors import FleetError
from fleet.node.plan.slots import HEAD_BYTES, UNIT_BYTES

VERSION: Final = 1
CHECKPOINT, NEW_MODEL, NEW_PLAN = 1, 2, 3
TRIED, CONFIRMED, REJECTED = 2, 3, 4
FIELDS = struct.Struct("<4sBBHIII12x")
MARK = b"FESL"


class SlotError(FleetError):
    """Bytes that are no valid slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """number: of the model, as frames name it. sequence: the higher one is newer. plan: which plan it belongs to."""

    kind: int
    number: int
    sequence: int
    plan: int
    content: bytes

    @property
    def description(self) -> bytes:
        """u8 [64]: fields and digest, the first two units; what a signature is made over."""
        fields = FIELDS.pack(MARK, VERSION, self.kind, self.number, self.sequence, len(self.content), self.plan)
        return fields + sha256(fields + self.content).digest()


def read_slot(flash: bytes) -> Slot:
    """The slot that begins with these bytes; SlotError when none does."""
    if len(flash) < HEAD_BYTES:
        raise SlotError(f"slot: expected {HEAD_BYTES} bytes or more, got {len(flash)}; read the whole place")
    mark, version, kind, number, sequence, length, plan = FIELDS.unpack_from(flash)
    if mark != MARK or version != VERSION or length > len(flash) - HEAD_BYTES:
        raise SlotError(f"slot: expected one of version {VERSION} that fits its place, got {mark!r} of {version}")
    slot = Slot(kind=kind, number=number, sequence=sequence, plan=plan, content=flash[HEAD_BYTES : HEAD_BYTES + length])
    if slot.description != flash[: 2 * UNIT_BYTES]:
        raise SlotError("slot: expected content of the digest, got another; it was not finished")
    return slot


def marked(flash: bytes, mark: int) -> bool:
    """Whether a slot bears a mark: with any of its bits, CONFIRMED only with all."""
    unit = flash[mark * UNIT_BYTES : (mark + 1) * UNIT_BYTES]
    return not any(unit) if mark == CONFIRMED else unit != b"\xff" * UNIT_BYTES
