"""One node with its own trained values and what it remembers between steps."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Graph
from fleet.node.model.reference.backward import check_shifts, gradients
from fleet.node.model.reference.extras import Extras, cleared, extras_bytes
from fleet.node.model.reference.forward import forward
from fleet.node.model.reference.loss import Target, error, value
from fleet.node.model.reference.update import Grads, updated
from fleet.node.model.reference.values import Course, Trace
from fleet.node.model.scheme import Layout, Scheme, layout_of, trained_values, with_values


class ReferenceNode:
    """A node under any recipe. Raises InputError when static exponents lack a shift."""

    def __init__(self, graph: Graph, scheme: Scheme) -> None:
        check_shifts(graph, scheme)
        self.graph = graph
        self.scheme = scheme
        self.layout: Layout = layout_of(graph, scheme)
        self.extras: Extras = cleared(graph, scheme)

    @property
    def values(self) -> NDArray[np.int32]:
        """int32 [size]: the trained values, in the layout's order."""
        return trained_values(self.graph, self.layout)

    @values.setter
    def values(self, values: NDArray[np.int32]) -> None:
        self.graph = with_values(self.graph, self.layout, values)
        self.extras = cleared(self.graph, self.scheme)

    @property
    def extras_bytes(self) -> bytes:
        """What lies behind the biases in the state."""
        return extras_bytes(self.extras, self.layout, self.scheme)

    def forward(self, x: NDArray[Any]) -> Trace:
        """All maps for an input int8 [H, W, C]."""
        return forward(self.graph, x)

    def gradients(self, trace: Trace, target: Target, own: Collection[int]) -> Grads | None:
        """Gradients of one window in the recipe's format; None when the loss has nothing left to say."""
        return gradients(self.graph, self.scheme, trace, target, own)

    def step(self, x: NDArray[Any], target: Target, course: Course, *, last: bool = True) -> int:
        """One step of training; last: of its call, which ends a batch. Returns the loss's value before it.

        That is the Q15 probability of the label, or the sum of squared errors in steps of the output.
        """
        recipe, trace = self.scheme.recipe, self.forward(x)
        key = rng.absorb(course.key, course.step)
        course.step += 1
        ends = last or course.step % recipe.batch == 0
        grads = self.gradients(trace, target, course.own)
        self.graph = updated(self.graph, self.scheme, grads, self.extras, course.rate, key, ends=ends)
        wrong = error(self.graph, recipe.loss, trace, target, course.own)
        return value(recipe.loss, trace, wrong, target, course.own)

    def train(
        self, windows: NDArray[Any], targets: Sequence[Target] | NDArray[Any], order: Sequence[int], course: Course
    ) -> Int64:
        """Steps over windows in an order, as one call of the engine. Returns the value of each before it."""
        values = [self.step(windows[i], targets[i], course, last=n == len(order) - 1) for n, i in enumerate(order)]
        return np.array(values, dtype=np.int64)
