"""Convolution."""

import numpy as np

from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Conv2d, Graph
from fleet.node.model.reference.values import Gradient, Maps
from fleet.node.model.reference.weighted import kernel, operand, output_scales, patches, requantised


def raw(graph: Graph, op: Conv2d, maps: Maps) -> Int64:
    """The output before clipping."""
    acc = np.broadcast_to(op.bias.astype(np.int64), graph.tensor(op.y).shape).copy()
    for ky, kx, patch in patches(graph, op, maps[op.x] - graph.tensor(op.x).zero_point):
        acc += patch @ op.weight[:, ky, kx].astype(np.int64).T
    return requantised(acc, output_scales(graph, op), graph.tensor(op.y).zero_point)


def input_sums(graph: Graph, op: Conv2d, name: str, g: Gradient, maps: Maps) -> tuple[Int64, int]:
    """Accumulators [H, W, I] of the input's gradient, and their exponent."""
    t, k = operand(op, g)
    height, width, channels = graph.tensor(op.x).shape
    top, left, bottom, right = op.pad
    padded = np.zeros((height + top + bottom, width + left + right, channels), dtype=np.int64)
    out_h, out_w, _ = graph.tensor(op.y).shape
    down, across = op.stride
    kernel_h, kernel_w = kernel(op)
    for ky in range(kernel_h):
        for kx in range(kernel_w):
            spread = t @ op.weight[:, ky, kx].astype(np.int64)
            padded[ky : ky + down * out_h : down, kx : kx + across * out_w : across] += spread
    return padded[top : top + height, left : left + width], k


def weight_sums(graph: Graph, op: Conv2d, g: Gradient, maps: Maps) -> Int64:
    """G in the weight's shape: sum over positions of e (x - zx); padding contributes nothing."""
    total = np.zeros(op.weight.shape, dtype=np.int64)
    for ky, kx, patch in patches(graph, op, maps[op.x] - graph.tensor(op.x).zero_point):
        total[:, ky, kx] = np.einsum("hwo,hwi->oi", g.e, patch)
    return total
