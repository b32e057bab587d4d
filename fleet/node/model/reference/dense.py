"""Dense layers: FullyConnected inside a network, and the classifier head, whose outputs are logits."""

import numpy as np

from fleet.node.model import fixed
from fleet.node.model.fixed import Int64, Real
from fleet.node.model.graph import LOGIT_STEPS, Dense, Float32, FullyConnected, Graph
from fleet.node.model.reference.values import Gradient, Maps, f32
from fleet.node.model.reference.weighted import (
    centred_input,
    float_operand,
    operand,
    output_scales,
    product,
    requantised,
)


def logit_scales(graph: Graph, op: Dense) -> list[Real]:
    """256 s_x s_w per class."""
    s_x = f32(graph.tensor(op.x).scale)
    return [fixed.real(s_x * float(s) * LOGIT_STEPS) for s in op.weight_scale]


def raw(graph: Graph, op: Dense | FullyConnected, maps: Maps) -> Int64:
    """The output [1, 1, O] before clipping; of the head, logits in Q8."""
    acc = product(op.weight.astype(np.int64), centred_input(graph, op, maps).ravel()) + op.bias
    if isinstance(op, Dense):
        return requantised(acc, logit_scales(graph, op), 0).reshape(1, 1, -1)
    return requantised(acc, output_scales(graph, op), graph.tensor(op.y).zero_point).reshape(1, 1, -1)


def input_sums(graph: Graph, op: Dense | FullyConnected, name: str, g: Gradient, maps: Maps) -> tuple[Int64, int]:
    """Accumulators, in the input's shape, of its gradient, and their exponent."""
    t, k = operand(graph, op, g)
    return product(t.ravel(), op.weight.astype(np.int64)).reshape(graph.tensor(op.x).shape), k


def input_floats(
    graph: Graph, op: Dense | FullyConnected, name: str, g: Float32, maps: Maps, start: Float32
) -> Float32:
    """The input's gradient, outputs ascending."""
    total = start.ravel().copy()
    for t, row in zip(float_operand(op, g).ravel(), op.weight.astype(np.float32), strict=True):
        total += t * row
    return total.reshape(start.shape)


def weight_sums(graph: Graph, op: Dense | FullyConnected, g: Gradient, maps: Maps) -> Int64:
    """G [O, I]: e (x - zx)."""
    return np.outer(g.e.ravel(), centred_input(graph, op, maps).ravel())


def weight_floats(graph: Graph, op: Dense | FullyConnected, g: Float32, maps: Maps) -> Float32:
    """G [O, I]."""
    return np.float32(0) + np.outer(g.ravel(), centred_input(graph, op, maps).ravel().astype(np.float32))
