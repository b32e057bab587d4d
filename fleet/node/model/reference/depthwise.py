"""Depthwise convolution, M outputs per channel."""

from functools import partial

import numpy as np

from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Depthwise, Float32, Graph
from fleet.node.model.reference.values import Gradient, Maps
from fleet.node.model.reference.weighted import (
    centred_input,
    float_operand,
    multiplier,
    operand,
    output_scales,
    patches,
    requantised,
    spread,
)


def raw(graph: Graph, op: Depthwise, maps: Maps) -> Int64:
    """The output before clipping."""
    acc = np.broadcast_to(op.bias.astype(np.int64), graph.tensor(op.y).shape).copy()
    for ky, kx, patch in patches(graph, op, _repeated(graph, op, maps)):
        acc += patch * op.weight[ky, kx].astype(np.int64)
    return requantised(acc, output_scales(graph, op), graph.tensor(op.y).zero_point)


def input_sums(graph: Graph, op: Depthwise, name: str, g: Gradient, maps: Maps) -> tuple[Int64, int]:
    """Accumulators [H, W, C] of the input's gradient, and their exponent."""
    t, k = operand(graph, op, g)
    height, width, channels = graph.tensor(op.x).shape
    start = np.zeros((height, width, op.bias.size), dtype=np.int64)
    per_output = spread(graph, op, start, lambda ky, kx: t * op.weight[ky, kx].astype(np.int64))
    return per_output.reshape(height, width, channels, -1).sum(axis=3), k


def input_floats(graph: Graph, op: Depthwise, name: str, g: Float32, maps: Maps, start: Float32) -> Float32:
    """The input's gradient [H, W, C]: outputs of a channel ascending, of each its taps in order."""
    m, weight, t = multiplier(graph, op), op.weight.astype(np.float32), float_operand(op, g)
    total = start
    for o in range(m):
        total = spread(graph, op, total, partial(_terms_of_output, t[..., o::m], weight[..., o::m]))
    return total


def _terms_of_output(t: Float32, weight: Float32, ky: int, kx: int) -> Float32:
    return np.asarray(t * weight[ky, kx], dtype=np.float32)


def weight_sums(graph: Graph, op: Depthwise, g: Gradient, maps: Maps) -> Int64:
    """G in the weight's shape: sum over positions of e (x - zx); padding contributes nothing."""
    total = np.zeros(op.weight.shape, dtype=np.int64)
    for ky, kx, patch in patches(graph, op, _repeated(graph, op, maps)):
        total[ky, kx] = (g.e * patch).sum(axis=(0, 1))
    return total


def weight_floats(graph: Graph, op: Depthwise, g: Float32, maps: Maps) -> Float32:
    """G in the weight's shape, positions ascending."""
    total = np.zeros(op.weight.shape, dtype=np.float32)
    for ky, kx, patch in patches(graph, op, _repeated(graph, op, maps).astype(np.float32)):
        for terms in (g * patch).reshape(-1, op.bias.size):
            total[ky, kx] += terms
    return total


def _repeated(graph: Graph, op: Depthwise, maps: Maps) -> Int64:
    """x - z_x as each output sees it, [H, W, C * M]."""
    return np.repeat(centred_input(graph, op, maps), multiplier(graph, op), axis=2)
