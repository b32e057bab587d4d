"""Average over all positions of a map."""

from math import floor

import numpy as np

from fleet.node.model import fixed
from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Float32, GlobalAveragePool, Graph
from fleet.node.model.reference.values import Gradient, Maps


def raw(graph: Graph, op: GlobalAveragePool, maps: Maps) -> Int64:
    """The output, rounded half away from zero."""
    x = maps[op.x]
    count = x.shape[0] * x.shape[1]
    total = x.sum(axis=(0, 1))
    away = np.where(total > 0, total + count // 2, total - count // 2)
    return np.asarray(np.sign(away) * (np.abs(away) // count), dtype=np.int64).reshape(1, 1, -1)


def pool_factor(positions: int) -> tuple[int, int]:
    """1/P as an integer in Q(15 - E), and E."""
    e = fixed.exponent(1 / positions)
    return floor(2 ** (15 - e) / positions + 0.5), e


def input_sums(graph: Graph, op: GlobalAveragePool, name: str, g: Gradient, maps: Maps) -> tuple[Int64, int]:
    """Accumulators [H, W, C] of the input's gradient, and their exponent."""
    height, width, channels = graph.tensor(op.x).shape
    factor, e = pool_factor(height * width)
    return np.broadcast_to(g.e * factor, (height, width, channels)).copy(), g.k + 15 - e


def input_floats(graph: Graph, op: GlobalAveragePool, name: str, g: Float32, maps: Maps, start: Float32) -> Float32:
    """The input's gradient: g / P at every position."""
    count = start.shape[0] * start.shape[1]
    return start + g * (np.float32(1) / np.float32(count))
