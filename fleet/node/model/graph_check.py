"""What a graph must be: every map made once and before it is read, shapes, forms and values that belong together."""

from math import isclose, prod

import numpy as np

from fleet.node.model.graph import (
    BIAS_LIMIT,
    Activation,
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Curve,
    Dense,
    Depthwise,
    Dequantize,
    Form,
    FullyConnected,
    GlobalAveragePool,
    Graph,
    MaxPool,
    Mean,
    Mul,
    Op,
    Pad,
    Pool,
    Quantize,
    Reshape,
    ResizeNearest,
    Softmax,
    Tensor,
    Transpose,
    Weighted,
    inputs,
)
from fleet.node.model.graph_fields import OddError

NEAR_SCALES = 1e-6  # by which scales may differ where TFLite Micro asks that they be equal
UNIT = (1 / 256, -128)  # scale and zero point of what lies between 0 and 1
Shape = tuple[int, ...]


def check(graph: Graph) -> None:
    """Raises OddError, whose text says what is odd, unless the graph can be computed."""
    if not graph.ops:
        raise OddError("a network without operators")
    if len({t.name for t in graph.tensors}) != len(graph.tensors) or len({o.name for o in graph.ops}) != len(graph.ops):
        raise OddError("two tensors or two operators of one name")
    made = _given(graph)
    for op in graph.ops:
        if not set(inputs(op)) <= made or op.y in made:
            raise OddError(f"operator {op.name!r}, which reads a map not made yet or makes one twice")
        if isinstance(op, Dense) and op is not graph.ops[-1]:
            raise OddError(f"operator {op.name!r}, a dense head before the end")
        made.add(op.y)
        _check_operator(graph, op)
    if made != {t.name for t in graph.tensors}:
        raise OddError("tensors that no operator makes")
    if not set(graph.outputs) <= made:
        raise OddError("outputs that are no tensors of it")


def _given(graph: Graph) -> set[str]:
    """What is there before the first operator: inputs and constants."""
    names = {t.name for t in graph.tensors}
    constants = {t.name for t in graph.tensors if t.value is not None}
    if not set(graph.inputs) <= names - constants or len(set(graph.inputs)) != len(graph.inputs):
        raise OddError("inputs that are no tensors of it, or constants, or one twice")
    return set(graph.inputs) | constants


def _check_operator(graph: Graph, op: Op) -> None:
    xs, y = [graph.tensor(name) for name in inputs(op)], graph.tensor(op.y)
    if not _shapes_fit(op, [x.shape for x in xs], y.shape):
        shown = " and ".join(str(list(x.shape)) for x in xs)
        raise OddError(f"operator {op.name!r}, which cannot make a map {list(y.shape)} of a map {shown}")
    if not _forms_fit(op, xs, y):
        raise OddError(f"operator {op.name!r}, which cannot make {y.form.value} of {xs[0].form.value}")
    if not _scales_fit(op, xs, y):
        raise OddError(f"operator {op.name!r}, whose output has a scale or zero point that it cannot have")
    if hasattr(op, "clip") and op.clip[0] > op.clip[1]:
        raise OddError(f"operator {op.name!r}, which clips to nothing")
    if isinstance(op, Weighted):
        _check_values(op, least=-127 if graph.has_head else -128)


# --- shapes ----------------------------------------------------------------------------------------------------


def _shapes_fit(op: Op, xs: list[Shape], y: Shape) -> bool:
    x = xs[0]
    match op:
        case Conv2d() | Depthwise() | FullyConnected() | Dense():
            return _weights_fit(op, x, y)
        case Add() | Mul():
            pairs = list(zip(x, xs[1], y, strict=True))
            return all(max(a, b) == side and {a, b} <= {1, side} for a, b, side in pairs)
        case AveragePool() | MaxPool():
            over = max(top - taps for top, taps in zip(op.pad, (*op.kernel, *op.kernel), strict=True))
            return over < 0 and y == (*_out_size(op, x, op.kernel), x[2])
        case GlobalAveragePool():
            return y == (1, 1, x[2])
        case Mean():
            chosen = 0 < len(op.axes) == len(set(op.axes))
            return chosen and y == tuple(1 if axis in op.axes else side for axis, side in enumerate(x))
        case _:
            return _moves_fit(op, xs, y)


