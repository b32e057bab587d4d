"""All gradients of one step, in the reverse order of the graph."""

from collections.abc import Collection

import numpy as np

from fleet.node.model import fixed
from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Graph, Weighted, inputs
from fleet.node.model.reference.loss import probabilities
from fleet.node.model.reference.operators import COPIES, input_sums, is_masked, weight_sums
from fleet.node.model.reference.values import Backward, Gradient, Trace, block
from fleet.node.model.scheme import Scheme


def backward(graph: Graph, scheme: Scheme, trace: Trace, label: int, own: Collection[int]) -> Backward | None:
    """All integer gradients the scheme needs, in the reverse order of the graph."""
    loss = probabilities(trace.logits, own) - 32768 * (np.arange(graph.classes) == label)
    if not loss.any():
        return None
    result = Backward()
    waiting: dict[str, Gradient] = {graph.head.y: block(loss, 15)}
    needed = tensors_with_gradient(graph, scheme)
    for op in reversed(graph.ops):
        if op.y not in waiting:
            continue
        g = waiting.pop(op.y)
        if is_masked(op):
            g = Gradient(np.where(trace.kept[op.name], g.e, 0), g.k)
        result.outputs[op.name] = g
        if isinstance(op, Weighted):
            result.weights[op.name] = weight_sums(graph, op, g, trace.maps)
            result.biases[op.name] = g.e.reshape(-1, op.bias.size).sum(axis=0)
        for name in inputs(op):
            if name in needed:
                acc, k = input_sums(graph, op, name, g, trace.maps)
                waiting[name] = joined(acc, k, waiting.get(name), copied=isinstance(op, COPIES))
    return result


def tensors_with_gradient(graph: Graph, scheme: Scheme) -> set[str]:
    """Names of maps on whose way back something still trains."""
    training = {t.op for t in scheme.trained}
    needed: set[str] = set()
    for op in graph.ops:
        if op.name in training or any(name in needed for name in inputs(op)):
            needed.add(op.y)
    return needed


def joined(acc: Int64, k: int, earlier: Gradient | None, *, copied: bool) -> Gradient:
    """The gradient of a map: this use's accumulators, plus what waits from a later use."""
    if earlier is None:
        return Gradient(acc, k) if copied else block(acc, k)
    shift = k - earlier.k
    if shift > 22:
        acc, k, shift = fixed.round_shift(acc, shift - 22), k - (shift - 22), 22
    more = earlier.e << shift if shift >= 0 else fixed.round_shift(earlier.e, -shift)
    return block(acc + more, k)
