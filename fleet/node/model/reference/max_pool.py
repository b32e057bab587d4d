"""Largest value of windows of a map."""

import numpy as np

from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Float32, Graph, MaxPool
from fleet.node.model.reference.average_pool import pairs
from fleet.node.model.reference.values import Gradient, Maps, summed_at


def raw(graph: Graph, op: MaxPool, maps: Maps) -> Int64:
    """The output before clipping."""
    return np.asarray(maps[op.x].ravel()[largest(graph, op, maps)], dtype=np.int64)


def largest(graph: Graph, op: MaxPool, maps: Maps) -> Int64:
    """For every output the flat place of x that it comes from: the first of the largest, row by row."""
    reads, outputs = pairs(graph, op)
    shape, channels = graph.tensor(op.y).shape, graph.tensor(op.x).shape[2]
    x = maps[op.x].reshape(-1, channels)
    source = np.full((shape[0] * shape[1], channels), -1, dtype=np.int64)
    best = np.full(source.shape, -(10**9), dtype=np.int64)
    for place, output in zip(reads, outputs, strict=True):
        better = x[place] > best[output]
        best[output] = np.where(better, x[place], best[output])
        source[output] = np.where(better, place * channels + np.arange(channels), source[output])
    return source.reshape(shape)


def input_sums(graph: Graph, op: MaxPool, name: str, g: Gradient, maps: Maps) -> tuple[Int64, int]:
    """Sums of what the outputs send to the place that they come from, and the exponent."""
    start = np.zeros(graph.tensor(name).shape, dtype=np.int64)
    return summed_at(start, largest(graph, op, maps), g.e), g.k


def input_floats(graph: Graph, op: MaxPool, name: str, g: Float32, maps: Maps, start: Float32) -> Float32:
    """start plus the terms of the input's gradient."""
    return summed_at(start, largest(graph, op, maps), g)
