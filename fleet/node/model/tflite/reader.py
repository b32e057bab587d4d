"""FlatBuffers, read with distrust: every offset and length is checked before it is used.

A FlatBuffer is a tree of tables that point at each other by offsets (FlatBuffers, "Internals"). Here nothing recurses,
nothing is copied before its length is known to lie inside the file, and counts have an upper limit, so that a damaged
or hostile file costs no more time and memory than a sound one of its size.
"""

from struct import Struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

_U16: Final = Struct("<H")
_I32: Final = Struct("<i")
_U32: Final = Struct("<I")
_FORMATS: Final = {kind: Struct("<" + kind) for kind in "?bBiIQf"}
_VTABLE_HEAD: Final = 4  # bytes before a vtable's entries: its own length and that of the table
_LONGEST_TEXT: Final = 4096


class DamagedError(ValueError):
    """The bytes are no FlatBuffer of the expected shape. The message completes 'expected a whole file, got …'."""


class Table:
    """One table: its fields by the numbers of the schema, in the order of their declaration from 0."""

    __slots__ = ("_at", "_content", "_inline", "_vtable", "_vtable_size")

    def __init__(self, content: bytes, at: int) -> None:
        self._content = content
        self._at = at
        self._vtable = at - _read(content, at, _I32)
        self._vtable_size = _read(content, self._vtable, _U16)
        self._inline = _read(content, self._vtable + 2, _U16)
        if self._vtable_size < _VTABLE_HEAD or self._vtable + self._vtable_size > len(content):
            raise DamagedError(f"a table at byte {at} whose list of fields leaves the file")
        if self._inline < _I32.size or at + self._inline > len(content):
            raise DamagedError(f"a table at byte {at} that leaves the file")

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """A whole number or flag. kind: the letter that `struct` gives its type."""
        at = self._place(field, _FORMATS[kind].size)
        return default if at is None else int(_FORMATS[kind].unpack_from(self._content, at)[0])

    def real(self, field: int, default: float = 0.0) -> float:
        """A float32."""
        at = self._place(field, 4)
        return default if at is None else float(_FORMATS["f"].unpack_from(self._content, at)[0])

    def text(self, field: int) -> str:
        """A string, at most 4096 bytes of it; unreadable bytes become question marks in a box."""
        start, count = self._vector(field, 1)
        return self._content[start : start + min(count, _LONGEST_TEXT)].decode("utf-8", "replace")

    def raw(self, field: int) -> memoryview:
        """A vector of bytes, not copied."""
        start, count = self._vector(field, 1)
        return memoryview(self._content)[start : start + count]

    def whole(self, field: int, most: int) -> tuple[int, ...]:
        """A vector of int32, at most so many."""
        start, count = self._vector(field, 4, most)
        return Struct(f"<{count}i").unpack_from(self._content, start) if count else ()

    def values(self, field: int, dtype: str, most: int) -> NDArray[np.generic]:
        """A vector of numbers, not copied; possibly at an odd address."""
        start, count = self._vector(field, np.dtype(dtype).itemsize, most)
        return np.frombuffer(self._content, dtype, count, start)

    def table(self, field: int) -> "Table | None":
        """The table that a field points at."""
        at = self._place(field, 4)
        return None if at is None else Table(self._content, self._follow(at))

    def tables(self, field: int, most: int) -> list["Table"]:
        """A vector of tables."""
        start, count = self._vector(field, 4, most)
        return [Table(self._content, self._follow(start + 4 * i)) for i in range(count)]

    def has(self, field: int) -> bool:
        """Whether the field is written."""
        return self._place(field, 1) is not None

    def _place(self, field: int, size: int) -> int | None:
        entry = _VTABLE_HEAD + 2 * field
        if entry + 2 > self._vtable_size:
            return None
        offset = int(_U16.unpack_from(self._content, self._vtable + entry)[0])
        if offset == 0:
            return None
        if offset < _I32.size or offset + size > self._inline:
            raise DamagedError(f"a field outside of its table at byte {self._at}")
        return self._at + offset

    def _vector(self, field: int, size: int, most: int | None = None) -> tuple[int, int]:
        """(first byte, how many) of a vector whose members have a size; (0, 0) if it is not written."""
        at = self._place(field, 4)
        if at is None:
            return 0, 0
        head = self._follow(at)
        count = _read(self._content, head, _U32)
        if most is not None and count > most:
            raise DamagedError(f"{count} entries in a list at byte {head} that holds at most {most}")
        if head + 4 + count * size > len(self._content):
            raise DamagedError(f"a list at byte {head} that leaves the file")
        return head + 4, count

    def _follow(self, at: int) -> int:
        return at + _read(self._content, at, _U32)


def root(content: bytes, identifier: bytes) -> Table:
    """The table at the root of a file that carries the four bytes of the identifier."""
    if content[4:8] != identifier:
        raise DamagedError(f"no mark {identifier.decode()!r} at byte 4")
    return Table(content, _read(content, 0, _U32))


def _read(content: bytes, at: int, form: Struct) -> int:
    if at < 0 or at + form.size > len(content):
        raise DamagedError(f"an offset to byte {at} of {len(content)}")
    return int(form.unpack_from(content, at)[0])
