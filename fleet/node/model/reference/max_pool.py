"""Largest value of windows of a map."""

from itertools import product

import numpy as np

from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Float32, Graph, MaxPool
from fleet.node.model.reference.values import Gradient, Maps, summed_at

_LOWEST = -1000  # below any int8


def raw(graph: Graph, op: MaxPool, maps: Maps) -> Int64:
    """The output before clipping."""
    return np.asarray(maps[op.x].ravel()[largest(graph, op, maps)], dtype=np.int64)


def largest(graph: Graph, op: MaxPool, maps: Maps) -> Int64:
    """For every output the flat place of x that it comes from: the first of the largest, row by row."""
    (height, width, channels), (out_h, out_w, _) = graph.tensor(op.x).shape, graph.tensor(op.y).shape
    best = np.full((out_h, out_w, channels), _LOWEST, dtype=np.int64)
    source = np.full(best.shape, -1, dtype=np.int64)
    for ky, kx in product(range(op.kernel[0]), range(op.kernel[1])):
        rows = np.arange(out_h)[:, None] * op.stride[0] - op.pad[0] + ky
        columns = np.arange(out_w)[None] * op.stride[1] - op.pad[1] + kx
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        position = np.where(inside, rows * width + columns, 0)[..., None]
        value = np.where(inside[..., None], maps[op.x].reshape(-1, channels)[position[..., 0]], _LOWEST)
        source = np.where(value > best, position * channels + np.arange(channels), source)
        best = np.maximum(value, best)
    return source


def input_sums(graph: Graph, op: MaxPool, name: str, g: Gradient, maps: Maps) -> tuple[Int64, int]:
    """Sums of what the outputs send to the place that they come from, and the exponent."""
    start = np.zeros(graph.tensor(name).shape, dtype=np.int64)
    return summed_at(start, largest(graph, op, maps), g.e), g.k


def input_floats(graph: Graph, op: MaxPool, name: str, g: Float32, maps: Maps, start: Float32) -> Float32:
    """start plus the terms of the input's gradient."""
    return summed_at(start, largest(graph, op, maps), g)
