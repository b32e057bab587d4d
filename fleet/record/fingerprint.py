"""One hash over everything a run computed, the same on every machine, for any number of threads and any folder.

Hashed are whole numbers and words, table by table and row by row, rows sorted by their columns from left to right.
Not hashed: Parquet bytes (they change with the library), versions, paths, wall-clock time, and every fact in `values`
but the digests of the final weights ('digest:…').
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from hashlib import sha256
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fleet.record.rows import FIRST, TABLES, Row, ValueRow, columns

DIGEST = "digest:"


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Columns:
    """A table of a million rows by columns: a word first, whole numbers after it; the hash is that of its rows.

    words: [n] of str. numbers: int64 [n, columns - 1], in the order of the declaration.
    """

    words: NDArray[np.object_]
    numbers: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.words)


def fingerprint(tables: Mapping[str, Sequence[Row] | Columns]) -> str:
    """64 hexadecimal digits: SHA-256 over the canonical rows of all tables; a table that is missing counts as empty."""
    total = sha256(b"mcufleet record 1\n")
    for place, table in enumerate(TABLES):
        rows = tables.get(table, ())
        if place >= FIRST and not len(rows):
            continue
        if isinstance(rows, Columns):
            _hash_columns(total, table, rows)
        elif table == "values":
            _hash_table(total, table, ("key", "value"), _digests(rows))
        else:
            _hash_table(total, table, columns(table), sorted(astuple(row) for row in rows))
    return total.hexdigest()


def _digests(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """Key and value of the facts that are results, sorted."""
    return sorted((r.key, r.value) for r in rows if isinstance(r, ValueRow) and r.key.startswith(DIGEST))


def _hash_table(total: _Hash, table: str, names: Iterable[str], rows: Sequence[tuple[object, ...]]) -> None:
    for word in (table, *names):
        total.update(_canonical(word))
    total.update(_canonical(len(rows)))
    for row in rows:
        total.update(b"".join(_canonical(cell) for cell in row))


def _hash_columns(total: _Hash, table: str, rows: Columns) -> None:
    """As _hash_table does with the same rows."""
    for word in (table, *columns(table)):
        total.update(_canonical(word))
    total.update(_canonical(len(rows)))
    for word in sorted(set(rows.words)):
        numbers = rows.numbers[rows.words == word]
        numbers = numbers[np.lexsort(numbers.T[::-1])]
        head = np.frombuffer(_canonical(word), dtype=np.uint8)
        cells = numbers.astype("<i8").view(np.uint8).reshape(len(numbers), -1)
        total.update(np.hstack([np.broadcast_to(head, (len(numbers), head.size)), cells]).tobytes())


def _canonical(cell: object) -> bytes:
    """Bytes of one cell: numbers and yes/no as little-endian int64, words as their UTF-8 length and bytes."""
    if isinstance(cell, str):
        encoded = cell.encode()
        return len(encoded).to_bytes(8, "little") + encoded
    if isinstance(cell, int):
        return int(cell).to_bytes(8, "little", signed=True)
    raise TypeError(f"fingerprint: expected whole numbers and words, got {type(cell).__name__} {cell!r}")
