"""Convolution, in groups."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Conv2d, Float32, Graph
from fleet.node.model.reference.values import Gradient, Maps
from fleet.node.model.reference.weighted import (
    centred_input,
    float_operand,
    operand,
    output_scales,
    patches,
    product,
    requantised,
    spread,
)


def raw(graph: Graph, op: Conv2d, maps: Maps) -> Int64:
    """The output before clipping."""
    acc = np.broadcast_to(op.bias.astype(np.int64), graph.tensor(op.y).shape).copy()
    for ky, kx, patch in patches(graph, op, centred_input(graph, op, maps)):
        acc += _by_group(patch, _tap(op, ky, kx).transpose(0, 2, 1))
    return requantised(acc, output_scales(graph, op), graph.tensor(op.y).zero_point)


def input_sums(graph: Graph, op: Conv2d, name: str, g: Gradient, maps: Maps) -> tuple[Int64, int]:
    """Accumulators [H, W, I] of the input's gradient, and their exponent."""
    t, k = operand(graph, op, g)
    start = np.zeros(graph.tensor(op.x).shape, dtype=np.int64)
    return spread(graph, op, start, lambda ky, kx: _by_group(t, _tap(op, ky, kx))), k


def input_floats(graph: Graph, op: Conv2d, name: str, g: Float32, maps: Maps, start: Float32) -> Float32:
    """The input's gradient [H, W, I]: outputs of a group ascending, of each its taps in order."""
    t = _grouped(float_operand(op, g), op.groups)
    total = start
    for o in range(t.shape[2]):
        total = spread(graph, op, total, partial(_terms_of_output, op, t, o, g.shape))
    return total


def _terms_of_output(op: Conv2d, t: NDArray[Any], o: int, shape: tuple[int, ...], ky: int, kx: int) -> NDArray[Any]:
    """t w under one tap of output o of every group, [out_h, out_w, I]."""
    terms = t[:, :, o, None] * _tap(op, ky, kx)[:, None, o].astype(np.float32)
    return terms.transpose(1, 0, 2).reshape(*shape[:2], -1)


def weight_sums(graph: Graph, op: Conv2d, g: Gradient, maps: Maps) -> Int64:
    """G in the weight's shape: sum over positions of e (x - zx); padding contributes nothing."""
    total = np.zeros(op.weight.shape, dtype=np.int64)
    e = _grouped(g.e, op.groups).transpose(0, 2, 1)
    for ky, kx, patch in patches(graph, op, centred_input(graph, op, maps)):
        total[:, ky, kx] = product(e, _grouped(patch, op.groups)).reshape(op.bias.size, -1)
    return total


def weight_floats(graph: Graph, op: Conv2d, g: Float32, maps: Maps) -> Float32:
    """G in the weight's shape, positions ascending."""
    taps = [patch for _, _, patch in patches(graph, op, centred_input(graph, op, maps))]
    x = np.stack([_grouped(patch, op.groups) for patch in taps], axis=2).astype(np.float32)  # [groups, P, K, I/groups]
    outputs = _grouped(g, op.groups)  # [groups, P, O/groups]
    total = np.zeros((op.groups, outputs.shape[2], *x.shape[2:]), dtype=np.float32)
    for p in range(outputs.shape[1]):
        total += outputs[:, p, :, None, None] * x[:, p, None]
    return total.reshape(op.weight.shape)


def _tap(op: Conv2d, ky: int, kx: int) -> Int64:
    """Weights of one tap, [groups, O / groups, I / groups]."""
    return op.weight[:, ky, kx].astype(np.int64).reshape(op.groups, -1, op.weight.shape[3])


def _grouped(values: NDArray[Any], groups: int) -> NDArray[Any]:
    """[H, W, C] as [groups, H * W, C / groups]."""
    return values.reshape(-1, groups, values.shape[2] // groups).transpose(1, 0, 2)


def _by_group(values: Int64, matrices: Int64) -> Int64:
    """[H, W, A] times [groups, A / groups, B / groups] as [H, W, B]."""
    height, width, _ = values.shape
    return product(_grouped(values, matrices.shape[0]), matrices).transpose(1, 0, 2).reshape(height, width, -1)
