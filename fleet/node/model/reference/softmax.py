"""Softmax over channels, for answers only: nothing is trained through it. Source: TFLite, reference/softmax.h."""

from math import floor

import numpy as np

from fleet.node.model import fixed
from fleet.node.model.fixed import Int64, doubling_high_mul, rounding_divide
from fleet.node.model.graph import Graph, Softmax
from fleet.node.model.reference.curves_fixed import exp_of_negative, reciprocal
from fleet.node.model.reference.values import Maps, f32

_DIFFERENCE_BITS = 5  # integer bits of what exp is taken of
_SUM_BITS = 12  # integer bits of the sum of exps


def exps(graph: Graph, op: Softmax) -> Int64:
    """exp(-beta s_x d) with no integer bits, for d from 0 to 255 steps below the largest; 0 where it is too small."""
    steps = f32(op.beta) * f32(graph.tensor(op.x).scale) * 2.0 ** (31 - _DIFFERENCE_BITS)
    factor = fixed.real(min(steps, 2.0**31 - 1))
    most = floor((2**_DIFFERENCE_BITS - 1) * 2.0 ** (31 - _DIFFERENCE_BITS) / 2.0**factor.exp)
    d = np.arange(256, dtype=np.int64)
    scaled = doubling_high_mul(-np.minimum(d, most) << factor.exp, factor.mant)
    return np.where(d <= most, exp_of_negative(scaled, _DIFFERENCE_BITS), 0)


def raw(graph: Graph, op: Softmax, maps: Maps) -> Int64:
    """The output before clipping."""
    x = maps[op.x]
    powers = exps(graph, op)[x.max(axis=-1, keepdims=True) - x]
    sums = rounding_divide(powers, _SUM_BITS).sum(axis=-1)
    y: Int64 = np.empty_like(powers)
    for place in np.ndindex(sums.shape):
        inverse, shift = reciprocal(int(sums[place]), _SUM_BITS)
        y[place] = rounding_divide(doubling_high_mul(powers[place], inverse), shift + 31 - 8) - 128
    return y
