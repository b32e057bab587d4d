"""A head that grows: classes added to a running classifier, as TinyOL does, and what each costs.

Source: Ren, Anicic, Runkler, "TinyOL: TinyML with online-learning on microcontrollers", 2021.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fleet.base.errors import InputError
from fleet.node.model.graph import Dense, Graph, Op, Tensor
from fleet.node.model.quantize import HEAD_HEADROOM
from fleet.node.model.recipe import EXTRA_BITS, Gradients, Recipe

MOST_CLASSES: Final = 2_040  # SPEC.md, section "Bounds"
_WEIGHT_TOP: Final = 127
_FLOAT_BYTES: Final = 4
_LOGIT_BYTES: Final = 2
_SUM_BYTES: Final = 4
_REAL_BYTES: Final = 5  # a mantissa and an exponent: of the logit, of the weights' rate, of the bias's
_FACTOR_BYTES: Final = 2  # r of an int8 gradient


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCost:
    """What some classes add to a node, in bytes, alignment aside.

    Each value lies in the state, in the copy of a round's first values, in the frame that pushes it, and in flash.
    kept: residuals or latents of weights. velocities, sums: momentum and batches, 4 per value. step: logits, their sums
    and gradients, which take room only where a plan's arena is fullest there. tables: flash, per class its factors.
    """

    weights_bytes: int
    biases_bytes: int
    kept_bytes: int
    velocities_bytes: int
    sums_bytes: int
    step_bytes: int
    tables_bytes: int

    @property
    def values_bytes(self) -> int:
        """Of one copy of the values."""
        return self.weights_bytes + self.biases_bytes

    @property
    def state_bytes(self) -> int:
        """Of what a node remembers between steps."""
        return self.values_bytes + self.kept_bytes + self.velocities_bytes + self.sums_bytes

    @property
    def sram_bytes(self) -> int:
        """State, pushed values, frame buffer, and a step at most."""
        return self.state_bytes + 2 * self.values_bytes + self.step_bytes

    @property
    def flash_bytes(self) -> int:
        """First values and tables."""
        return self.values_bytes + self.tables_bytes


def with_classes(graph: Graph, more: int) -> Graph:
    """The classifier with more classes, whose weights and biases are zero; the others answer as they did.

    The new rows get the range that the head's largest weights need, with the headroom of every new head. It takes the
    node's present graph: what it has learnt stays.
    """
    if not graph.has_head:
        raise InputError.one(graph.name, "expected a network with a classifier head, got one without; give it one")
    classes = graph.classes + more
    if more < 1 or classes > MOST_CLASSES:
        most = MOST_CLASSES - graph.classes
        raise InputError.one("classes", f"expected 1 to {most} more for {graph.name}, got {more}; change the number")
    head = _grown(graph.head, more)
    tensors = tuple(_widened(tensor, classes) if tensor.name == head.y else tensor for tensor in graph.tensors)
    ops: tuple[Op, ...] = (*graph.ops[:-1], head)
    return replace(graph, tensors=tensors, ops=ops)


def class_cost(graph: Graph, more: int, recipe: Recipe) -> ClassCost:
    """What so many more classes cost a node that trains this head under a recipe."""
    features = graph.head.weight.shape[1]
    values, integer = (features + 1) * more, recipe.gradients is Gradients.INT8
    return ClassCost(
        weights_bytes=features * more,
        biases_bytes=4 * more,
        kept_bytes=-(-EXTRA_BITS[recipe.rule] * features * more // 8),
        velocities_bytes=4 * values if recipe.momentum_q15 else 0,
        sums_bytes=4 * values if recipe.batch > 1 else 0,
        step_bytes=(_LOGIT_BYTES + (_SUM_BYTES + 1 if integer else _FLOAT_BYTES)) * more,
        tables_bytes=(3 * _REAL_BYTES + (_FACTOR_BYTES if integer else _FLOAT_BYTES)) * more,
    )


def tinyol_bytes(features: int, classes: int) -> int:
    """TinyOL's own count: a float32 layer in RAM, and the running mean and variance of its inputs.

    Not counted: the frozen network's maps, stack, code; samples are used once and not kept.
    """
    return _FLOAT_BYTES * ((features + 1) * classes + 2 * features)


def _grown(head: Dense, more: int) -> Dense:
    largest = (np.abs(head.weight.astype(np.float64)).max(axis=1) * head.weight_scale).max()
    scale = HEAD_HEADROOM * largest / _WEIGHT_TOP if largest > 0 else float(head.weight_scale.max())
    rows = np.zeros((more, head.weight.shape[1]), dtype=np.int8)
    return replace(
        head,
        weight=np.concatenate([head.weight, rows]),
        bias=np.concatenate([head.bias, np.zeros(more, dtype=np.int32)]),
        weight_scale=np.concatenate([head.weight_scale, np.full(more, scale, dtype=np.float32)]),
    )


def _widened(tensor: Tensor, classes: int) -> Tensor:
    return replace(tensor, shape=(1, 1, classes))
