"""Operators that run together row by row: how many rows each map between them needs, and when.

The engine's driver (fe_rows.c) in Python: until the last operator has made all its rows, and then the others, walk up
from it to one all of whose inputs for its next row are there, and make that row. What nobody needs any more is dropped
at once, so that the rows that stay lie at the front of their window.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fleet.node.model.graph import Add, AveragePool, Conv2d, Depthwise, Graph, MaxPool, Op, Reshape, inputs

ROWABLE = Conv2d | Depthwise | Add | AveragePool | MaxPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How an operator reads a map down its height. exact: it reads each place just before it writes the same one."""

    source: str
    taps: int = 1
    stride: int = 1
    pad: int = 0
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolled:
    """rows: of each window between the operators, the most it holds.

    held: the same while each operator of the group makes a row, by the operator's number in the group.
    behind: (x, y) -> bytes: how far before a whole map x that only this group reads a whole map y that it makes must
    begin, so that no row of y covers a row of x that is still to be read. x: the map whose bytes are read (`roots`).
    """

    rows: Mapping[str, int]
    held: Mapping[str, tuple[int, ...]]
    behind: Mapping[tuple[str, str], int]


def can_roll(graph: Graph, op: Op, *, masked: bool) -> bool:
    """Whether an operator can run row by row: it reads rows near its own, and a row of its mask ends with a byte."""
    if not isinstance(op, ROWABLE):
        return False
    y = graph.tensor(op.y)
    if masked and y.shape[1] * y.shape[2] % 8:
        return False
    if isinstance(op, Add):
        return all(graph.tensor(x).shape == y.shape and graph.tensor(x).value is None for x in inputs(op))
    return True


def readings(op: Op) -> tuple[Reading, ...]:
    """What an operator of ROWABLE reads."""
    match op:
        case Conv2d():
            return (Reading(source=op.x, taps=op.weight.shape[1], stride=op.stride[0], pad=op.pad[0]),)
        case Depthwise():
            return (Reading(source=op.x, taps=op.weight.shape[0], stride=op.stride[0], pad=op.pad[0]),)
        case AveragePool() | MaxPool():
            return (Reading(source=op.x, taps=op.kernel[0], stride=op.stride[0], pad=op.pad[0]),)
        case _:
            return tuple(Reading(source=name, exact=isinstance(op, Add)) for name in inputs(op))


def roots(graph: Graph) -> dict[str, str]:
    """Of every map the one whose bytes it is: a reshaped map lies where its source does."""
    root = {tensor.name: tensor.name for tensor in graph.tensors}
    for op in graph.ops:
        if isinstance(op, Reshape):
            root[op.y] = root[op.x]
    return root


def rolled(graph: Graph, ops: Sequence[Op], whole: frozenset[str]) -> Rolled | None:
    """The windows of these operators. whole: what of their outputs is needed behind them; the last one's always is.

    None when they are no group: the last one needs no output of the first, say.
    """
    run = _Run(graph, ops, whole | {ops[-1].y})
    return run.result() if run.go() else None


@dataclass(frozen=True)
class Rolls:
    """The windows of one graph, remembered: they depend on no scheme but by what of them is whole."""

    graph: Graph
    _known: dict[tuple[tuple[str, ...], frozenset[str]], Rolled | None] = field(default_factory=dict)

    def of(self, ops: Sequence[Op], whole: frozenset[str]) -> Rolled | None:
        """The windows of these operators, as `rolled`."""
        key = tuple(op.name for op in ops), whole
        if key not in self._known:
            self._known[key] = rolled(self.graph, ops, whole)
        return self._known[key]


@dataclass(slots=True)
class _Run:
    graph: Graph
    ops: Sequence[Op]
    whole: frozenset[str]
    root: dict[str, str] = field(init=False)
    maker: dict[str, int] = field(init=False)
    reads: list[tuple[Reading, ...]] = field(init=False)
    readers: dict[str, list[tuple[int, Reading]]] = field(init=False)
    height: dict[str, int] = field(init=False)
    row: dict[str, int] = field(init=False)
    made: dict[str, int] = field(init=False)
    low: dict[str, int] = field(init=False)
    held: dict[str, list[int]] = field(init=False)
    behind: dict[tuple[str, str], int] = field(init=False)

    def __post_init__(self) -> None:
        self.root = roots(self.graph)
        self.maker = {op.y: i for i, op in enumerate(self.ops)}
        self.reads = [readings(op) for op in self.ops]
        self.readers = {}
        for i, reads in enumerate(self.reads):
            for reading in reads:
                self.readers.setdefault(reading.source, []).append((i, reading))
        names = [*self.maker, *self.readers]
        self.height = {name: self.graph.tensor(name).shape[0] for name in names}
        self.row = {n: self.graph.tensor(n).shape[1] * self.graph.tensor(n).shape[2] for n in names}
        self.made = {name: 0 if name in self.maker else self.height[name] for name in names}
        self.low = dict.fromkeys(names, 0)
        self.held = {name: [0] * len(self.ops) for name in self.maker if name not in self.whole}
        self.behind = {}

    def go(self) -> bool:
        """Makes every row; False when the maps within are not all read."""
        if any(name not in self.readers for name in self.held):
            return False
        for i, op in reversed(list(enumerate(self.ops))):
            while self.made[op.y] < self.height[op.y]:
                self._make(self._next(i))
        return True

    def result(self) -> Rolled:
        held = {name: tuple(counts) for name, counts in self.held.items()}
        return Rolled(rows={name: max(counts) for name, counts in held.items()}, held=held, behind=self.behind)

    def _next(self, i: int) -> int:
        """Up from an operator to one whose next row can be made."""
        while True:
            row = self.made[self.ops[i].y]
            for reading in self.reads[i]:
                last = min(row * reading.stride - reading.pad + reading.taps, self.height[reading.source])
                if self.made[reading.source] < last:
                    i = self.maker[reading.source]
                    break
            else:
                return i

    def _make(self, i: int) -> None:
        y = self.ops[i].y
        if y in self.whole:
            self._keep_behind(i, y)
        self.made[y] += 1
        for name, counts in self.held.items():
            counts[i] = max(counts[i], self.made[name] - min(self.low[name], self.made[name]), int(name == y))
        for reading in self.reads[i]:
            self.low[reading.source] = min(self._first(j, r) for j, r in self.readers[reading.source])

    def _first(self, i: int, reading: Reading) -> int:
        """The lowest row that the next row of an operator reads."""
        row = self.made[self.ops[i].y]
        if row == self.height[self.ops[i].y]:
            return self.height[reading.source]
        return min(max(row * reading.stride - reading.pad, 0), self.height[reading.source])

    def _keep_behind(self, i: int, y: str) -> None:
        end = (self.made[y] + 1) * self.row[y]
        for x, readers in self.readers.items():
            if x in self.maker:
                continue
            lows = [self._first(j, r) + (j == i and r.exact and self.row[x] == self.row[y]) for j, r in readers]
            needed, at = min(lows), (self.root[x], y)
            if needed < self.height[x]:
                self.behind[at] = max(self.behind.get(at, 0), end - needed * self.row[x])
            self.behind.setdefault(at, 0)
