"""The whole pass over a graph: forward, loss, backward, updates, in execution order.

Gradients are applied as soon as they exist; an input gradient is always taken before the update of the weights it
reads.
"""

from collections.abc import Iterator, Sequence
from math import floor, frexp

import numpy as np

from fleet.base.errors import InputError
from fleet.node.model.graph import (
    WHOLE_RANGE,
    Add,
    AveragePool,
    Conv2d,
    Dense,
    Depthwise,
    Form,
    FullyConnected,
    GlobalAveragePool,
    Graph,
    MaxPool,
    Mul,
    Op,
    Reshape,
    inputs,
)
from fleet.node.model.recipe import Loss
from fleet.node.model.reference import tensors_with_gradient
from fleet.node.model.scheme import Scheme, Trained
from fleet.node.plan.steps import maps, rows, weighted
from fleet.node.plan.steps.backward import backward, block
from fleet.node.plan.steps.program import NOTHING, Code, Flowing, Program, Ref, Region
from fleet.node.plan.tactics import LAYERWISE, Tactics


def program(graph: Graph, scheme: Scheme, tactics: Tactics = LAYERWISE) -> Program:
    """The whole pass of a scheme over a graph. Raises InputError for tactics that do not fit the graph."""
    p = Program(recipe=scheme.recipe)
    needed = tensors_with_gradient(graph, scheme)
    masked = {op.name for op in graph.ops if op.y in needed and can_clip(op)}
    _forward(p, graph, scheme, masked, tactics)
    backward(p, graph, scheme, tactics, masked, _loss(p, graph))
    p.apply = len(p.steps)
    if scheme.recipe.batch > 1:
        for op in reversed(graph.weighted):
            weighted.apply(p, graph, scheme.of(op.name), op)
    return p


def inference(graph: Graph, tactics: Tactics = LAYERWISE) -> Program:
    """The forward pass alone."""
    p = Program()
    _forward(p, graph, Scheme(name="inference", trained=()), set(), tactics)
    p.loss = p.apply = len(p.steps)
    _keep_edges(p, graph)
    return p


def can_clip(op: Op) -> bool:
    """Whether an operator's output can leave its range, so that the way back needs a mask."""
    if isinstance(op, AveragePool | MaxPool):
        return op.clip != WHOLE_RANGE
    return isinstance(op, Conv2d | Depthwise | FullyConnected | Add | Mul)


