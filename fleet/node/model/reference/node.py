"""One node with its own trained values."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.node.model.graph import Graph, Int8
from fleet.node.model.reference.backward import backward
from fleet.node.model.reference.forward import forward
from fleet.node.model.reference.loss import probabilities
from fleet.node.model.reference.update import updated
from fleet.node.model.reference.values import Backward, Course, Trace
from fleet.node.model.scheme import Layout, Scheme, layout_of, trained_values, with_values


class ReferenceNode:
    """A node with its own trained values."""

    def __init__(self, graph: Graph, scheme: Scheme) -> None:
        self.graph = graph
        self.scheme = scheme
        self.layout: Layout = layout_of(graph, scheme)

    @property
    def values(self) -> NDArray[np.int32]:
        """int32 [size]: the trained values, in the layout's order."""
        return trained_values(self.graph, self.layout)

    @values.setter
    def values(self, values: NDArray[np.int32]) -> None:
        self.graph = with_values(self.graph, self.layout, values)

    def forward(self, x: Int8) -> Trace:
        """All maps for an input int8 [H, W, C]."""
        return forward(self.graph, x)

    def gradients(self, trace: Trace, label: int, own: Collection[int]) -> Backward | None:
        """Integer gradients of one window; None when the loss has nothing left to say."""
        return backward(self.graph, self.scheme, trace, label, own)

    def step(self, x: Int8, label: int, course: Course) -> int:
        """One step of training. Returns the Q15 probability of the label before it."""
        trace = self.forward(x)
        key = rng.absorb(course.key, course.step)
        course.step += 1
        grads = self.gradients(trace, label, course.own)
        if grads is not None:
            self.graph = updated(self.graph, self.scheme, grads, course.rate, key)
        return int(probabilities(trace.logits, course.own)[label])
