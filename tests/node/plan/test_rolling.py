"""Rows: windows, and how far an output lies before its input, against a driver that writes every row into one arena."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fleet.node.model.graph import Add, Graph, Op, inputs
from fleet.node.plan.rolling import can_roll, readings, rolled
from tests.node.model.nets import graphs, residual_net
from tests.node.model.schemes.bottlenecks import small_graph


class Clobbered(Exception):
    """A row was read that no longer lay there."""


@dataclass
class Shadow:
    """A group of operators in an arena of tags. base: of whole maps; windows lie apart, with room for `rows`."""

    graph: Graph
    ops: Sequence[Op]
    base: dict[str, int]
    rows: dict[str, int]
    made: dict[str, int] = field(default_factory=dict)
    windows: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outside = {r.source for op in self.ops for r in readings(op)} - {op.y for op in self.ops}
        self.arena = np.full((max(self.base.values()) + max(self.graph.tensor(n).size for n in self.base), 2), -1)
        self.tags = {name: i for i, name in enumerate([*self.outside, *(op.y for op in self.ops)])}
        for name in self.outside:
            self.made[name] = self.graph.tensor(name).shape[0]
            for row in range(self.made[name]):
                self.write(name, row)
        self.made |= {op.y: 0 for op in self.ops}
        self.windows = {name: [] for name in self.rows}

    def span(self, name: str, row: int) -> slice:
        _, width, channels = self.graph.tensor(name).shape
        return slice(self.base[name] + row * width * channels, self.base[name] + (row + 1) * width * channels)

    def write(self, name: str, row: int) -> None:
        if name in self.rows:
            self.drop(name)
            self.windows[name].append(row)
            if len(self.windows[name]) > self.rows[name]:
                raise Clobbered(f"{name} has no room for row {row}")
        else:
            self.arena[self.span(name, row)] = self.tags[name], row

    def read(self, name: str, row: int) -> None:
        here = (
            row in self.windows[name]
            if name in self.rows
            else (self.arena[self.span(name, row)] == (self.tags[name], row)).all()
        )
        if not here:
            raise Clobbered(f"{name} row {row}")

    def needs(self, op: Op) -> list[tuple[str, range]]:
        """Rows that the next row of an operator reads, by map."""
        found, row = [], self.made[op.y]
        for r in readings(op):
            first, height = row * r.stride - r.pad, self.graph.tensor(r.source).shape[0]
            found.append((r.source, range(max(first, 0), max(0, min(first + r.taps, height)))))
        return found

    def run(self) -> None:
        maker = {op.y: op for op in self.ops}
        for sink in reversed(self.ops):
            while self.made[sink.y] < self.graph.tensor(sink.y).shape[0]:
                op = sink
                while lacking := [name for name, rows in self.needs(op) if rows and rows[-1] >= self.made[name]]:
                    op = maker[lacking[0]]
                self.make(op)

    def make(self, op: Op) -> None:
        """One row. A sum writes each place just after it has read it; others read while they write."""
        row, needs = self.made[op.y], self.needs(op)
        if isinstance(op, Add):
            for name, rows in needs:
                self.read(name, rows[0])
            self.write(op.y, row)
        else:
            self.write(op.y, row)
            for name, rows in needs:
                for r in rows:
                    self.read(name, r)
        self.made[op.y] += 1
        for name in {name for name, _ in needs} & self.rows.keys():
            self.drop(name)

    def drop(self, name: str) -> None:
        """Forgets the rows of a window that no operator has yet to read."""
        readers = [op for op in self.ops if name in inputs(op) and self.made[op.y] < self.graph.tensor(op.y).shape[0]]
        low = min((rows.start for op in readers for source, rows in self.needs(op) if source == name), default=10**9)
        self.windows[name] = [row for row in self.windows[name] if row >= low]


def groups(graph: Graph) -> list[tuple[Op, ...]]:
    """All runs of operators that can roll."""
    ops = graph.ops
    spans = [(i, j) for i in range(len(ops)) for j in range(i + 1, len(ops) + 1)]
    return [ops[i:j] for i, j in spans if all(can_roll(graph, op, masked=False) for op in ops[i:j])]


def whole_of(graph: Graph, ops: tuple[Op, ...]) -> frozenset[str]:
    """Outputs of a group that somebody behind it reads."""
    behind = graph.ops[graph.ops.index(ops[-1]) + 1 :]
    return frozenset(op.y for op in ops if any(op.y in inputs(other) for other in behind)) | {ops[-1].y}


def apart(graph: Graph, ops: tuple[Op, ...], roll_rows: dict[str, int]) -> Shadow:
    """A group with whole maps one behind the other."""
    outside = {r.source for op in ops for r in readings(op)} - {op.y for op in ops}
    names = [*sorted(outside), *(op.y for op in ops if op.y not in roll_rows)]
    starts = np.cumsum([0, *(graph.tensor(name).size for name in names)]).tolist()
    return Shadow(graph, ops, dict(zip(names, starts, strict=False)), roll_rows)


def over(graph: Graph, ops: tuple[Op, ...], rows: dict[str, int], x: str, behind: int) -> Shadow:
    """The same with the last output `behind` bytes before an input, and everything else far above."""
    shadow = apart(graph, ops, rows)
    room = behind + graph.tensor(x).size + graph.tensor(ops[-1].y).size
    base = {name: start + room for name, start in shadow.base.items()} | {ops[-1].y: 0, x: behind}
    return Shadow(graph, ops, base, rows)


def check(graph: Graph, ops: tuple[Op, ...]) -> None:
    roll = rolled(graph, ops, whole_of(graph, ops))
    if roll is None:
        return
    rows = dict(roll.rows)
    apart(graph, ops, rows).run()
    tight = all(r.pad < r.taps for op in ops for r in readings(op))  # else some rows read nothing but padding
    for name, count in roll.rows.items():
        if count > 1 and tight:
            with pytest.raises(Clobbered):
                apart(graph, ops, rows | {name: count - 1}).run()
    for (x, y), behind in roll.behind.items():
        if y == ops[-1].y:
            over(graph, ops, rows, x, behind).run()
            if behind and tight:
                with pytest.raises(Clobbered):
                    over(graph, ops, rows, x, behind - 1).run()


@given(data=st.data())
def test_windows_and_distances_are_just_enough(data: st.DataObject) -> None:
    graph = data.draw(graphs(odd=False))
    found = groups(graph)
    assume(found)
    check(graph, data.draw(st.sampled_from(found)))


@pytest.mark.parametrize("graph", [residual_net(), small_graph()])
def test_windows_and_distances_of_bottlenecks_are_just_enough(graph: Graph) -> None:
    for ops in groups(graph):
        check(graph, ops)


def test_a_window_of_a_bottleneck_has_a_row_for_each_tap() -> None:
    graph = small_graph()
    block = tuple(op for op in graph.ops if op.name.startswith("block3."))
    roll = rolled(graph, block, frozenset({block[-1].y}))
    assert roll is not None
    expand, middle, project = (op.y for op in block[:3])
    assert roll.rows == {expand: 3, middle: 1, project: 1}
    assert roll.held == {expand: (3, 3, 2, 2), middle: (0, 1, 1, 0), project: (0, 0, 1, 1)}
    assert roll.behind[block[0].x, block[3].y] == 0  # the sum takes the place of what it reads


def test_operators_of_which_one_is_for_nothing_are_no_group() -> None:
    graph = small_graph()
    first, second = graph.ops[0], graph.ops[2]
    assert rolled(graph, (first, second), frozenset()) is None


@pytest.mark.parametrize("masked", [False, True])
def test_a_row_of_a_mask_ends_with_a_byte(masked: bool) -> None:
    graph = residual_net()
    widths = [graph.tensor(op.y).shape[1] * graph.tensor(op.y).shape[2] for op in graph.ops]
    rolls = [can_roll(graph, op, masked=masked) for op in graph.ops]
    whole = [can_roll(graph, op, masked=False) for op in graph.ops]
    assert rolls == [there and not (masked and width % 8) for there, width in zip(whole, widths, strict=True)]
    assert any(a != b for a, b in pairwise(whole))