def _forward(p: Program, graph: Graph, scheme: Scheme, masked: set[str], tactics: Tactics) -> None:
    kept = _kept(graph, scheme, tactics)
    if tactics.input_streamed and graph.input.form is Form.FLOAT32:
        text = f"expected an input of bytes, got float32 '{graph.input.name}'"
        raise InputError.one("tactics.input_streamed", f"{text}; a window may lie at any address")
    p.place_inputs(graph, streamed=tactics.input_streamed)

    def mask_of(op: Op) -> Ref:
        bits = graph.tensor(op.y).size
        return p.buffer(f"{op.name} mask", -(-bits // 8)) if op.name in masked else NOTHING

    def emit(op: Op, y: Ref) -> None:
        _forward_step(p, graph, scheme.of(op.name), op, y, mask_of(op))

    order = tactics.ordered(graph)
    done = 0
    for together, ops in _units(order, tactics):
        if together:
            rows.add_group(p, graph, ops, kept, emit, masked=masked)
        elif isinstance(op := ops[0], Depthwise) and (op.y, p.maps[op.x].name) in tactics.over:
            weighted.forward_in_place(p, graph, scheme.of(op.name), op, p.place_output(graph, op), mask_of(op))
        else:
            emit(op, p.place_output(graph, op))
        done += len(ops)
        _slice_what_is_done(p, graph, kept, ops, order[done:])


def _kept(graph: Graph, scheme: Scheme, tactics: Tactics) -> rows.Kept:
    if tactics == LAYERWISE or not scheme.trained:
        return rows.Kept(whole=frozenset(graph.outputs), slices={})
    return rows.kept_maps(graph, scheme, program(graph, scheme), slices=tactics.slices)


def _units(order: Sequence[Op], tactics: Tactics) -> Iterator[tuple[bool, Sequence[Op]]]:
    """Operators in order, and whether those that come together run together."""
    at = 0
    for first, end in (*tactics.segments, (len(order), len(order))):
        if not at <= first <= end <= len(order) or (first == end < len(order)):
            text = f"expected segments in order within {len(order)} operators, got {first} to {end}"
            raise InputError.one("tactics.segments", f"{text}; take them from this graph")
        yield from ((False, (op,)) for op in order[at:first])
        if end > first:
            yield True, order[first:end]
        at = end


def _slice_what_is_done(p: Program, graph: Graph, kept: rows.Kept, ops: Sequence[Op], following: Sequence[Op]) -> None:
    """Slices of maps whose last readers of the forward pass these are. following: what has yet to run."""
    later = {name for op in following for name in inputs(op)}
    for name in dict.fromkeys(name for op in ops for name in inputs(op)):
        if name in kept.slices and name not in later and name not in p.slices and p.maps[name].region is Region.ARENA:
            rows.place_slice(p, graph, name, kept.slices[name])
            rows.add_slice(p, graph, ops[-1], name)


def _forward_step(p: Program, graph: Graph, part: Trained, op: Op, y: Ref, mask: Ref) -> None:
    match op:
        case Add():
            weighted.forward_add(p, graph, op, y, mask)
        case GlobalAveragePool():
            weighted.forward_pool(p, graph, op, y)
        case Conv2d() | Depthwise() | FullyConnected() | Dense():
            weighted.forward_weighted(p, graph, part, op, y, mask)
        case Reshape():
            pass
        case _:
            if not maps.forward_step(p, graph, op, y, mask):
                raise InputError.one(op.name, f"expected an operator of this engine, got {type(op).__name__}")


def _keep_edges(p: Program, graph: Graph) -> None:
    """Inputs are there before the first step, outputs after the last one of the forward pass."""
    last = max(p.loss - 1, 0)
    for name, index in [(n, 0) for n in graph.inputs] + [(n, last) for n in graph.outputs]:
        ref = p.maps[name]
        if ref.name in p.sizes:
            first, end = p.lives.get(ref.name, (index, index))
            p.lives[ref.name] = (min(first, index), max(end, index))


def _loss(p: Program, graph: Graph) -> Flowing:
    p.loss = len(p.steps)
    _keep_edges(p, graph)
    op = graph.ops[-1]
    size = graph.tensor(op.y).size
    if p.is_float:
        result = p.gradient(op.y, size)
        _loss_step(p, graph, op, result.ref, result.slot)
        return result
    acc, k = p.fresh(f"{op.y} sums", 4 * size), p.slot()
    _loss_step(p, graph, op, acc, k)
    return block(p, op.y, op.name, acc, k, size)


def _loss_step(p: Program, graph: Graph, op: Op, acc: Ref, k: int) -> None:
    if p.recipe.loss is Loss.CROSS_ENTROPY:
        p.add(Code.LOSS, op.name, p.maps[op.y], graph.classes, acc, k)
        return
    y = graph.tensor(op.y)
    if isinstance(op, Dense) or y.form is not Form.INT8:
        text = f"expected an int8 output for the squared error, got {type(op).__name__}"
        raise InputError.one(op.name, f"{text}; cut the network before it, or train classes")
    slope = 2 * float(np.float32(y.scale)) / y.size
    e = frexp(slope)[1]
    factor = weighted.float_bits(slope) if p.is_float else floor(slope * 2.0 ** (15 - e) + 0.5)
    p.add(Code.LOSS_SQUARED, op.name, p.maps[op.y], y.size, acc, k, factor, 15 - e)