def _moves_fit(op: Op, xs: list[Shape], y: Shape) -> bool:
    x = xs[0]
    match op:
        case Pad():
            return y == tuple(sum(sides) for sides in zip(op.before, x, op.after, strict=True))
        case Reshape():
            return prod(y) == prod(x)
        case Transpose():
            return sorted(op.order) == [0, 1, 2] and y == tuple(x[axis] for axis in op.order)
        case Concat():
            others = [side for axis, side in enumerate(y) if axis != op.axis]
            alike = all([s for axis, s in enumerate(part) if axis != op.axis] == others for part in xs)
            return alike and sum(part[op.axis] for part in xs) == y[op.axis]
        case ResizeNearest():
            return x[2] == y[2] and not (op.align_corners and op.half_pixel_centers)
        case _:
            return x == y


def _weights_fit(op: Weighted, x: Shape, y: Shape) -> bool:
    match op:
        case Conv2d() if op.weight.ndim == 4:
            outputs, *kernel, inputs = op.weight.shape
            divides = outputs % op.groups == 0 and x[2] == inputs * op.groups
            return divides and y == (*_out_size(op, x, kernel), outputs)
        case Depthwise() if op.weight.ndim == 3:
            *kernel, channels = op.weight.shape
            return channels % x[2] == 0 and y == (*_out_size(op, x, kernel), channels)
        case FullyConnected() | Dense():
            return op.weight.shape[1:] == (prod(x),) and y == (1, 1, op.weight.shape[0])
        case _:
            return False


def _out_size(op: Conv2d | Depthwise | Pool, x: Shape, kernel: list[int] | tuple[int, int]) -> tuple[int, int]:
    down = (x[0] + op.pad[0] + op.pad[2] - kernel[0]) // op.stride[0] + 1
    right = (x[1] + op.pad[1] + op.pad[3] - kernel[1]) // op.stride[1] + 1
    return down, right


# --- forms, scales, values -------------------------------------------------------------------------------------


def _forms_fit(op: Op, xs: list[Tensor], y: Tensor) -> bool:
    whole = (Form.INT8, Form.UINT8)
    match op:
        case Quantize():
            return xs[0].form is Form.FLOAT32 and y.form in whole
        case Dequantize():
            return xs[0].form in whole and y.form is Form.FLOAT32
        case Activation(curve=Curve.REQUANTIZE):
            return xs[0].form in whole and y.form in whole
        case Reshape():
            return xs[0].form is y.form
        case _:
            return all(tensor.form is Form.INT8 for tensor in (*xs, y))


def _scales_fit(op: Op, xs: list[Tensor], y: Tensor) -> bool:
    match op:
        case AveragePool() | MaxPool() | Pad() | Reshape() | Transpose() | Concat() | ResizeNearest():
            return all(
                x.zero_point == y.zero_point and isclose(x.scale, y.scale, rel_tol=NEAR_SCALES, abs_tol=NEAR_SCALES)
                for x in xs
            )
        case Softmax():
            return (y.scale, y.zero_point) == UNIT and op.beta * xs[0].scale > 2**-26  # a step that its exp can see
        case Activation(curve=Curve.LOGISTIC):
            return (y.scale, y.zero_point) == UNIT
        case Activation(curve=Curve.HARD_SWISH):
            return xs[0].scale / 128 < y.scale <= xs[0].scale * 512  # what its 16-bit numbers can hold
        case _:
            return True


def _check_values(op: Weighted, least: int) -> None:
    """least: weight; what trains has no -128, as the bounds of gradients ask."""
    if op.weight.min() < least or int(np.abs(op.bias.astype(np.int64)).max()) > BIAS_LIMIT:
        raise OddError(f"operator {op.name!r} with a weight of -128 or a bias beyond 2^30")
    if not (np.isfinite(op.weight_scale).all() and (op.weight_scale > 0).all()):
        raise OddError(f"operator {op.name!r} with a weight scale that is not positive")
