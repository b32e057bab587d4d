"""Steps of operators without weights: products, pools, moves, curves, edges. The structs are in fe_map_steps.h."""

import numpy as np

from fleet.node.model.graph import (
    Activation,
    AveragePool,
    Concat,
    Dequantize,
    Graph,
    MaxPool,
    Mean,
    Mul,
    Op,
    Pad,
    Pool,
    Quantize,
    ResizeNearest,
    Softmax,
    Tensor,
    Transpose,
    inputs,
)
from fleet.node.model.reference.activation import LIMITS, slopes
from fleet.node.model.reference.average_pool import share, shares
from fleet.node.model.reference.mean import mean_count, mean_scale
from fleet.node.model.reference.mul import mul_factor, mul_scale
from fleet.node.plan.steps.program import Code, Flow, Flowing, Program, Ref, model
from fleet.node.plan.steps.weighted import float_bits, pair

Sides = tuple[int, int, int]


# --- forward ---------------------------------------------------------------------------------------------------


def forward_step(p: Program, graph: Graph, op: Op, y: Ref, mask: Ref) -> bool:
    """Adds the forward step of an operator; False for one that is not of this file.

    Inputs lie at p.maps[name]. mask: where the clipping mask goes, or NOTHING.
    """
    match op:
        case Mul():
            _forward_mul(p, graph, op, y, mask)
        case AveragePool() | MaxPool():
            code = Code.AVERAGE_POOL if isinstance(op, AveragePool) else Code.MAX_POOL
            p.add(code, op.name, p.maps[op.x], y, mask, *_windows(graph, op))
        case Mean():
            scale, zeros = mean_scale(graph, op), (graph.tensor(name).zero_point for name in (op.x, op.y))
            p.add(Code.MEAN, op.name, p.maps[op.x], y, *_sides(graph, op.x, op.y), *zeros, scale.mant, scale.exp)
        case Pad() | Transpose() | Concat():
            for index, name in enumerate(inputs(op)):
                p.add(Code.MOVE, op.name, p.maps[name], y, *_moved(graph, op, index))
        case _:
            return _forward_curve(p, graph, op, y)
    return True


