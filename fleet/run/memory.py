"""What a run has already computed: answers of nodes and scores, by line, phase, round and node.

A resumed run replays from the start; what is remembered here is not computed again. Nodes' answers are written down
when the simulated node has finished them, and are safe on disk once per round.
"""

from collections.abc import Callable, Iterable
from typing import Any

from fleet.base.errors import RunError
from fleet.learning.scores import Score
from fleet.record import Journal

Key = tuple[str, str, int]  # line, phase, round


class Memory:
    """Reads a journal once, and appends to it. Lookups may come from any thread; additions from one only."""

    def __init__(self, journal: Journal, identity: dict[str, str]) -> None:
        self._journal = journal
        self._answers: dict[tuple[str, str, int, int], bytes] = {}
        self._written: set[tuple[str, str, int, int]] = set()
        self._scores: dict[Key, tuple[Score, ...]] = {}
        records = list(journal.replay())
        self._check(records, identity)
        for record in records[1:]:
            self._remember(record)
        self.recalled = len(self._answers)

    def answer(self, key: Key, node: int) -> bytes | None:
        """What this node answered, if the journal held it; once: a second push in a round is another question."""
        return self._answers.pop((*key, node), None)

    def add_answer(self, key: Key, node: int, content: bytes) -> None:
        """Writes an answer down: the first to this key. Others are computed again in a resumed run."""
        if (*key, node) not in self._written:
            self._written.add((*key, node))
            self._append("answer", key, node=node, content=content)

    def scores(self, key: Key, count: Callable[[], Iterable[Score]]) -> tuple[Score, ...]:
        """The scores of a moment: remembered, or counted now and written down."""
        if key not in self._scores:
            self._scores[key] = tuple(count())
            rows = [[s.node, s.part, s.classes, s.correct, s.total] for s in self._scores[key]]
            self._append("scores", key, rows=rows)
        return self._scores[key]

    def sync(self) -> None:
        """Returns once everything is on the disk."""
        self._journal.sync()

    def _append(self, kind: str, key: Key, **content: Any) -> None:
        line, phase, number = key
        self._journal.append({"kind": kind, "line": line, "phase": phase, "round": number, **content})

    def _check(self, records: list[dict[str, Any]], identity: dict[str, str]) -> None:
        if not records:
            self._journal.append({"kind": "identity", **identity})
            self._journal.sync()
            return
        held = {key: value for key, value in records[0].items() if key != "kind"}
        if held != identity:
            changed = sorted(key for key in identity | held if identity.get(key) != held.get(key))
            raise RunError(
                f"{self._journal.path}: expected a run of this {', '.join(changed)}, got another; "
                "start it again in a new folder"
            )

    def _remember(self, record: dict[str, Any]) -> None:
        key = (record["line"], record["phase"], record["round"])
        if record["kind"] == "answer":
            self._answers[(*key, record["node"])] = record["content"]
            self._written.add((*key, record["node"]))
        elif record["kind"] == "scores":
            names = ("node", "part", "classes", "correct", "total")
            self._scores[key] = tuple(Score(**dict(zip(names, row, strict=True))) for row in record["rows"])
