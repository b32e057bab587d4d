"""The run folder: the only thing a run leaves behind, and the only thing a reader needs.

scenario.yaml      as resolved            journal.jsonl      see fleet.record.journal
versions.json      what it was made with  fingerprint.txt    written last: the run is finished when it is there
tables/<table>/part-NNNNN.parquet         summary.json       the numbers of the final table
"""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fleet.base.errors import RunError
from fleet.record.disk import sweep, sync_folder, write_whole
from fleet.record.fingerprint import Columns, fingerprint
from fleet.record.journal import Journal
from fleet.record.lock import Lock
from fleet.record.rows import TABLES, Row, check, columns, meanings

SCHEMA = 1
R = TypeVar("R", bound=Row)
_ARROW = {int: pa.int64(), str: pa.string(), bool: pa.bool_()}
_NUMPY: Final[dict[type, Any]] = {int: np.int64, str: object, bool: np.bool_}
LARGE: Final = ("totals",)
"""Tables that are read and hashed by columns: a word first, whole numbers after it."""


class RunFolder:
    """One run folder, open for reading, or for writing by exactly one process."""

    def __init__(self, path: Path, lock: Lock | None) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def create(cls, path: Path, scenario_yaml: str, versions: Mapping[str, str]) -> "RunFolder":
        """A new run folder, open for writing; path must be missing or an empty folder."""
        path = Path(path)
        _make_empty_folder(path)
        folder = cls(path, Lock.take(path))
        (path / "tables").mkdir()
        write_whole(path / "scenario.yaml", scenario_yaml.encode())
        # Written last: a folder without it is none of ours.
        folder._write_json("versions.json", {"record": SCHEMA, **versions})
        sync_folder(path)
        return folder

    @classmethod
    def open(cls, path: Path, *, writing: bool = False) -> "RunFolder":
        """A run folder that exists; with writing=True (resume) it is locked and leftovers of a crash are removed."""
        path = Path(path)
        _check_schema(path)
        lock = Lock.take(path) if writing else None
        if writing:
            sweep(path)
        return cls(path, lock)

    def close(self) -> None:
        """Gives the lock back; reading stays possible."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def scenario_yaml(self) -> str:
        """The scenario as resolved."""
        try:
            return (self.path / "scenario.yaml").read_text()
        except OSError as error:
            raise RunError(f"{self.path}: expected its scenario.yaml, got {error}; the folder is damaged") from error

    @property
    def versions(self) -> dict[str, str]:
        """What the run was made with: name to version."""
        return {key: str(value) for key, value in _read_json(self.path / "versions.json").items()}

    @property
    def fingerprint(self) -> str | None:
        """The fingerprint as written at the end of the run; None while it is unfinished."""
        file = self.path / "fingerprint.txt"
        return file.read_text().strip() if file.exists() else None

    @property
    def summary(self) -> dict[str, Any] | None:
        """The numbers of the final table; None before a reader wrote them."""
        file = self.path / "summary.json"
        return _read_json(file) if file.exists() else None

    def journal(self) -> Journal:
        """The journal of the run, open for appending."""
        self._must_write()
        return Journal.open(self.path / "journal.jsonl")

    def parts(self, table: str) -> list[int]:
        """Numbers of the part files of a table, ascending."""
        return [int(file.stem.removeprefix("part-")) for file in self._files(table)]

    def write_part(self, table: str, part: int, rows: Sequence[Row]) -> None:
        """Writes rows as part number `part` of a table; a part of that number is replaced, as a resumed run does."""
        self._must_write()
        for row in rows:
            check(table, row)
        cells = {name: [getattr(row, name) for row in rows] for name in columns(table)}
        self._write_parquet(table, part, pa.table(cells, schema=_schema(table)))

    def write_columns(self, table: str, part: int, cells: Mapping[str, Any]) -> None:
        """As write_part, from an array for each column, or one value for all rows: for tables of a million rows."""
        self._must_write()
        self._write_parquet(table, part, pa.table(whole_columns(table, cells), schema=_schema(table)))

    def table(self, name: str) -> pd.DataFrame:
        """A table as a DataFrame with units in its column names; empty when the run wrote none of it."""
        frame: pd.DataFrame = self._arrow(name).to_pandas()
        return frame

    def rows(self, name: str) -> list[Row]:
        """A table as rows, in part order."""
        kind = TABLES[name]
        return [kind(**cells) for cells in self._arrow(name).to_pylist()]

    def read(self, kind: type[R]) -> list[R]:
        """The table of one row type, typed: `read(RoundRow)` is a list of RoundRow."""
        name = next(table for table, row in TABLES.items() if row is kind)
        return [row for row in self.rows(name) if isinstance(row, kind)]

    def compute_fingerprint(self) -> str:
        """The fingerprint of the tables as they are now."""
        return fingerprint({name: self._large(name) if name in LARGE else self.rows(name) for name in TABLES})

    def write_fingerprint(self) -> str:
        """Computes the fingerprint, writes fingerprint.txt, which marks the run as finished, and returns it."""
        self._must_write()
        value = self.compute_fingerprint()
        write_whole(self.path / "fingerprint.txt", value.encode() + b"\n")
        return value

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Writes summary.json; it follows from the tables, so a reader may write it again at any time."""
        self._write_json("summary.json", summary)

    def _large(self, name: str) -> Columns:
        frame = self.table(name)
        first, *others = columns(name)
        return Columns(frame[first].to_numpy(dtype=object), frame[others].to_numpy(dtype=np.int64))

    def _write_parquet(self, table: str, part: int, content: Any) -> None:
        file = self.path / "tables" / table / f"part-{part:08d}.parquet"
        if not file.parent.exists():
            file.parent.mkdir()
            sync_folder(file.parent.parent)
        buffer = io.BytesIO()
        pq.write_table(content, buffer)
        write_whole(file, buffer.getvalue())

    def _files(self, table: str) -> list[Path]:
        if table not in TABLES:
            raise RunError(f"{self.path}: expected one of the tables {', '.join(TABLES)}, got {table!r}")
        return sorted((self.path / "tables" / table).glob("part-*.parquet"))

    def _arrow(self, name: str) -> Any:
        parts = [_from_parquet(name, file) for file in self._files(name)]
        return pa.concat_tables([_schema(name).empty_table(), *parts])

    def _must_write(self) -> None:
        if self._lock is None:
            raise RunError(f"{self.path}: expected a folder opened for writing, got one opened for reading")

    def _write_json(self, name: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False)
        write_whole(self.path / name, text.encode() + b"\n")


