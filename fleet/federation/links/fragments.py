"""A frame in pieces of at most 1 KB, each acknowledged; no I/O here. Little-endian.

Piece:           head | payload, at most PAYLOAD bytes | CRC-32 of all before
Acknowledgement: head of the piece | CRC-32
Head: 'f' 'l' | version u8 | kind u8 | index u16 | count u16 | message u32
message: CRC-32 of the whole frame. Pieces of one frame share it, so a piece that comes twice is known as such.
"""

import struct
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from fleet.base.errors import FleetError

HEAD: Final = struct.Struct("<2sBBHHI")
MARK: Final = b"fl"
VERSION: Final = 1
PIECE: Final = 1
ACK: Final = 2
MOST: Final = 1024
PAYLOAD: Final = MOST - HEAD.size - 4
MOST_PIECES: Final = 4096  # of a frame, 4 MB: what a stranger can make us keep


class LinkError(FleetError):
    """A node that does not answer, or not as it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A datagram as it was understood. payload: empty in an acknowledgement."""

    kind: int
    index: int
    count: int
    message: int
    payload: bytes = b""

    def encoded(self) -> bytes:
        """The datagram."""
        head = HEAD.pack(MARK, VERSION, self.kind, self.index, self.count, self.message)
        return _closed(head + self.payload)

    @property
    def acknowledgement(self) -> "Fragment":
        """What is answered to a piece."""
        return Fragment(kind=ACK, index=self.index, count=self.count, message=self.message)


def split(frame: bytes) -> tuple[Fragment, ...]:
    """The pieces of a frame of 1 byte or more; LinkError when there are more than MOST_PIECES."""
    payloads = [frame[at : at + PAYLOAD] for at in range(0, len(frame), PAYLOAD)]
    if not 0 < len(payloads) <= MOST_PIECES:
        text = f"expected a frame of 1 to {MOST_PIECES * PAYLOAD:,} bytes, got {len(frame):,}"
        raise LinkError(f"link: {text}; check the plan")
    message = crc32(frame)
    return tuple(
        Fragment(kind=PIECE, index=i, count=len(payloads), message=message, payload=payload)
        for i, payload in enumerate(payloads)
    )


def parse(datagram: bytes) -> Fragment | None:
    """The fragment in a datagram; None for one that is damaged, of another version, or none of ours."""
    if not HEAD.size + 4 <= len(datagram) <= MOST or _closed(datagram[:-4]) != datagram:
        return None
    mark, version, kind, index, count, message = HEAD.unpack_from(datagram)
    payload = datagram[HEAD.size : -4]
    if mark != MARK or version != VERSION or not index < count <= MOST_PIECES:
        return None
    whole = bool(payload) if kind == PIECE else kind == ACK and not payload
    return Fragment(kind=kind, index=index, count=count, message=message, payload=payload) if whole else None


class Incoming:
    """Puts the pieces of one frame at a time together."""

    def __init__(self) -> None:
        self._message: tuple[int, int] | None = None  # message and count of what is coming
        self._parts: dict[int, bytes] = {}
        self._done: tuple[int, int] | None = None  # the last one that was whole

    def feed(self, piece: Fragment) -> bytes | None:
        """The frame that this piece completes. Pieces of another frame put away what had come of the last."""
        name = (piece.message, piece.count)
        if name == self._done:
            return None
        if name != self._message:
            self._message, self._parts = name, {}
        self._parts[piece.index] = piece.payload
        if len(self._parts) < piece.count:
            return None
        frame = b"".join(self._parts[i] for i in range(piece.count))
        self._message, self._parts = None, {}
        if crc32(frame) != piece.message:
            return None
        self._done = name
        return frame


def _closed(content: bytes) -> bytes:
    return content + crc32(content).to_bytes(4, "little")
