"""What a gradient does to the values that train."""

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.node.model import fixed
from fleet.node.model.fixed import Int64, Real
from fleet.node.model.graph import Depthwise, Graph, Int8, Weighted
from fleet.node.model.reference.values import Backward, f32
from fleet.node.model.reference.weighted import DEAD_SCALE
from fleet.node.model.scheme import Scheme


def weight_rates(graph: Graph, op: Weighted) -> list[Real]:
    """QAS without the learning rate: s_x / s_w per output channel; dead channels get 0."""
    s_x = f32(graph.tensor(op.x).scale)
    return [fixed.real(s_x / float(s)) if s >= DEAD_SCALE else Real(0, 0) for s in op.weight_scale]


def bias_rates(graph: Graph, op: Weighted) -> list[Real]:
    """QAS without the learning rate: 1 / (s_x s_w) per output channel; dead channels get 0."""
    s_x = f32(graph.tensor(op.x).scale)
    return [fixed.real(1 / (s_x * float(s))) if s >= DEAD_SCALE else Real(0, 0) for s in op.weight_scale]


def updated(graph: Graph, scheme: Scheme, grads: Backward, rate: Real, key: int) -> Graph:
    """The graph after one step of rule `stochastic` on weights and nearest on biases."""
    changed: dict[str, tuple[Int8, NDArray[np.int32]]] = {}
    for index, op in enumerate(graph.ops):
        part = scheme.of(op.name)
        if not isinstance(op, Weighted) or op.name not in grads.outputs:
            continue
        k = grads.outputs[op.name].k
        weight, bias = op.weight.copy(), op.bias.copy()
        if part.channels:
            trained = (..., slice(0, part.channels))
            rates = [fixed.multiply(r, rate) for r in weight_rates(graph, op)]
            total = grads.weights[op.name][trained]
            weight[trained] = _stepped_weights(op, weight[trained], total, rates, k, rng.absorb(key, index))
        if part.bias:
            rates = [fixed.multiply(r, rate) for r in bias_rates(graph, op)]
            bias = _stepped_biases(bias, grads.biases[op.name], rates, k)
        changed[op.name] = (weight, bias)
    return graph.with_weights(changed)


def _stepped_weights(op: Weighted, w: Int8, total: Int64, rates: list[Real], k: int, key: int) -> Int8:
    q = np.empty(w.shape, dtype=np.int64)
    for c, rate in enumerate(rates[: w.shape[-1]] if isinstance(op, Depthwise) else rates):
        at = (..., c) if isinstance(op, Depthwise) else (c,)
        q[at] = fixed.round_shift64(total[at] * rate.mant, 31 - rate.exp + k - 16)
    dither = (rng.draws32(key, 0, w.size).astype(np.int64) >> 16).reshape(w.shape)
    stepped = np.clip(w - ((q + dither) >> 16), -127, 127)
    return np.where(total == 0, w, stepped).astype(np.int8)


def _stepped_biases(b: NDArray[np.int32], total: Int64, rates: list[Real], k: int) -> NDArray[np.int32]:
    steps = [int(fixed.round_shift64(total[c] * r.mant, 31 - r.exp + k)) for c, r in enumerate(rates)]
    return np.clip(b - np.array(steps, dtype=np.int64), -fixed.LIMIT, fixed.LIMIT).astype(np.int32)
