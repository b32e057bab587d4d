"""Product of two maps. A side of 1 is repeated along the other's: squeeze-excite scales channels so."""

from math import floor

import numpy as np
from numpy.typing import NDArray

from fleet.node.model import fixed
from fleet.node.model.fixed import Int64, Real
from fleet.node.model.graph import Float32, Graph, Mul
from fleet.node.model.reference.values import Gradient, Maps, f32, places_read, summed_at


def mul_scale(graph: Graph, op: Mul) -> Real:
    """s_x s_x2 / s_y. Source: TFLite Micro, mul_common.cc."""
    s_x, s_x2, s_y = (f32(graph.tensor(name).scale) for name in (op.x, op.x2, op.y))
    return fixed.real(s_x * s_x2 / s_y)


def raw(graph: Graph, op: Mul, maps: Maps) -> Int64:
    """The output before clipping."""
    product = centred(graph, op.x, maps) * centred(graph, op.x2, maps)
    return fixed.scale(product, mul_scale(graph, op)) + graph.tensor(op.y).zero_point


def centred(graph: Graph, name: str, maps: Maps) -> Int64:
    """Steps of a map above its zero point."""
    return np.asarray(maps[name] - graph.tensor(name).zero_point, dtype=np.int64)


def mul_factor(graph: Graph, op: Mul, name: str) -> tuple[int, int]:
    """R = the other input's scale in Q(15 - E), and E."""
    s = f32(graph.tensor(_other(op, name)).scale)
    e = fixed.exponent(s)
    return floor(s * 2.0 ** (15 - e) + 0.5), e


def input_sums(graph: Graph, op: Mul, name: str, g: Gradient, maps: Maps) -> tuple[Int64, int]:
    """Accumulators of one input's gradient, and their exponent."""
    factor, e = mul_factor(graph, op, name)
    terms = g.e * centred(graph, _other(op, name), maps)
    shape = graph.tensor(name).shape
    if shape == terms.shape:
        return terms * factor, g.k + 15 - e
    sums = summed_at(np.zeros(shape, dtype=np.int64), places_read(shape, terms.shape), terms)
    return fixed.round_shift64(sums * factor, 15), g.k - e


def input_floats(graph: Graph, op: Mul, name: str, g: Float32, maps: Maps, start: Float32) -> Float32:
    """start plus the terms of one input's gradient."""
    other = _other(op, name)
    scale = np.float32(graph.tensor(other).scale)
    terms: NDArray[np.float32] = g * (centred(graph, other, maps).astype(np.float32) * scale)
    return summed_at(start, places_read(start.shape, g.shape), terms)


def _other(op: Mul, name: str) -> str:
    return op.x2 if name == op.x else op.x