def _forward_curve(p: Program, graph: Graph, op: Op, y: Ref) -> bool:
    size, channels = graph.tensor(op.y).size, graph.tensor(op.y).shape[2]
    match op:
        case ResizeNearest():
            p.add(Code.RESIZE, op.name, p.maps[op.x], y, model("places", op.name), *_resized(graph, op))
        case Activation():
            p.add(Code.TABLE, op.name, p.maps[op.x], y, model("table", op.name), size)
        case Softmax():
            p.add(Code.SOFTMAX, op.name, p.maps[op.x], y, model("exps", op.name), size // channels, channels)
        case Quantize() | Dequantize():
            whole = graph.tensor(op.y if isinstance(op, Quantize) else op.x)
            code = Code.QUANTIZE if isinstance(op, Quantize) else Code.DEQUANTIZE
            scale = float_bits(whole.scale)
            p.add(code, op.name, p.maps[op.x], y, size, scale, whole.zero_point, *LIMITS[whole.form])
        case _:
            return False
    return True


def _forward_mul(p: Program, graph: Graph, op: Mul, y: Ref, mask: Ref) -> None:
    """fe_mul_step."""
    x, x2, out = (graph.tensor(name) for name in (op.x, op.x2, op.y))
    scale = mul_scale(graph, op)
    zeros = (x.zero_point, x2.zero_point, out.zero_point)
    where = (p.maps[op.x], p.maps[op.x2], y, mask)
    p.add(Code.MUL, op.name, *where, *pair(x, x2, out), *zeros, *op.clip, scale.mant, scale.exp)


def _windows(graph: Graph, op: Pool) -> tuple[int, ...]:
    """fe_geometry of a pool: no zero points, nothing trained, one group."""
    x, y = graph.tensor(op.x), graph.tensor(op.y)
    return (*x.shape, *y.shape, *op.kernel, *op.stride, *op.pad[:2], 0, 0, 0, 1, *op.clip)


def _sides(graph: Graph, *names: str) -> tuple[int, ...]:
    return tuple(side for name in names for side in graph.tensor(name).shape)


def _resized(graph: Graph, op: ResizeNearest) -> tuple[int, ...]:
    """fe_resize."""
    return (*graph.tensor(op.x).shape, *graph.tensor(op.y).shape[:2])


# --- moves -----------------------------------------------------------------------------------------------------


def _natural(tensor: Tensor) -> Sides:
    return tensor.shape[1] * tensor.shape[2], tensor.shape[2], 1


def _landing(graph: Graph, op: Pad | Transpose | Concat, index: int) -> tuple[int, Sides]:
    """Where the first value of an input lies in the output, and how far apart its rows, columns, channels are there."""
    steps = _natural(graph.tensor(op.y))
    match op:
        case Pad():
            return sum(before * step for before, step in zip(op.before, steps, strict=True)), steps
        case Transpose():
            down, right, deep = (steps[op.order.index(axis)] for axis in range(3))
            return 0, (down, right, deep)
        case Concat():
            return sum(graph.tensor(name).shape[op.axis] for name in op.xs[:index]) * steps[op.axis], steps


def _moved(graph: Graph, op: Pad | Transpose | Concat, index: int) -> tuple[int, ...]:
    """fe_move from an input into the output."""
    x, (at, steps) = graph.tensor(inputs(op)[index]), _landing(graph, op, index)
    fill = (1, op.value) if isinstance(op, Pad) else (0, 0)
    return (*x.shape, 0, *_natural(x), at, *steps, *fill, graph.tensor(op.y).size)


def _moved_back(graph: Graph, op: Pad | Transpose | Concat, index: int) -> tuple[int, ...]:
    """fe_move from the place of an input in the output to where it came from."""
    x, (at, steps) = graph.tensor(inputs(op)[index]), _landing(graph, op, index)
    return (*x.shape, at, *steps, 0, *_natural(x), 0, 0, x.size)


def pass_on(p: Program, graph: Graph, op: Op, index: int, g: Flowing) -> Flowing | None:
    """The int8 gradient of input `index` where it is a pure copy of g, with its exponent; None where it is a sum.

    Asked only when no other gradient waits for that input.
    """
    if not isinstance(op, Pad | Transpose | Concat):
        return None
    name = inputs(op)[index]
    moved = p.fresh(f"{name} gradient from {op.name}", graph.tensor(name).size)
    p.add(Code.MOVE, op.name, g.ref, moved, *_moved_back(graph, op, index))
    return Flowing(moved, g.slot)


# --- gradients -------------------------------------------------------------------------------------------------


def gradient_step(p: Program, graph: Graph, op: Op, index: int, flow: Flow) -> bool:
    """Adds the step that takes g to input `index` of an operator; False for one that is not of this file."""
    match op:
        case Mul():
            _gradient_mul(p, graph, op, index, flow)
        case AveragePool():
            exp = 15 - shares(graph, op)[1]
            p.add(Code.GRAD_AVERAGE_POOL, op.name, *flow.words, p.maps[op.x], *_windows(graph, op), exp)
        case MaxPool():
            p.add(Code.GRAD_MAX_POOL, op.name, *flow.words, p.maps[op.x], *_windows(graph, op), 0)
        case Mean():
            _gradient_mean(p, graph, op, flow)
        case Pad() | Transpose() | Concat():
            p.add(Code.GRAD_MOVE, op.name, *flow.words, *_moved(graph, op, index))
        case ResizeNearest():
            p.add(Code.GRAD_RESIZE, op.name, *flow.words, model("places", op.name), *_resized(graph, op))
        case Activation():
            _gradient_curve(p, graph, op, flow)
        case _:
            return False
    return True


def _gradient_mul(p: Program, graph: Graph, op: Mul, index: int, flow: Flow) -> None:
    """fe_grad_mul_step."""
    name, other = (op.x, op.x2) if index == 0 else (op.x2, op.x)
    x, fellow, y = (graph.tensor(n) for n in (name, other, op.y))
    factor, e = mul_factor(graph, op, name)
    exp = 15 - e if x.shape == y.shape else -e
    steps = pair(fellow, fellow, y)[3:6]
    numbers = (fellow.zero_point, float_bits(fellow.scale) if p.is_float else factor, exp)
    p.add(Code.GRAD_MUL, op.name, *flow.words, p.maps[other], *x.shape, *y.shape, *steps, *numbers)


def _gradient_mean(p: Program, graph: Graph, op: Mean, flow: Flow) -> None:
    """fe_grad_mean_step."""
    count = mean_count(graph, op)
    factor, e = share(count, count)
    bits = float_bits(float(np.float32(1) / np.float32(count)))
    p.add(Code.GRAD_MEAN, op.name, *flow.words, *_sides(graph, op.x, op.y), bits if p.is_float else factor, 15 - e)


def _gradient_curve(p: Program, graph: Graph, op: Activation, flow: Flow) -> None:
    """fe_grad_table_step."""
    exp = 15 - slopes(graph, op).exp
    p.add(Code.GRAD_TABLE, op.name, *flow.words, p.maps[op.x], model("slopes", op.name), flow.channels, exp)
