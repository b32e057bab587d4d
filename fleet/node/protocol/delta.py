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
LONGEST: Final = 5  # bytes of a number: 6 + 4 * 7 bits
WINDOW_BITS: Final = 8  # of heatshrink, what detools takes by itself; a node has 2^8 bytes for it


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
        """Segments of the new image; a sequential patch makes it in one."""
        if not self.segment_bytes:
            return int(self.to_bytes > 0)
        return -(-self.to_bytes // self.segment_bytes)


def read_head(patch: bytes, from_bytes: int = 0) -> PatchHead:
    """What a patch says of itself. from_bytes: size of the old image, which a sequential one does not say.

    Raises PatchError for what cannot be.
    """
    if not patch:
        raise PatchError("patch: expected a head, got nothing; send it whole")
    kind, compression = patch[0] >> 4, patch[0] & 15
    if kind not in (SEQUENTIAL, IN_PLACE) or compression not in set(Compression):
        got = f"type {kind}, compression {compression}"
        raise PatchError(f"patch: expected sequential or in place, none, crle or heatshrink, got {got}; make it anew")
    at = 1

    def take(count: int) -> bytes:
        nonlocal at
        at += count
        return patch[at - count : at]

    numbers = [read_size(take) for _ in range(5 if kind == IN_PLACE else 1)]
    memory, segment, shift, old, new = numbers if kind == IN_PLACE else (0, 0, 0, from_bytes, numbers[0])
    if min(numbers) < 0 or (kind == IN_PLACE and not _fits(memory, segment, shift, old, new)):
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


def read_size(take: Callable[[int], bytes]) -> int:
    """The next number, of at most 31 bits."""
    value, shift, negative = 0, 0, False
    for length in range(LONGEST):
        piece = take(1)
        if not piece:
            break
        bits = 7 if length else 6
        negative |= not length and bool(piece[0] & 0x40)
        value |= (piece[0] & (1 << bits) - 1) << shift
        shift += bits
        if not piece[0] & 0x80 and value <= LARGEST:
            return -value if negative else value
    raise PatchError("patch: expected a number, got none; send it whole")


def _fits(memory: int, segment: int, shift: int, old: int, new: int) -> bool:
    """Whether the sizes of an in-place patch go together."""
    whole = segment > 0 and memory % segment == 0 and shift % segment == 0
    return whole and 0 < shift <= memory and max(old, new) <= memory


class Stream:
    """The compressed part of a patch, unpacked as far as it is asked for: as it is, crle or heatshrink."""

    __slots__ = ("_back", "_bits", "_byte", "_kind", "_left", "_out", "at", "body", "compression")

    def __init__(self, patch: bytes, head: PatchHead) -> None:
        self.body, self.compression, self.at = patch[head.body :], head.compression, 0
        self._left = self._kind = self._byte = self._back = self._bits = 0
        self._out = bytearray()
        if head.compression is Compression.HEATSHRINK:
            self.at = 8
            if self.body and ((self.body[0] >> 4) + 4 > WINDOW_BITS or self.body[0] & 15 > 12):
                raise PatchError(f"patch: expected a window of {WINDOW_BITS} bits or less, got more; make it with less")

    def take(self, count: int) -> bytes:
        """The next bytes. Raises PatchError if so many are not there."""
        if self.compression is Compression.NONE:
            self.at += count
            return self._whole(self.body[self.at - count : self.at], count)
        piece = bytearray()
        while len(piece) < count:
            run = self._run(count - len(piece))
            if not run:
                break
            piece += run
        return self._whole(bytes(piece), count)

    def is_at_end(self) -> bool:
        """Whether nothing is left; looks at what comes next."""
        if self.compression is Compression.NONE:
            return self.at == len(self.body)
        return not self._run(1)

    def _whole(self, piece: bytes, count: int) -> bytes:
        if len(piece) != count:
            raise PatchError("patch: expected more bytes, got its end; send it whole")
        return piece

    def _run(self, most: int) -> bytes:
        """Some of the next bytes, at most so many; none at the end."""
        return self._crle(most) if self.compression is Compression.CRLE else self._heatshrink()

    def _crle(self, most: int) -> bytes:
        """Runs: kind u8, length, and so many bytes (0) or one byte that is repeated (1)."""
        while not self._left:
            if self.at == len(self.body):
                return b""
            self._kind = self.body[self.at]
            self._left, self.at = _unsigned(self.body, self.at + 1)
            if self._kind > 1 or (self._kind and self.at == len(self.body)):
                raise PatchError("patch: expected a run of crle, got another byte; send it whole")
            self._byte, self.at = (self.body[self.at], self.at + 1) if self._kind else (0, self.at)
        count = min(most, self._left)
        self._left -= count
        if self._kind:
            return bytes([self._byte]) * count
        self.at += count
        return self._whole(self.body[self.at - count : self.at], count)

    def _heatshrink(self) -> bytes:
        """A 1 and a byte, or a 0, how far back and how many; highest bit first."""
        if not self._left:
            if not self.body or self._bit(1) is None:
                return b""
            if self._bits:
                byte = self._bit(8)
                self._out += bytes([byte]) if byte is not None else b""
                return bytes(self._out[-1:]) if byte is not None else b""
            back, count = self._bit((self.body[0] >> 4) + 4), self._bit((self.body[0] & 15) + 3)
            if back is None or count is None:
                return b""
            self._back, self._left = back + 1, count + 1
        self._left -= 1
        self._out.append(self._out[-self._back] if self._back <= len(self._out) else 0)
        return bytes(self._out[-1:])

    def _bit(self, count: int) -> int | None:
        """The next bits as a number, or None if so many are not there."""
        if self.at + count > 8 * len(self.body):
            self.at = 8 * len(self.body)
            return None
        first, last = self.at // 8, -(-(self.at + count) // 8)
        self.at += count
        self._bits = int.from_bytes(self.body[first:last], "big") >> (8 * last - self.at) & ((1 << count) - 1)
        return self._bits


def _unsigned(data: bytes, at: int) -> tuple[int, int]:
    """Lengths of crle: 7 bits a byte, without a sign."""
    value = 0
    for length, byte in enumerate(data[at : at + LONGEST]):
        value |= (byte & 0x7F) << 7 * length
        if not byte & 0x80 and value <= LARGEST:
            return value, at + length + 1
    raise PatchError("patch: expected a length, got none; send it whole")


class Pieces:
    """The segments of a patch, in order."""

    def __init__(self, patch: bytes, head: PatchHead) -> None:
        self.head, self.stream, self.next = head, Stream(patch, head), 0

    def segment(self, read: Callable[[int, int], bytes] | None) -> bytes:
        """The next segment of the new image; of a sequential patch there is one. read: old bytes (offset, count), or
        None to pass over it: then zeros stand for the old bytes. Raises PatchError."""
        head, index = self.head, self.next
        self.next += 1
        at = index * head.segment_bytes
        size = min(head.segment_bytes, head.to_bytes - at) if head.segment_bytes else head.to_bytes
        lowest = max(at + head.segment_bytes, head.shift_bytes)
        most = head.memory_bytes if head.segment_bytes else head.from_bytes
        out, start, empty = bytearray(), lowest, 0
        if self._number() != 0:
            raise PatchError("patch: expected no data format, got one; make it without")
        while len(out) < size:
            before, count = len(out), self._count(size - len(out))
            if count and not lowest <= start <= most - count:
                raise PatchError(
                    f"patch: expected old bytes from {lowest} to {most}, got {count} at {start}; make it anew"
                )
            old = read(start, count) if read and count else bytes(count)
            out += bytes((a + b) & 0xFF for a, b in zip(self.stream.take(count), old, strict=True))
            out += self.stream.take(self._count(size - len(out)))
            start += count + self._number()
            empty += len(out) == before
            if empty > size:
                raise PatchError("patch: expected pieces that hold something, got empty ones; make it anew")
        return bytes(out)

    def _number(self) -> int:
        return read_size(self.stream.take)

    def _count(self, most: int) -> int:
        count = self._number()
        if not 0 <= count <= most:
            raise PatchError(f"patch: expected a piece of at most {most} bytes, got {count}; make it anew")
        return count


def check_patch(patch: bytes) -> PatchHead:
    """Reads a patch to its end, without an image. Raises PatchError for one that a node would not begin."""
    head = read_head(patch)
    pieces = Pieces(patch, head)
    for _ in range(head.segments):
        pieces.segment(None)
    if not pieces.stream.is_at_end():
        raise PatchError("patch: expected its end, got more; send it once")
    return head
