"""What a search has measured, by name; written down as soon as it is known, and read back when a search goes on."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fleet.base.errors import InputError, RunError
from fleet.record import Journal
from fleet.record.lock import Lock

NAME = "journal.jsonl"


class Results:
    """Values by name, in a folder or in memory alone. Not for several threads at once.

    recalled: how many the folder held when it was opened.
    """

    def __init__(self, out: Path | None, identity: Mapping[str, str]) -> None:
        self._known: dict[str, Any] = {}
        self._open = ExitStack()
        self._journal: Journal | None = None
        if out is not None:
            _make(out)
            try:
                self._open.callback(Lock.take(out).release)
                self._journal = self._open.enter_context(Journal.open(out / NAME))
                self._read(self._journal, dict(identity))
            except BaseException:
                self._open.close()
                raise
        self.recalled = len(self._known)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def __getitem__(self, name: str) -> Any:
        return self._known[name]

    def put(self, name: str, value: Any) -> None:
        """Remembers a value of JSON's types; once this returns it is on the disk."""
        self._known[name] = value
        if self._journal is not None:
            self._journal.append({"kind": "result", "name": name, "value": value})
            self._journal.sync()

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """The value, made now if it was not known."""
        if name not in self._known:
            self.put(name, make())
        return self._known[name]

    def _read(self, journal: Journal, identity: dict[str, str]) -> None:
        records = list(journal.replay())
        if not records:
            journal.append({"kind": "identity", **identity})
            journal.sync()
            return
        held = {key: value for key, value in records[0].items() if key != "kind"}
        if held != identity:
            changed = ", ".join(sorted(key for key in identity | held if identity.get(key) != held.get(key)))
            text = f"expected a search with this {changed}, got another; name a new folder"
            raise RunError(f"{journal.path}: {text}")
        self._known = {record["name"]: record["value"] for record in records[1:]}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()


def _make(out: Path) -> None:
    """The folder, made if it is missing. InputError for a place where none can be, or for a folder of other things."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        text = f"expected a place for a folder, got {error.strerror}; name another with --out"
        raise InputError.one(str(out), text) from error
    if not (out / NAME).exists() and any(path.name != ".lock" for path in out.iterdir()):
        raise InputError.one(str(out), "expected a new folder or one of a search, got other files; name another")