def open_run(path: Path | str) -> RunFolder:
    """A run folder open for reading: `open_run("runs/a").table("rounds")` is a DataFrame."""
    return RunFolder.open(Path(path))


def _make_empty_folder(path: Path) -> None:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path}: expected a new or empty folder, got one with files; choose another or resume it")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{path}: expected a place to write to, got {error}; choose another") from error


def _check_schema(path: Path) -> None:
    """Nothing, or a RunError when the folder is none of ours or newer than this program."""
    file = path / "versions.json"
    if not file.is_file():
        raise RunError(f"{path}: expected a run folder, found no versions.json; give the folder that `fleet run` made")
    found = _read_json(file).get("record")
    if not isinstance(found, int) or found > SCHEMA:
        raise RunError(f"{path}: expected record schema 1 to {SCHEMA}, got {found!r}; read it with a newer mcufleet")


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text())
    except ValueError as error:
        raise RunError(f"{file}: expected JSON, got {error}; the file is damaged") from error
    if not isinstance(content, dict):
        raise RunError(f"{file}: expected a JSON object, got {type(content).__name__}; the file is damaged")
    return content


def _schema(table: str) -> Any:
    """Arrow schema of a table, each column with its meaning and unit."""
    notes = {name: {"meaning": meaning, "unit": unit} for name, (meaning, unit) in meanings(table).items()}
    columns_ = [pa.field(n, _ARROW[kind], nullable=False, metadata=notes[n]) for n, kind in columns(table).items()]
    return pa.schema(columns_, metadata={"mcufleet.table": table, "mcufleet.record": str(SCHEMA)})


def whole_columns(table: str, cells: Mapping[str, Any]) -> dict[str, Any]:
    """An array for every column of a table, in order. ValueError for missing or unknown ones, or floats."""
    kinds = columns(table)
    if set(kinds) != set(cells):
        raise ValueError(f"{table}: expected the columns {', '.join(kinds)}, got {', '.join(cells)}")
    size = max(np.size(cell) for cell in cells.values())
    arrays = {name: np.broadcast_to(np.asarray(cells[name], dtype=_NUMPY[kind]), size) for name, kind in kinds.items()}
    for name, kind in kinds.items():
        if kind is not str and not np.all(arrays[name] == cells[name]):
            raise ValueError(f"{table}.{name}: expected whole numbers of 64 bits, got others")
    return arrays


def _from_parquet(table: str, file: Path) -> Any:
    try:
        return pq.read_table(file).cast(_schema(table))
    except (pa.ArrowException, ValueError, OSError) as error:
        raise RunError(f"{file}: expected the columns of {table}, got {error}; the file is damaged") from error
