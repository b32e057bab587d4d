"""FlatBuffers, read with distrust: every offset and length is checked before it is used.

A FlatBuffer is a tree of tables that point at each other by offsets (FlatBuffers, "Internals"). Here nothing recurses,
nothing is copied before its length is known to lie inside the file, and counts have an upper limit, so that a damaged
or hostile file costs no more time and memory than a sound one of its size.
"""

from struct import Struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_I32: Final = Struct("<i")
_U32: Final = Struct("<I")
_F32: Final = Struct("<f")
_VTABLE_HEAD: Final = Struct("<HH")  # its own length in bytes, and that of the table
_FORMATS: Final = {kind: Struct("<" + kind) for kind in "?bBiIQ"}
_SIZES: Final = {"<f4": 4, "<i8": 8}
_MOST_FIELDS: Final = 24  # no table of the schema has more
_OFFSETS: Final = tuple(Struct(f"<{count}H") for count in range(_MOST_FIELDS + 1))
_LONGEST_TEXT: Final = 4096


class DamagedError(ValueError):
    """The bytes are no FlatBuffer of the expected shape. The message completes 'expected a whole file, got …'."""


class Table:
    """One table: its fields by the numbers of the schema, in the order of their declaration from 0."""

    __slots__ = ("_at", "_content", "_fields", "_inline")

    def __init__(self, content: bytes, at: int) -> None:
        end = len(content)
        if not 0 <= at <= end - 4:
            raise DamagedError(f"an offset to byte {at} of {end}")
        vtable = at - _I32.unpack_from(content, at)[0]
        if not 0 <= vtable <= end - _VTABLE_HEAD.size:
            raise DamagedError(f"an offset to byte {vtable} of {end}")
        size, inline = _VTABLE_HEAD.unpack_from(content, vtable)
        if size < _VTABLE_HEAD.size or vtable + size > end or inline < _I32.size or at + inline > end:
            raise DamagedError(f"a table at byte {at} that leaves the file")
        count = min((size - _VTABLE_HEAD.size) // 2, _MOST_FIELDS)
        self._content = content
        self._at = at
        self._inline = inline
        self._fields: tuple[int, ...] = _OFFSETS[count].unpack_from(content, vtable + _VTABLE_HEAD.size)

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """A whole number or flag. kind: the letter that `struct` gives its type."""
        form = _FORMATS[kind]
        at = self._place(field, form.size)
        return default if at is None else int(form.unpack_from(self._content, at)[0])

    def real(self, field: int) -> float:
        """A float32; 0 if it is not written."""
        at = self._place(field, 4)
        return 0.0 if at is None else float(_F32.unpack_from(self._content, at)[0])

    def text(self, field: int) -> str:
        """A string, at most 4096 bytes of it; a byte that is not UTF-8 becomes a replacement character."""
        start, count = self._vector(field, 1, len(self._content))
        return self._content[start : start + min(count, _LONGEST_TEXT)].decode("utf-8", "replace")

    def raw(self, field: int) -> memoryview:
        """A vector of bytes, not copied."""
        start, count = self._vector(field, 1, len(self._content))
        return memoryview(self._content)[start : start + count]

    def whole(self, field: int, most: int) -> tuple[int, ...]:
        """A vector of int32, at most so many."""
        start, count = self._vector(field, 4, most)
        return Struct(f"<{count}i").unpack_from(self._content, start) if count else ()

    def values(self, field: int, dtype: str, most: int) -> NDArray[Any]:
        """A vector of numbers, not copied; possibly at an odd address."""
        start, count = self._vector(field, _SIZES[dtype], most)
        return np.frombuffer(self._content, dtype, count, start)

    def table(self, field: int) -> "Table | None":
        """The table that a field points at."""
        at = self._place(field, 4)
        return None if at is None else Table(self._content, self._follow(at))

    def tables(self, field: int, most: int) -> list["Table"]:
        """A vector of tables."""
        start, count = self._vector(field, 4, most)
        return [Table(self._content, self._follow(at)) for at in range(start, start + 4 * count, 4)]

    def has(self, field: int) -> bool:
        """Whether the field is written."""
        return self._place(field, 1) is not None

    def _place(self, field: int, size: int) -> int | None:
        """The first byte of a field; None if it is not written."""
        fields = self._fields
        if field >= len(fields) or (offset := fields[field]) == 0:
            return None
        if offset < _I32.size or offset + size > self._inline:
            raise DamagedError(f"a field outside of its table at byte {self._at}")
        return self._at + offset

    def _vector(self, field: int, size: int, most: int) -> tuple[int, int]:
        """(first byte, how many) of a vector whose members have a size; (0, 0) if it is not written."""
        at = self._place(field, 4)
        if at is None:
            return 0, 0
        head = self._follow(at)
        if head + 4 > len(self._content):
            raise DamagedError(f"an offset to byte {head} of {len(self._content)}")
        (count,) = _U32.unpack_from(self._content, head)
        if head + 4 + count * size > len(self._content):
            raise DamagedError(f"a list at byte {head} that leaves the file")
        if count > most:
            raise DamagedError(f"{count} entries in a list at byte {head} that holds at most {most}")
        return head + 4, count

    def _follow(self, at: int) -> int:
        return at + int(_U32.unpack_from(self._content, at)[0])


def root(content: bytes, identifier: bytes) -> Table:
    """The table at the root of a file that carries the four bytes of the identifier."""
    if content[4:8] != identifier:
        raise DamagedError(f"no mark {identifier.decode()!r} at byte 4")
    return Table(content, _U32.unpack_from(content, 0)[0])
