"""The journal of a run: what cannot be recomputed cheaply, one JSON object a line, appended and synced once a round.

A line is {"crc32": …, "record": …}; the checksum covers the record in canonical JSON (keys sorted, no spaces). A power
cut can tear the last line only: it is cut off. Damage anywhere else is refused, because a replay over it would be
wrong. Byte strings travel as {"base64": …}.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from zlib import crc32

from fleet.base.errors import RunError
from fleet.record.disk import sync_folder

HEADER = {"journal": "mcufleet", "schema": 1}
_ADVICE = "the run cannot be resumed: start it again in another folder"


class Journal:
    """An open journal: records it held when opened (`replay`), and a place to append more."""

    def __init__(self, path: Path, file: IO[bytes], held_bytes: int, held: int) -> None:
        self.path = path
        self.held = held
        self._file = file
        self._held_bytes = held_bytes

    @classmethod
    def open(cls, path: Path) -> "Journal":
        """The journal at path, made when missing; a torn last line is cut off, other damage is a RunError."""
        new = not path.exists()
        file = path.open("a+b")
        try:
            sound_bytes, lines = (0, 0) if new else _sound_part(path)
            file.truncate(sound_bytes)
            journal = cls(path, file, sound_bytes, max(lines - 1, 0))
            if lines == 0:
                journal._begin()
            return journal
        except BaseException:
            file.close()
            raise

    def _begin(self) -> None:
        self.append(dict(HEADER))
        self.sync()
        sync_folder(self.path.parent)
        self._held_bytes = self._file.tell()

    def append(self, record: dict[str, Any]) -> None:
        """Adds one record; it is safe only after the next sync()."""
        self._file.write(_line(record))

    def sync(self) -> None:
        """Returns once everything appended is on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def replay(self) -> Iterator[dict[str, Any]]:
        """The records that the journal held when it was opened, in the order they were appended."""
        with self.path.open("rb") as file:
            file.readline()
            while file.tell() < self._held_bytes:
                yield _from_json(json.loads(file.readline())["record"])

    def close(self) -> None:
        """Syncs and closes."""
        if not self._file.closed:
            self.sync()
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _sound_part(path: Path) -> tuple[int, int]:
    """Length in bytes and number of lines before the end or a torn last line."""
    sound_bytes = lines = 0
    with path.open("rb") as file:
        for line in file:
            if lines == 0 and not _HEADER_LINE.startswith(line):
                raise RunError(f"{path}: expected a journal of schema {HEADER['schema']}, got {line[:80]!r}; {_ADVICE}")
            if not _is_sound(line):
                _refuse_unless_last(path, lines + 1, rest=file.read(1))
                break
            sound_bytes, lines = sound_bytes + len(line), lines + 1
    return sound_bytes, lines


def _refuse_unless_last(path: Path, number: int, rest: bytes) -> None:
    if rest:
        raise RunError(f"{path}: line {number}: expected a record with its checksum, got a damaged one; {_ADVICE}")


def _is_sound(line: bytes) -> bool:
    """Whether a line is complete and its checksum holds."""
    try:
        entry = json.loads(line)
        return line.endswith(b"\n") and crc32(_canonical_json(entry["record"])) == entry["crc32"]
    except (ValueError, KeyError, TypeError):
        return False


def _line(record: dict[str, Any]) -> bytes:
    body = _canonical_json(_to_json(record))
    return b'{"crc32":%d,"record":%s}\n' % (crc32(body), body)


def _canonical_json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _to_json(value: Any) -> Any:
    """The value with byte strings written as {"base64": …}; a dictionary that looks like one is refused."""
    if isinstance(value, bytes | bytearray | memoryview):
        return {"base64": b64encode(value).decode()}
    if isinstance(value, dict):
        if value.keys() == {"base64"} or not all(isinstance(key, str) for key in value):
            raise ValueError(f"journal: expected words as keys and no lone 'base64', got {sorted(map(str, value))}")
        return {key: _to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    return value


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"base64"}:
            return b64decode(value["base64"])
        return {key: _from_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    return value


_HEADER_LINE = _line(HEADER)
