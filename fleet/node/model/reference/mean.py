"""Mean over some axes of a map, on a scale of its own."""

from math import prod

import numpy as np

from fleet.node.model import fixed
from fleet.node.model.fixed import Int64, Real
from fleet.node.model.graph import Float32, Graph, Mean
from fleet.node.model.reference.average_pool import share
from fleet.node.model.reference.values import Gradient, Maps, f32


def mean_count(graph: Graph, op: Mean) -> int:
    """n: how many values make one output."""
    return prod(graph.tensor(op.x).shape[axis] for axis in op.axes)


def mean_scale(graph: Graph, op: Mean) -> Real:
    """s_x / (s_y n), its mantissa rounded down. Source: TFLite, QuantizedMeanOrSum."""
    count = mean_count(graph, op)
    scale = fixed.real(f32(graph.tensor(op.x).scale) / f32(graph.tensor(op.y).scale))
    shift = min(count.bit_length() - 1, 32, 31 + scale.exp)
    return Real((scale.mant << shift) // count, scale.exp - shift)


def raw(graph: Graph, op: Mean, maps: Maps) -> Int64:
    """The output before clipping."""
    total = (maps[op.x] - graph.tensor(op.x).zero_point).sum(axis=op.axes, keepdims=True)
    return fixed.scale(total, mean_scale(graph, op)) + graph.tensor(op.y).zero_point


def input_sums(graph: Graph, op: Mean, name: str, g: Gradient, maps: Maps) -> tuple[Int64, int]:
    """Accumulators [H, W, C] of the input's gradient, and their exponent."""
    count = mean_count(graph, op)
    factor, e = share(count, count)
    return np.broadcast_to(g.e * factor, graph.tensor(name).shape).copy(), g.k + 15 - e


def input_floats(graph: Graph, op: Mean, name: str, g: Float32, maps: Maps, start: Float32) -> Float32:
    """start plus the output's gradient over n."""
    factor = np.float32(1) / np.float32(mean_count(graph, op))
    return np.asarray(start + g * factor, dtype=np.float32)
