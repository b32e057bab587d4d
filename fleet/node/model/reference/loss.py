"""What a step makes smaller: its gradient at the last map, and its value for the caller."""

from collections.abc import Collection
from math import floor

import numpy as np

from fleet.node.model import fixed
from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Float32, Graph, Int8
from fleet.node.model.recipe import Loss
from fleet.node.model.reference.values import Trace, f32

EXP2_TABLE = np.array([floor(65535 * 2 ** (-i / 256) + 0.5) for i in range(256)], dtype=np.int64)
Target = int | Int8  # a class, or the int8 values that the last map should take


def probabilities(logits: Int64, own: Collection[int]) -> Int64:
    """Q15 softmax over the own classes; 0 elsewhere."""
    inside = np.array([c in own for c in range(logits.size)])
    distance = np.minimum(logits[inside].max() - logits, 4096)
    octaves = (np.where(inside, distance, 0) * 94548) >> 16
    powers = np.where(octaves >> 8 > 16, 0, EXP2_TABLE[octaves & 255] >> np.minimum(octaves >> 8, 16))
    powers = np.where(inside, powers, 0)
    total = powers.sum()
    return np.asarray(((powers << 15) + total // 2) // total)


def error(graph: Graph, loss: Loss, trace: Trace, target: Target, own: Collection[int]) -> Int64:
    """What the gradient is a multiple of: p - 32768 at the label, or output minus target. All 0: nothing to learn."""
    if loss is Loss.CROSS_ENTROPY:
        label = np.arange(graph.classes) == target
        return np.asarray(probabilities(trace.logits, own) - 32768 * label)
    y = trace.maps[graph.ops[-1].y]
    return np.asarray(y - np.asarray(target, dtype=np.int64).reshape(y.shape))


def error_unit(graph: Graph, loss: Loss) -> float:
    """The real gradient of one step of the error: 2^-15, or 2 s_y / N of a mean over N squares."""
    if loss is Loss.CROSS_ENTROPY:
        return 2.0**-15
    y = graph.tensor(graph.ops[-1].y)
    return 2 * f32(y.scale) / y.size


def error_sums(graph: Graph, loss: Loss, error: Int64) -> tuple[Int64, int]:
    """Accumulators of the loss gradient, and their exponent."""
    if loss is Loss.CROSS_ENTROPY:
        return error, 15
    e, factor = square_factor(graph)
    return error * factor, 15 - e


def square_factor(graph: Graph) -> tuple[int, int]:
    """E and F of the squared error: 2 s_y / N is F * 2^(E - 15)."""
    unit = error_unit(graph, Loss.SQUARED_ERROR)
    e = fixed.exponent(unit)
    return e, floor(unit * 2.0 ** (15 - e) + 0.5)


def error_floats(graph: Graph, loss: Loss, error: Int64) -> Float32:
    """The loss gradient in fp32."""
    return error.astype(np.float32) * np.float32(error_unit(graph, loss))


def value(loss: Loss, trace: Trace, error: Int64, target: Target, own: Collection[int]) -> int:
    """For the caller: Q15 probability of the label, or the sum of squared steps, at most 2^32 - 1."""
    if loss is Loss.CROSS_ENTROPY:
        return int(probabilities(trace.logits, own)[target])
    return min(int((error * error).sum()), 2**32 - 1)
