"""Groups of operators that run row by row, and the slices of maps that stay for the way back (SPEC.md, "Rows").

fe_rows_step and its fe_row_form of every step, then the steps themselves as they would stand alone. rolling.py says how
many rows of a map between them exist at once; a map with as many rows as it has at all is a whole one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fleet.base.errors import InputError
from fleet.node.model.graph import Conv2d, Graph, Op, Reshape, inputs
from fleet.node.model.scheme import Scheme
from fleet.node.plan.bottlenecks import one_each
from fleet.node.plan.rolling import can_roll, rolled
from fleet.node.plan.steps.program import Code, Program, Ref, Region, Step, output_size

MOST_STEPS: Final = 24
"""FE_GROUP_MOST: steps in a group."""

Emit = Callable[[Op, Ref], None]
"""Adds the forward step of an operator that writes its output there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What of the maps is needed behind their last reader of the forward pass.

    Maps go by the names of their buffers. whole: those that the way back reads, and outputs. slices: first channels
    of those that only weight gradients read.
    """

    whole: frozenset[str] = frozenset()
    slices: Mapping[str, int]


def kept_maps(graph: Graph, scheme: Scheme, layerwise: Program, *, slices: bool) -> Kept:
    """What the way back reads. layerwise: the program on whole maps, which names each map that any step reads.

    slices: whether maps that only convolutions of one group and depthwise layers read are kept by their first channels.
    """
    maps = {ref.name for ref in layerwise.maps.values() if ref.region is Region.ARENA}
    whole, sliced = set(graph.outputs), dict[str, int]()
    reshaped = {name for op in graph.ops if isinstance(op, Reshape) for name in (op.x, op.y)}
    for step in layerwise.steps[layerwise.loss :]:
        op = graph.op(step.op)
        for name in (buffer for buffer in step.buffers if buffer in maps):
            cuts = step.code in (Code.UPDATE_CONV, Code.UPDATE_DEPTHWISE) and _reads_first(graph, op)
            channels = scheme.of(op.name).channels
            if slices and cuts and name not in reshaped and channels < graph.tensor(name).shape[2]:
                sliced[name] = max(sliced.get(name, 0), channels)
            else:
                whole.add(name)
    return Kept(whole=frozenset(whole), slices={n: c for n, c in sliced.items() if n not in whole})


def _reads_first(graph: Graph, op: Op) -> bool:
    """Whether the first channels of a layer's input are all that the gradient of its first channels' weights reads."""
    return one_each(graph, op) or (isinstance(op, Conv2d) and op.groups == 1)


def add_slice(p: Program, graph: Graph, op: Op, name: str) -> None:
    """fe_moving_step: the first channels of a map, on their own. p.slices says where, and how many."""
    height, width, channels = graph.tensor(name).shape
    to, first = p.slices[name]
    sides = (height, width, first, 0, width * channels, channels, 1, 0, width * first, first, 1)
    p.add(Code.MOVE, op.name, p.maps[name], to, *sides, 0, 0, height * width * first)


def place_slice(p: Program, graph: Graph, name: str, channels: int) -> None:
    """A buffer for the first channels of a map."""
    height, width, _ = graph.tensor(name).shape
    p.slices[name] = p.fresh(f"{name} slice", height * width * channels), channels


def add_group(p: Program, graph: Graph, ops: Sequence[Op], kept: Kept, emit: Emit, *, masked: set[str]) -> None:
    """The steps of operators that run together. Raises InputError for any that cannot."""
    for op in ops:
        if not can_roll(graph, op, masked=op.name in masked):
            text = f"expected operators that run row by row, got {type(op).__name__} '{op.name}'"
            raise InputError.one("tactics.segments", f"{text}; leave it out of the segment")
    within = {op.y for op in ops}
    outside = {name for op in graph.ops if op.y not in within for name in inputs(op)}
    roll = rolled(graph, ops, frozenset(within & (outside | kept.whole)))
    if roll is None:
        text = f"expected a segment whose maps are all read, got '{ops[0].name}' to '{ops[-1].name}'"
        raise InputError.one("tactics.segments", f"{text}; end it where they are read")
    rows = {name: n for name, n in roll.rows.items() if n < graph.tensor(name).shape[0]}
    start = len(p.steps)
    p.add(Code.ROWS, ops[0].name)
    for op in ops:
        emit(op, _place(p, graph, op, rows))
        if op.y in kept.slices and op.y not in outside:
            place_slice(p, graph, op.y, kept.slices[op.y])
            add_slice(p, graph, op, op.y)
    _finish(p, graph, start, rows)


def _place(p: Program, graph: Graph, op: Op, rows: Mapping[str, int]) -> Ref:
    tensor = graph.tensor(op.y)
    row_bytes = tensor.shape[1] * tensor.shape[2]
    p.maps[op.y] = p.buffer(op.y, rows[op.y] * row_bytes if op.y in rows else output_size(graph, op.y))
    return p.maps[op.y]


def _finish(p: Program, graph: Graph, start: int, rows: Mapping[str, int]) -> None:
    """The group's own step, now that its others are known."""
    steps = p.steps[start + 1 :]
    if len(steps) > MOST_STEPS:
        text = f"expected at most {MOST_STEPS} steps in a segment, got {len(steps)}"
        raise InputError.one("tactics.segments", f"{text}; cut it in two")
    makers: dict[str, int] = {}
    forms: list[int] = []
    for i, step in enumerate(steps):
        op = graph.op(step.op)
        if step.code is Code.MOVE:
            forms += (0, makers[op.y], -1)
            continue
        x, *others = (makers.get(name, -1) for name in inputs(op))
        forms += (rows.get(op.y, 0), x, others[0] if others else -1)
        makers[op.y] = i
    p.steps[start] = Step(Code.ROWS, (len(steps), *forms), steps[0].op)
