"""What all operators with weights share: scales of outputs, operands of input gradients, taps of a kernel."""

from dataclasses import dataclass
from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.node.model import fixed
from fleet.node.model.fixed import Int64, Real
from fleet.node.model.graph import Conv2d, Dense, Depthwise, FullyConnected, Graph, Weighted
from fleet.node.model.reference.values import Gradient, f32

DEAD_SCALE = 1e-7  # weight scales below it belong to dead channels, which do not train


def output_scales(graph: Graph, op: Conv2d | Depthwise) -> list[Real]:
    """s_x s_w / s_y per output channel, product in double of float32 values."""
    s_x, s_y = f32(graph.tensor(op.x).scale), f32(graph.tensor(op.y).scale)
    return [fixed.real(s_x * float(s) / s_y) for s in op.weight_scale]


def requantised(acc: Int64, scales: list[Real], zero: int) -> Int64:
    """Accumulators [..., O] in steps of the output, before clipping."""
    channels = [fixed.scale(acc[..., c], s) for c, s in enumerate(scales)]
    return np.stack(channels, axis=-1) + zero


def kernel(op: Conv2d | Depthwise) -> tuple[int, int]:
    """KH, KW."""
    height, width = op.weight.shape[:2] if isinstance(op, Depthwise) else op.weight.shape[1:3]
    return height, width


def patches(graph: Graph, op: Conv2d | Depthwise, centred: NDArray[Any]) -> list[tuple[int, int, NDArray[Any]]]:
    """(ky, kx, view [out_h, out_w, C] of the padded input under that tap)."""
    kernel_h, kernel_w = kernel(op)
    out_h, out_w, _ = graph.tensor(op.y).shape
    top, left, bottom, right = op.pad
    padded = np.pad(centred, ((top, bottom), (left, right), (0, 0)))
    down, across = op.stride
    return [
        (ky, kx, padded[ky : ky + down * out_h : down, kx : kx + across * out_w : across][:out_h, :out_w])
        for ky in range(kernel_h)
        for kx in range(kernel_w)
    ]


@dataclass(frozen=True, slots=True)
class InputFactors:
    """r[o] = s_w[o] in Q(15 - E); t = (g r) >> shift; the exponent of the sum is that of g plus exp."""

    r: Int64
    shift: int
    exp: int


def input_factors(op: Weighted) -> InputFactors:
    """How an output gradient becomes the operand of the input gradient's sum (`t16`)."""
    e = fixed.exponent(float(op.weight_scale.max()))
    r = np.array([floor(float(s) * 2.0 ** (15 - e) + 0.5) for s in op.weight_scale], dtype=np.int64)
    spare = max(0, -(-products_per_input(op) // 782) - 1).bit_length()
    return InputFactors(r, 8 + spare, 7 - e - spare)


def operand(op: Weighted, g: Gradient) -> tuple[Int64, int]:
    """t of every output, and the exponent of sums of t w."""
    factors = input_factors(op)
    return fixed.round_shift(g.e * factors.r, factors.shift), g.k + factors.exp


def products_per_input(op: Weighted) -> int:
    """F: the most products that meet in one input gradient."""
    if isinstance(op, Dense | FullyConnected):
        return op.bias.size
    kernel_h, kernel_w = kernel(op)
    taps = -(-kernel_h // op.stride[0]) * -(-kernel_w // op.stride[1])
    return int(taps if isinstance(op, Depthwise) else taps * op.bias.size)
