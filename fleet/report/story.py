"""A run as the report reads it: all tables as rows, and accuracies by line, moment, node and group of classes.

Only the test part counts. The mean over nodes is the mean of the nodes' own accuracies, whatever the number of their
windows; the worst node is the least of them. A large fleet has rows for some nodes only; what all of them did, its
`crowds` and `sums` say.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from fleet.record import (
    LINES,
    PHASES,
    AccuracyRow,
    BatteryRow,
    EnergyRow,
    EventRow,
    LedgerRow,
    NodeRow,
    PlanRow,
    RoundRow,
    RunFolder,
    SumRow,
    TrafficRow,
    ValueRow,
)
from fleet.report.crowd import Crowd, crowds, whole_groups
from fleet.report.happened import Happened, happened
from fleet.report.numbers import count

REPORT: Final = "report:"
SENSING: Final = "sense"  # a sensor runs beside whatever else a node does, so its time comes on top

NAMES = {
    ("pretrained", "start"): "pretrained",
    ("alone", "round"): "alone",
    ("alone", "personal"): "alone, equal work",
    ("fedavg", "round"): "plain FedAvg",
    ("fedavg", "personal"): "plain FedAvg + personal",
    ("federated", "round"): "federated",
    ("federated", "personal"): "federated + personal",
}


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The accuracy of every node of one line at one moment. hits: (node, classes) → (correct, total)."""

    line: str
    phase: str
    round: int
    time_us: int
    hits: dict[tuple[int, str], tuple[int, int]]

    @property
    def name(self) -> str:
        """What the line is called at this moment, such as 'federated + personal'."""
        return NAMES.get((self.line, self.phase), self.line)

    @property
    def nodes(self) -> list[int]:
        return sorted(self._of)

    @cached_property
    def _of(self) -> dict[int, dict[str, tuple[int, int]]]:
        """Node → its hits by group of classes."""
        found: dict[int, dict[str, tuple[int, int]]] = {}
        for (node, group), hit in self.hits.items():
            found.setdefault(node, {})[group] = hit
        return found

    def counted(self, node: int, classes: str | None = None) -> tuple[int, int]:
        """The node's test windows of these classes: how many it recognises, of how many."""
        found = [hit for group, hit in self._of.get(node, {}).items() if classes in (None, group)]
        return sum(correct for correct, _ in found), sum(total for _, total in found)

    def accuracy(self, node: int, classes: str | None = None) -> float | None:
        """Share of the node's test windows recognised; None when it has none of these classes."""
        correct, total = self.counted(node, classes)
        return correct / total if total else None

    def mean(self, nodes: Iterable[int] | None = None, classes: str | None = None) -> float | None:
        """Mean over nodes of their accuracies; None when none of them has one."""
        shares = [self.accuracy(node, classes) for node in (self.nodes if nodes is None else nodes)]
        known = [share for share in shares if share is not None]
        return sum(known) / len(known) if known else None

    def worst(self) -> tuple[int, float] | None:
        """The node with the least accuracy, and that accuracy."""
        known = [(share, node) for node in self.nodes if (share := self.accuracy(node)) is not None]
        return (min(known)[1], min(known)[0]) if known else None


