"""What a node must not forget of updates: records of one size in two places of flash, the newest that is whole counts.

"FEUJ" u32 | number u32 | state u8 | attempts u8 | fragments u16 | sequence u32 | security counter u32 | in work u32 |
0 u8 [4] | bitmap u8 [BITMAP_BYTES] | CRC-32 u32, all filled up to whole parts of flash
"""

import struct
from dataclasses import dataclass, replace
from typing import Final
from zlib import crc32

from fleet.node.flash import Flash
from fleet.node.plan.slots import Place

MARK: Final = int.from_bytes(b"FEUJ", "little")
FIELDS: Final = struct.Struct("<IIBBHIII4x")
BITMAP_BYTES: Final = 288
MOST_FRAGMENTS: Final = 8 * BITMAP_BYTES
"""2304: 100 kB in the 2084 fragments of the slowest LoRaWAN data rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """number: of the record. state: of the update. attempts: times that it was given to the bootloader. sequence: the
    highest ever taken whole. in_work: sequence of the update in work. bitmap: fragments that are there, first bit
    lowest.
    """

    number: int = 0
    state: int = 0
    attempts: int = 0
    fragments: int = 0
    sequence: int = 0
    security_counter: int = 0
    in_work: int = 0
    bitmap: bytes = bytes(BITMAP_BYTES)

    def has(self, fragment: int) -> bool:
        """Whether a fragment is there."""
        return bool(self.bitmap[fragment // 8] >> fragment % 8 & 1)

    def marked(self, fragment: int, there: bool) -> "Record":
        """The record with a fragment there, or not."""
        bitmap = bytearray(self.bitmap)
        bit = 1 << fragment % 8
        bitmap[fragment // 8] = bitmap[fragment // 8] & ~bit | (bit if there else 0)
        return replace(self, bitmap=bytes(bitmap))

    def encode(self) -> bytes:
        """Without what fills it up."""
        head = FIELDS.pack(
            MARK,
            self.number,
            self.state,
            self.attempts,
            self.fragments,
            self.sequence,
            self.security_counter,
            self.in_work,
        )
        return head + self.bitmap + crc32(head + self.bitmap).to_bytes(4, "little")


RECORD_BYTES: Final = FIELDS.size + BITMAP_BYTES + 4


class Journal:
    """The records of one node, in two places that are erased in turn."""

    def __init__(self, flash: Flash, places: tuple[Place, Place]) -> None:
        self.flash = flash
        self.places = places
        once = flash.geometry.once_bytes
        self.size_bytes = -(-RECORD_BYTES // once) * once
        self._newest, self._at = self._find()

    @property
    def record(self) -> Record:
        """The newest; of a new node, one that says nothing."""
        return self._newest

    def save(self, record: Record) -> None:
        """Writes a record behind the newest, or into the other place after erasing that."""
        record = replace(record, number=self._newest.number + 1)
        place, index = self._at
        if index * self.size_bytes + self.size_bytes > self.places[place].size_bytes:
            place, index = 1 - place, 0
            self.flash.erase(self.places[place].start, self.places[place].size_bytes)
        self.flash.program(self.places[place].start + index * self.size_bytes, self._filled(record))
        self._newest, self._at = record, (place, index + 1)

    def _filled(self, record: Record) -> bytes:
        return record.encode().ljust(self.size_bytes, b"\xff")

    def _find(self) -> tuple[Record, tuple[int, int]]:
        """The newest record, and where the next one goes: place and index."""
        found, at = Record(), (0, self.places[0].size_bytes // self.size_bytes)
        for place in (0, 1):
            content = self.flash.read(self.places[place].start, self.places[place].size_bytes)
            cells = [content[i : i + self.size_bytes] for i in range(0, len(content), self.size_bytes)]
            used = max((i + 1 for i, cell in enumerate(cells) if cell.count(0xFF) != len(cell)), default=0)
            for cell in cells[:used]:
                record = _decode(cell)
                if record is not None and record.number > found.number:
                    found, at = record, (place, used)
        return found, at


def _decode(cell: bytes) -> Record | None:
    """The record of a cell that is whole."""
    if len(cell) < RECORD_BYTES:
        return None
    body, check = cell[: RECORD_BYTES - 4], cell[RECORD_BYTES - 4 : RECORD_BYTES]
    mark, number, state, attempts, fragments, sequence, counter, in_work = FIELDS.unpack_from(body)
    if mark != MARK or crc32(body).to_bytes(4, "little") != check:
        return None
    return Record(
        number=number,
        state=state,
        attempts=attempts,
        fragments=fragments,
        sequence=sequence,
        security_counter=counter,
        in_work=in_work,
        bitmap=body[FIELDS.size :],
    )
