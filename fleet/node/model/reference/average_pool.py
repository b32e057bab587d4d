"""Average over windows of a map, of the places on the map only."""

import numpy as np

from fleet.node.model import fixed
from fleet.node.model.fixed import Int64
from fleet.node.model.graph import AveragePool, Float32, Graph, Pool
from fleet.node.model.reference.values import Gradient, Maps

Pairs = tuple[Int64, Int64]  # flat positions of x, and of the output that reads each of them


def pairs(graph: Graph, op: Pool) -> Pairs:
    """Every (position of x, position of y that reads it): outputs ascending, within a window row by row."""
    (height, width, _), (out_h, out_w, _) = graph.tensor(op.x).shape, graph.tensor(op.y).shape
    oy, ox, ky, kx = np.indices((out_h, out_w, *op.kernel))
    y, x = oy * op.stride[0] - op.pad[0] + ky, ox * op.stride[1] - op.pad[1] + kx
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    return (y * width + x)[inside], (oy * out_w + ox)[inside]


def window_counts(graph: Graph, op: Pool) -> Int64:
    """n: places of x under the window of each output position, flat."""
    out_h, out_w, _ = graph.tensor(op.y).shape
    return np.bincount(pairs(graph, op)[1], minlength=out_h * out_w)


def raw(graph: Graph, op: AveragePool, maps: Maps) -> Int64:
    """The output before clipping, rounded half away from zero. Source: TFLite, integer_ops/pooling.h."""
    reads, outputs = pairs(graph, op)
    x = maps[op.x].reshape(-1, maps[op.x].shape[2])
    counts = window_counts(graph, op)[:, None]
    total = np.zeros((len(counts), x.shape[1]), dtype=np.int64)
    np.add.at(total, outputs, x[reads])
    away = np.where(total > 0, total + counts // 2, total - counts // 2)
    return (np.sign(away) * (np.abs(away) // counts)).reshape(graph.tensor(op.y).shape)


def share(count: int, least: int) -> tuple[int, int]:
    """f(n) = 1/n in Q(15 - E), and E, which is that of the smallest window of the operator."""
    e = fixed.exponent(1 / least)
    return int((2 ** (15 - e) + count // 2) // count), e


def shares(graph: Graph, op: AveragePool) -> tuple[Int64, int]:
    """f(n) of each output position, and E."""
    counts = window_counts(graph, op)
    least = int(counts.min())
    factors = [share(int(n), least)[0] for n in counts]
    return np.array(factors, dtype=np.int64), share(least, least)[1]


def input_sums(graph: Graph, op: AveragePool, name: str, g: Gradient, maps: Maps) -> tuple[Int64, int]:
    """Accumulators [H, W, C] of the input's gradient, and their exponent."""
    factors, e = shares(graph, op)
    reads, outputs = pairs(graph, op)
    height, width, channels = graph.tensor(name).shape
    acc = np.zeros((height * width, channels), dtype=np.int64)
    np.add.at(acc, reads, g.e.reshape(-1, channels)[outputs] * factors[outputs, None])
    return acc.reshape(height, width, channels), g.k + 15 - e


def input_floats(graph: Graph, op: AveragePool, name: str, g: Float32, maps: Maps, start: Float32) -> Float32:
    """start plus the terms of the input's gradient."""
    reads, outputs = pairs(graph, op)
    total = start.copy()
    shares_f32 = np.float32(1) / window_counts(graph, op).astype(np.float32)
    terms = g.reshape(-1, g.shape[2])[outputs] * shares_f32[outputs, None]
    np.add.at(total.reshape(-1, g.shape[2]), reads, terms)
    return total
