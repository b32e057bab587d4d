"""Sum of two maps."""

import numpy as np

from fleet.node.model import fixed
from fleet.node.model.fixed import Int64, Real
from fleet.node.model.graph import Add, Float32, Graph
from fleet.node.model.reference.values import Gradient, Maps, f32, places_read, summed_at


def add_scales(graph: Graph, op: Add) -> tuple[Real, Real, Real]:
    """Factors of x, x2 and the sum. Source: TFLite, add.cc, left shift 20, twice the larger input scale."""
    s_x, s_x2, s_y = (f32(graph.tensor(name).scale) for name in (op.x, op.x2, op.y))
    twice = 2 * max(s_x, s_x2)
    return fixed.real(s_x / twice), fixed.real(s_x2 / twice), fixed.real(twice / (2**20 * s_y))


def raw(graph: Graph, op: Add, maps: Maps) -> Int64:
    """The output before clipping."""
    scale_x, scale_x2, scale_y = add_scales(graph, op)
    a = fixed.scale((maps[op.x] - graph.tensor(op.x).zero_point) << 20, scale_x)
    b = fixed.scale((maps[op.x2] - graph.tensor(op.x2).zero_point) << 20, scale_x2)
    return fixed.scale(a + b, scale_y) + graph.tensor(op.y).zero_point


def input_sums(graph: Graph, op: Add, name: str, g: Gradient, maps: Maps) -> tuple[Int64, int]:
    """The output's gradient, summed over the places that an input's element is repeated at."""
    shape = graph.tensor(name).shape
    return summed_at(np.zeros(shape, dtype=np.int64), places_read(shape, g.e.shape), g.e), g.k


def input_floats(graph: Graph, op: Add, name: str, g: Float32, maps: Maps, start: Float32) -> Float32:
    """The same, places ascending."""
    return summed_at(start, places_read(start.shape, g.shape), g)
