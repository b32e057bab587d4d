"""Dense layers: the classifier head, whose outputs are logits."""

import numpy as np

from fleet.node.model import fixed
from fleet.node.model.fixed import Int64, Real
from fleet.node.model.graph import Dense, Graph
from fleet.node.model.reference.values import Gradient, Maps, f32
from fleet.node.model.reference.weighted import operand, requantised

LOGIT_SCALE = 256  # Q8: 256 steps per natural unit


def logit_scales(graph: Graph, op: Dense) -> list[Real]:
    """256 s_x s_w per class."""
    s_x = f32(graph.tensor(op.x).scale)
    return [fixed.real(s_x * float(s) * LOGIT_SCALE) for s in op.weight_scale]


def raw(graph: Graph, op: Dense, maps: Maps) -> Int64:
    """The output [1, 1, O] before clipping; of the head, logits in Q8."""
    acc = op.weight.astype(np.int64) @ (maps[op.x].ravel() - graph.tensor(op.x).zero_point) + op.bias
    return requantised(acc, logit_scales(graph, op), 0).reshape(1, 1, -1)


def input_sums(graph: Graph, op: Dense, name: str, g: Gradient, maps: Maps) -> tuple[Int64, int]:
    """Accumulators, in the input's shape, of its gradient, and their exponent."""
    t, k = operand(op, g)
    acc: Int64 = t.ravel() @ op.weight.astype(np.int64)
    return acc.reshape(graph.tensor(op.x).shape), k


def weight_sums(graph: Graph, op: Dense, g: Gradient, maps: Maps) -> Int64:
    """G [O, I]: e (x - zx)."""
    return np.outer(g.e.ravel(), maps[op.x].ravel() - graph.tensor(op.x).zero_point)