@dataclass(frozen=True, kw_only=True)
class Story:
    """Everything a run recorded."""

    run: RunFolder
    nodes: list[NodeRow]
    rounds: list[RoundRow]
    accuracy: list[AccuracyRow]
    energy: list[EnergyRow]
    battery: list[BatteryRow]
    traffic: list[TrafficRow]
    happened: Happened
    ledger: list[LedgerRow]
    plan: list[PlanRow]
    values: list[ValueRow]
    crowds: dict[str, Crowd]
    sums: list[SumRow]

    @classmethod
    def read(cls, run: RunFolder) -> "Story":
        """The story of a run folder, finished or not."""
        return cls(
            run=run,
            nodes=sorted(run.read(NodeRow), key=lambda row: row.node),
            rounds=run.read(RoundRow),
            accuracy=run.read(AccuracyRow),
            energy=run.read(EnergyRow),
            battery=run.read(BatteryRow),
            traffic=run.read(TrafficRow),
            happened=happened(run),
            ledger=run.read(LedgerRow),
            plan=run.read(PlanRow),
            values=run.read(ValueRow),
            crowds=crowds(run),
            sums=whole_groups(run.read(SumRow)),
        )

    @property
    def events(self) -> list[EventRow]:
        """What went wrong, the federated line first; of very many the first only, which `happened` counts all."""
        return self.happened.rows

    @property
    def crowd(self) -> Crowd | None:
        """All nodes of the federated line, where there is a table of them."""
        return self.crowds.get("federated")

    @property
    def large(self) -> bool:
        """Whether tables have rows for some of the nodes only."""
        return any(len(crowd) > len(self.nodes) for crowd in self.crowds.values())

    @property
    def size(self) -> int:
        """Nodes of the fleet."""
        return max([len(self.nodes), *map(len, self.crowds.values())])

    @cached_property
    def watched(self) -> str:
        """'200 of 10,000 nodes' where tables have rows for some only, else ''."""
        return f"{len(self.nodes):,} of {count(self.size, 'node')}" if self.large else ""

    @property
    def finished(self) -> bool:
        return self.run.fingerprint is not None

    def value(self, key: str) -> str | None:
        """One fact of the table `values`."""
        return next((row.value for row in self.values if row.key == key), None)

    @cached_property
    def moments(self) -> list[Moment]:
        """Every line at every moment, lines in their usual order, time ascending within a line."""
        tested = [row for row in self.accuracy if row.part == "test"]
        grouped = _group(tested, lambda row: (LINES.index(row.line), PHASES.index(row.phase), row.round))
        return [_moment(rows) for _, rows in sorted(grouped.items())]

    def course(self, line: str) -> list[Moment]:
        """The moments of one line; its start is the pretrained model where the line did not record its own."""
        own = [moment for moment in self.moments if moment.line == line]
        if not own or own[0].phase == "start":
            return own
        return [moment for moment in self.moments if moment.line == "pretrained"][:1] + own

    @cached_property
    def lines(self) -> list[Moment]:
        """What is compared: the last moment of every phase of every line, in the order of NAMES."""
        last = {(moment.line, moment.phase): moment for moment in self.moments}
        return [last[key] for key in NAMES if key in last]

    def at(self, line: str, phase: str) -> Moment | None:
        """The last moment of a phase of a line."""
        return next((moment for moment in self.lines if (moment.line, moment.phase) == (line, phase)), None)

    @cached_property
    def result(self) -> Moment | None:
        """The moment that answers the question: after the personal pass where there was one."""
        return self.at("federated", "personal") or self.at("federated", "round")

    @cached_property
    def rival(self) -> Moment | None:
        """Training alone, with the same work where the run has it."""
        return self.at("alone", "personal") or self.at("alone", "round")

    def group(self, did_new: bool) -> list[int]:
        """Nodes that did the new classes, or never did."""
        return [row.node for row in self.nodes if row.did_new == did_new]

    @cached_property
    def has_new(self) -> bool:
        """Whether the question is about new classes that some nodes never did."""
        tested_new = any(row.classes == "new" and row.total > 0 for row in self.accuracy if row.part == "test")
        return tested_new and bool(self.group(False)) and bool(self.group(True))

    def drawn_nj(self, line: str) -> dict[int, int]:
        """Node → energy it drew over a line; empty when nothing was, as for a line in which nothing runs."""
        drawn = _sums((row.node, row.energy_nj) for row in self.energy if row.line == line)
        return drawn if any(drawn.values()) else {}

    def sent_bytes(self, line: str, direction: str) -> dict[int, int]:
        """Node → payload in one direction over a line."""
        chosen = [row for row in self.traffic if (row.line, row.direction) == (line, direction)]
        return _sums((row.node, row.payload_bytes) for row in chosen)

    def mean_drawn_nj(self, line: str) -> float | None:
        """Energy drawn per node over a line, all nodes counted; None where nothing was drawn."""
        if (crowd := self.crowds.get(line)) is not None:
            return crowd.mean_nj() or None
        return per_node(self.drawn_nj(line))

    def mean_bytes(self, line: str, direction: str) -> float | None:
        """Payload per node in one direction over a line, its reports included; None where nothing was sent."""
        sent = self.sent_bytes(line, direction)
        if (crowd := self.crowds.get(line)) is None:
            return per_node(sent)
        reported = self._reported_bytes(crowd) if direction == "up" else 0
        return (sum(sent.values()) + reported) / len(crowd) if sent or reported else None

    def _reported_bytes(self, crowd: Crowd) -> int:
        """Payload of all reports: facts 'report:FIRST:COUNT' say what one of these nodes holds."""
        total = 0
        for row in self.values:
            if row.key.startswith(REPORT):
                first, many = map(int, row.key.removeprefix(REPORT).split(":"))
                total += int(row.value) * int(crowd.reports[first : first + many].sum())
        return total

    @cached_property
    def end_us(self) -> int:
        """How long the federated line took: up to its last moment, and with a crowd up to where sleep is booked."""
        shown = self.result.time_us if self.result is not None else 0
        if self.crowd is None:
            return shown
        booked = _sums((r.node, r.time_us) for r in self.energy if r.line == "federated" and r.cause != SENSING)
        return max([shown, *booked.values()])

    def rounds_of(self, line: str) -> int:
        return max((row.round for row in self.rounds if row.line == line), default=0)

    def person(self, node: int) -> str:
        """'node 4, P07 left, never did the new classes': who that is."""
        row = self._rows.get(node)
        if row is None:
            return f"node {node}"
        who = " ".join(filter(None, (row.subject, row.side)))
        did = ("did" if row.did_new else "never did") + " the new classes" if self.has_new else ""
        return ", ".join(filter(None, (f"node {node}", who, did)))

    @cached_property
    def _rows(self) -> dict[int, NodeRow]:
        return {row.node: row for row in self.nodes}


def per_node(amounts: dict[int, int]) -> float | None:
    """Mean over nodes; None without nodes."""
    return sum(amounts.values()) / len(amounts) if amounts else None


def _moment(rows: list[AccuracyRow]) -> Moment:
    first = rows[0]
    wanted = "own" if first.line == "alone" or first.phase == "personal" else "shared"
    models = {row.model for row in rows}
    chosen = [row for row in rows if row.model == wanted or wanted not in models]
    return Moment(
        line=first.line,
        phase=first.phase,
        round=first.round,
        time_us=max(row.time_us for row in chosen),
        hits={(row.node, row.classes): (row.correct, row.total) for row in chosen},
    )


def _group(
    rows: Iterable[AccuracyRow], key: Callable[[AccuracyRow], tuple[int, int, int]]
) -> dict[tuple[int, int, int], list[AccuracyRow]]:
    groups: dict[tuple[int, int, int], list[AccuracyRow]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _sums(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    sums: dict[int, int] = {}
    for node, amount in pairs:
        sums[node] = sums.get(node, 0) + amount
    return sums
