"""The seam through which everyone sees a node compute: the in-process engine, or anything else with these calls."""

import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fleet.node.engine.binding import Course, Node
from fleet.node.engine.memo import Memo
from fleet.node.model.fixed import Real
from fleet.node.model.graph import Int8
from fleet.node.plan.plan import Plan
from fleet.node.wire.frames import Update, base_of, decode_push, deltas_of, encode_update


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A run of training steps. values: int32 [size] to start from. key: rng.key(seed, UPDATE, node).

    own: classes of the softmax. first_step: steps this node made before. order: window of each step.
    """

    values: NDArray[np.int32]
    windows: Int8
    labels: NDArray[np.uint8]
    order: NDArray[np.int64]
    rate: Real
    own: Collection[int]
    key: int
    first_step: int


class Backend(Protocol):
    """Something that computes as a node would. Calls may come from several threads at once."""

    @property
    def plan(self) -> Plan:
        """What the node runs."""
        ...

    def answer(self, push: bytes, work: Work) -> bytes:
        """The update frame to a push frame. work: on the frame's own values, with its rate and classes."""
        ...

    def train(self, work: Work) -> NDArray[np.int32]:
        """int32 [size]: the trained values after the work."""
        ...

    def logits(self, values: NDArray[np.int32], windows: Int8) -> NDArray[np.int16]:
        """int16 [n, classes] of a model with these trained values."""
        ...


class EngineBackend:
    """The C engine in this process; each thread works in a node of its own, so the GIL is free while it computes."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._local = threading.local()
        self._memo = Memo(plan)

    def answer(self, push: bytes, work: Work) -> bytes:
        """The update frame to a push frame; the same bytes as fe_client_update's."""
        layout, asked = self.plan.layout, decode_push(self.plan.layout, push)
        deltas, clipped = deltas_of(layout, self.train(work), asked.values)
        deltas[~layout.held(asked.own)] = 0  # exact already: an absent class gets no gradient
        return encode_update(
            layout,
            Update(
                node=asked.node,
                round=asked.round,
                steps=asked.steps,
                windows=work.labels.size,
                base=base_of(layout, asked.values),
                own=asked.own,
                clipped=clipped,
                deltas=deltas,
            ),
        )

    def train(self, work: Work) -> NDArray[np.int32]:
        """int32 [size]: the trained values after the work."""
        node = self._node()
        node.values = work.values
        course = Course(key=work.key, rate=work.rate, own=work.own, step=work.first_step)
        node.train(work.windows, work.labels, work.order, course)
        return node.values

    def logits(self, values: NDArray[np.int32], windows: Int8) -> NDArray[np.int16]:
        """int16 [n, classes] of a model with these trained values."""
        node = self._node()
        node.values = values
        return node.logits(windows)

    def _node(self) -> Node:
        if not hasattr(self._local, "node"):
            self._local.node = Node(self.plan, memo=self._memo)
        node: Node = self._local.node
        return node
