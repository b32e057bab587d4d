"""What operators with weights share: scales of outputs, operands of input gradients, taps of a kernel."""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.node.model import fixed
from fleet.node.model.fixed import Int64, Real
from fleet.node.model.graph import Conv2d, Dense, Depthwise, Float32, FullyConnected, Graph, Weighted
from fleet.node.model.reference.values import Gradient, f32


def output_scales(graph: Graph, op: Conv2d | Depthwise | FullyConnected) -> list[Real]:
    """s_x s_w / s_y per output channel, product in double of float32 values."""
    s_x, s_y = f32(graph.tensor(op.x).scale), f32(graph.tensor(op.y).scale)
    return [fixed.real(s_x * float(s) / s_y) for s in op.weight_scale]


def requantised(acc: Int64, scales: list[Real], zero: int) -> Int64:
    """Accumulators [..., O] in steps of the output, before clipping."""
    channels = [fixed.scale(acc[..., c], s) for c, s in enumerate(scales)]
    return np.stack(channels, axis=-1) + zero


def product(a: Int64, b: Int64) -> Int64:
    """a @ b through doubles, which is exact: no sum that SPEC.md bounds comes near 2^53."""
    return (a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64)


def kernel(op: Conv2d | Depthwise) -> tuple[int, int]:
    """KH, KW."""
    height, width = op.weight.shape[:2] if isinstance(op, Depthwise) else op.weight.shape[1:3]
    return height, width


def patches(graph: Graph, op: Conv2d | Depthwise, centred: NDArray[Any]) -> list[tuple[int, int, NDArray[Any]]]:
    """(ky, kx, view [out_h, out_w, C] of the padded input under that tap), taps in order."""
    top, left, bottom, right = op.pad
    padded = np.pad(centred, ((top, bottom), (left, right), (0, 0)))
    return [(ky, kx, padded[under]) for ky, kx, under in _taps(graph, op)]


def spread(graph: Graph, op: Conv2d | Depthwise, start: NDArray[Any], terms: Callable[[int, int], Any]) -> NDArray[Any]:
    """start [H, W, C] plus terms(ky, kx) [out_h, out_w, C], each at the input place under that tap."""
    height, width, _ = start.shape
    top, left, bottom, right = op.pad
    padded = np.pad(start, ((top, bottom), (left, right), (0, 0)))
    for ky, kx, under in _taps(graph, op):
        padded[under] += terms(ky, kx)
    return padded[top : top + height, left : left + width]


def _taps(graph: Graph, op: Conv2d | Depthwise) -> list[tuple[int, int, tuple[slice, slice]]]:
    """(ky, kx, the rows and columns of the padded input that outputs see under that tap)."""
    kernel_h, kernel_w = kernel(op)
    out_h, out_w, _ = graph.tensor(op.y).shape
    down, across = op.stride
    return [
        (ky, kx, (slice(ky, ky + down * (out_h - 1) + 1, down), slice(kx, kx + across * (out_w - 1) + 1, across)))
        for ky in range(kernel_h)
        for kx in range(kernel_w)
    ]


def centred_input(graph: Graph, op: Weighted, maps: dict[str, NDArray[Any]]) -> Int64:
    """x - z_x."""
    return np.asarray(maps[op.x] - graph.tensor(op.x).zero_point, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class InputFactors:
    """r[o] = s_w[o] in Q(15 - E); t = (g r) >> shift; the exponent of the sum is that of g plus exp."""

    r: Int64
    shift: int
    exp: int


def input_factors(graph: Graph, op: Weighted) -> InputFactors:
    """How an output gradient becomes the operand of the input gradient's sum (`t16`)."""
    e = fixed.exponent(float(op.weight_scale.max()))
    r = np.array([floor(float(s) * 2.0 ** (15 - e) + 0.5) for s in op.weight_scale], dtype=np.int64)
    spare = max(0, -(-products_per_input(graph, op) // 782) - 1).bit_length()
    return InputFactors(r, 8 + spare, 7 - e - spare)


def operand(graph: Graph, op: Weighted, g: Gradient) -> tuple[Int64, int]:
    """t of every output, and the exponent of sums of t w."""
    factors = input_factors(graph, op)
    return fixed.round_shift(g.e * factors.r, factors.shift), g.k + factors.exp


def float_operand(op: Weighted, g: Float32) -> Float32:
    """t of every output in fp32: g s_w."""
    return np.asarray(g * op.weight_scale.astype(np.float32), dtype=np.float32)


def products_per_input(graph: Graph, op: Weighted) -> int:
    """F: the most products that meet in one input gradient."""
    if isinstance(op, Dense | FullyConnected):
        return op.bias.size
    kernel_h, kernel_w = kernel(op)
    taps = -(-kernel_h // op.stride[0]) * -(-kernel_w // op.stride[1])
    return taps * (multiplier(graph, op) if isinstance(op, Depthwise) else op.bias.size // op.groups)


def multiplier(graph: Graph, op: Depthwise) -> int:
    """M: outputs per input channel."""
    return op.bias.size // graph.tensor(op.x).shape[2]
