"""Patches of detools, read as a node reads them: nothing of their content is trusted. The same as fe_patch.c.

Format (detools 0.53): a byte, pad 1 bit, type 3 bits, compression 4 bits; sizes as numbers of 6, then 7 bits, lowest
first, bit 7: more follow, bit 6 of the first: negative. In place: memory, segment, shift, old and new size; then,
compressed as one stream, for every segment a 0 and pieces (size, differences, size, new bytes, how far the old ones
jump). Sequential: new size; then a 0 and pieces.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fleet.base.errors import FleetError
from fleet.node.protocol.manifest import Compression, Format

SEQUENTIAL, IN_PLACE = 0, 1
LARGEST: Final = 2**31 - 1
_SHORTEST_SIZE = 10  # bytes of a number that is no longer read: 6 + 9 * 7 bits


class PatchError(FleetError):
    """A patch that does not say what a node can do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchHead:
    """memory, segment, shift, from: of an in-place patch, else 0. body: where the compressed part begins."""

    format: Format
    compression: Compression
    memory_bytes: int
    segment_bytes: int
    shift_bytes: int
    from_bytes: int
    to_bytes: int
    body: int

    @property
    def shifts(self) -> int:
        """Segments of the old image that are moved up."""
        kept = min(self.from_bytes, self.memory_bytes - self.shift_bytes)
        return -(-kept // self.segment_bytes) if self.to_bytes else 0

    @property
    def segments(self) -> int:
        """Segments of the new image."""
        return -(-self.to_bytes // self.segment_bytes)


def read_head(patch: bytes) -> PatchHead:
    """What a patch says of itself. Raises PatchError for what cannot be."""
    if not patch:
        raise PatchError("patch: expected a head, got nothing; send it whole")
    kind, compression = patch[0] >> 4 & 7, patch[0] & 15
    if patch[0] & 0x80 or kind not in (SEQUENTIAL, IN_PLACE) or compression not in set(Compression):
        got = f"type {kind}, compression {compression}"
        raise PatchError(f"patch: expected sequential or in place, none, crle or heatshrink, got {got}; make it anew")
    at, numbers = 1, []
    for _ in range(5 if kind == IN_PLACE else 1):
        number, at = read_size(patch, at)
        numbers.append(number)
    memory, segment, shift, old, new = numbers if kind == IN_PLACE else (0, 0, 0, 0, numbers[0])
    if min(numbers) < 0 or max(numbers) > LARGEST or (kind == IN_PLACE and not _fits(memory, segment, shift, old, new)):
        raise PatchError(f"patch: expected sizes that fit each other, got {numbers}; make it anew")
    return PatchHead(
        format=Format.DELTA_IN_PLACE if kind == IN_PLACE else Format.DELTA,
        compression=Compression(compression),
        memory_bytes=memory,
        segment_bytes=segment,
        shift_bytes=shift,
        from_bytes=old,
        to_bytes=new,
        body=at,
    )


def _fits(memory: int, segment: int, shift: int, old: int, new: int) -> bool:
    return (
        segment > 0 and 0 < shift <= memory and not memory % segment and not shift % segment and max(old, new) <= memory
    )


def read_size(data: bytes, at: int) -> tuple[int, int]:
    """The number at a place, and the place behind it."""
    value, shift = 0, 6
    for length in range(_SHORTEST_SIZE):
        if at + length >= len(data):
            break
        byte = data[at + length]
        if length == 0:
            value = byte & 0x3F
        else:
            value |= (byte & 0x7F) << shift
            shift += 7
        if not byte & 0x80:
            return (-value if data[at] & 0x40 else value), at + length + 1
    raise PatchError("patch: expected a number, got its beginning; send it whole")


def unpacked(patch: bytes, head: PatchHead, most_bytes: int) -> bytes:
    """The stream behind the head, of at most so many bytes."""
    body = patch[head.body :]
    if head.compression is Compression.CRLE:
        return _crle(body, most_bytes)
    if head.compression is Compression.HEATSHRINK:
        return heatshrink(body, most_bytes)
    return body


def _crle(body: bytes, most_bytes: int) -> bytes:
    """Runs: kind u8, length, and so many bytes (0) or one byte that is repeated (1)."""
    out, at = bytearray(), 0
    while at < len(body):
        kind = body[at]
        length, at = _unsigned(body, at + 1)
        if kind > 1 or length > most_bytes - len(out) or at + (1 if kind else length) > len(body):
            raise PatchError("patch: expected runs of crle that fit, got others; send it whole")
        out += body[at : at + 1] * length if kind else body[at : at + length]
        at += 1 if kind else length
    return bytes(out)


def _unsigned(data: bytes, at: int) -> tuple[int, int]:
    """Lengths of crle: 7 bits a byte, without a sign."""
    value = 0
    for length in range(5):
        if at + length >= len(data):
            break
        value |= (data[at + length] & 0x7F) << 7 * length
        if not data[at + length] & 0x80:
            return value, at + length + 1
    raise PatchError("patch: expected a length, got its beginning; send it whole")


def heatshrink(body: bytes, most_bytes: int) -> bytes:
    """LZSS of heatshrink: a byte with window and lookahead bits; then 1 and a byte, or 0, how far back and how many."""
    if not body:
        return b""
    window, ahead = (body[0] >> 4) + 4, (body[0] & 15) + 3
    out, bits, at, end = bytearray(), int.from_bytes(body[1:], "big"), 0, 8 * (len(body) - 1)

    def take(count: int) -> int:
        nonlocal at
        at += count
        return bits >> end - at & (1 << count) - 1

    while at + 9 <= end:
        if take(1):
            out.append(take(8))
            continue
        if at + window + ahead > end:
            break
        back, count = take(window) + 1, take(ahead) + 1
        if count > most_bytes - len(out):
            raise PatchError("patch: expected a stream of heatshrink that fits, got a longer one; send it whole")
        for _ in range(count):
            out.append(out[-back] if back <= len(out) else 0)
    return bytes(out)


@dataclass(slots=True)
class Pieces:
    """The unpacked stream of a patch, read piece by piece."""

    data: bytes
    at: int = 0

    def segment(self, to_bytes: int, start: int, read: Callable[[int, int], bytes] | None) -> bytes:
        """The next to_bytes new bytes. start: where the old ones are read first. read: old bytes (address, count), or
        None to pass over the segment. Raises PatchError for a piece that is longer than what is left."""
        out = bytearray()
        if self._size() != 0:
            raise PatchError("patch: expected no data format, got one; make it without")
        while len(out) < to_bytes:
            count = self._count(to_bytes - len(out))
            differences = self._take(count)
            if count:
                old = read(start, count) if read else bytes(count)
                out += bytes((a + b) & 0xFF for a, b in zip(differences, old, strict=True))
                start += count
            out += self._take(self._count(to_bytes - len(out)))
            start += self._size()
        return bytes(out)

    @property
    def is_at_end(self) -> bool:
        """Whether nothing is left."""
        return self.at == len(self.data)

    def _size(self) -> int:
        number, self.at = read_size(self.data, self.at)
        return number

    def _count(self, most: int) -> int:
        count = self._size()
        if not 0 <= count <= most:
            raise PatchError(f"patch: expected a piece of at most {most} bytes, got {count}; make it anew")
        return count

    def _take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise PatchError("patch: expected more bytes, got its end; send it whole")
        self.at += count
        return self.data[self.at - count : self.at]


def most_unpacked(head: PatchHead) -> int:
    """How long the stream of a patch with this head can be: no piece is longer than three numbers and its bytes, and no
    piece but the last of a segment is empty."""
    segments = head.segments if head.segment_bytes else 1
    return segments * (1 + 3 * _SHORTEST_SIZE) + head.to_bytes * (1 + 3 * _SHORTEST_SIZE)
