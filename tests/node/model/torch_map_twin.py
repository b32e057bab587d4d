"""Operators without weights as torch computes them on real values, and the twin that knows them."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fleet.node.model.graph import (
    Activation,
    AveragePool,
    Concat,
    Curve,
    Graph,
    MaxPool,
    Mean,
    Mul,
    Op,
    Pad,
    Pool,
    Reshape,
    ResizeNearest,
    Transpose,
)
from fleet.node.model.reference.activation import table
from fleet.node.model.torch.graph_twin import Twin

CURVES = {  # a relu is a line that is clipped
    Curve.RELU: lambda x: x,
    Curve.RELU6: lambda x: x,
    Curve.LOGISTIC: torch.sigmoid,
    Curve.HARD_SWISH: functional.hardswish,
    Curve.REQUANTIZE: lambda x: x,
}


class MapTwin(Twin):
    """The twin of a network with operators without weights."""

    def _value(self, op: Op, maps: dict[str, Tensor]) -> Tensor:
        value = map_value(self.graph, op, maps)
        return super()._value(op, maps) if value is None else value


def map_value(graph: Graph, op: Op, maps: dict[str, Tensor]) -> Tensor | None:
    """[H, W, C] of an operator without weights, before clipping; None of any other."""
    match op:
        case Mul():
            return maps[op.x] * maps[op.x2]
        case AveragePool() | MaxPool():
            return _pooled(op, maps[op.x])
        case Mean():
            return maps[op.x].mean(dim=op.axes, keepdim=True)
        case Activation():
            return _bent(graph, op, maps[op.x])
        case _:
            return _moved(graph, op, maps)


def _moved(graph: Graph, op: Op, maps: dict[str, Tensor]) -> Tensor | None:
    match op:
        case Pad():
            x = graph.tensor(op.x)
            border = float(np.float32(x.scale)) * (op.value - x.zero_point)
            sides = [n for pair in zip(reversed(op.before), reversed(op.after), strict=True) for n in pair]
            return functional.pad(maps[op.x], sides, value=border)
        case Reshape():
            return maps[op.x].reshape(graph.tensor(op.y).shape)
        case Transpose():
            return maps[op.x].permute(op.order)
        case Concat():
            return torch.cat([maps[name] for name in op.xs], dim=op.axis)
        case ResizeNearest():
            return _resized(op, maps[op.x], graph.tensor(op.y).shape[:2])
        case _:
            return None


def _pooled(op: Pool, x: Tensor) -> Tensor:
    """A border that never is the largest value, and that no mean counts."""
    top, left, bottom, right = op.pad
    around = (left, right, top, bottom)
    first = x.permute(2, 0, 1)[None]
    if isinstance(op, MaxPool):
        found = functional.max_pool2d(functional.pad(first, around, value=-torch.inf), op.kernel, op.stride)
    else:
        total = functional.avg_pool2d(functional.pad(first, around), op.kernel, op.stride)
        found = total / functional.avg_pool2d(functional.pad(torch.ones_like(first), around), op.kernel, op.stride)
    return found[0].permute(1, 2, 0)


def _resized(op: ResizeNearest, x: Tensor, size: tuple[int, int]) -> Tensor:
    """Rows and columns by the plain definition; single precision, as TensorFlow Lite has it."""
    picked = [_picked(op, x.shape[axis], size[axis]) for axis in (0, 1)]
    return x[picked[0]][:, picked[1]]


def _picked(op: ResizeNearest, side: int, out: int) -> list[int]:
    single = np.float32
    scale = single(side - 1) / single(out - 1) if op.align_corners and out > 1 else single(side) / single(out)
    exact = [(single(i) + single(0.5 if op.half_pixel_centers else 0)) * scale for i in range(out)]
    return [min(int(np.floor(v + single(0.5) if op.align_corners else v)), side - 1) for v in exact]


def _bent(graph: Graph, op: Activation, x: Tensor) -> Tensor:
    """The curve, flat where clipping changed its output. That settles ties at the bends of relu as well."""
    source = graph.tensor(op.x)
    steps = torch.round(x.detach() / float(np.float32(source.scale))).long() + source.zero_point
    kept = torch.from_numpy(table(graph, op).kept)[steps & 255]
    value = CURVES[op.curve](x)
    return torch.where(kept, value, value.detach())
