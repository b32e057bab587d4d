"""The engine and the reference on the same steps, in any recipe and towards any loss."""

from typing import Any

import numpy as np

from fleet.base import rng
from fleet.node.engine.binding import Course, Node
from fleet.node.model import fixed
from fleet.node.model import reference as ref
from fleet.node.model.graph import Graph
from fleet.node.model.reference.calibrate import calibrated
from fleet.node.model.scheme import Scheme
from fleet.node.plan import plan_of
from fleet.node.plan.state import state_bytes
from tests.node.model.nets import windows

KEY = rng.key(11, rng.Stream.UPDATE, 4)
STEPS = 22
Targets = Any


def whole_state(node: ref.ReferenceNode) -> bytes:
    """The reference's values and extras as they lie in a state."""
    return state_bytes(node.layout, node.values) + node.extras_bytes


def targets_of(graph: Graph, count: int, seed: int = 5) -> Targets:
    """Labels of all classes in turn, or answers of any value."""
    if graph.has_head:
        return (np.arange(count) % graph.classes).astype(np.uint8)
    shape = graph.tensor(graph.ops[-1].y).shape
    answers = rng.draws32(rng.key(seed), 0, count * int(np.prod(shape))).astype(np.uint8).view(np.int8)
    return answers.reshape(count, *shape)


def own_of(graph: Graph) -> frozenset[int]:
    return frozenset(range(graph.classes)) if graph.has_head else frozenset()


def run(node: Node, x: Any, targets: Targets, order: Any, course: Course) -> list[int]:
    """Losses of the engine's steps, as whole numbers."""
    if targets.ndim == 1:
        return [int(p * 32768) for p in node.train(x, targets, order, course)]
    return node.fit(x, targets, order, course).tolist()


def assert_trains_as_the_reference(graph: Graph, scheme: Scheme, rate: float, steps: int = STEPS) -> Node:
    """Losses and every byte of the state, after each of three runs that end in the middle of batches."""
    node, reference = Node(plan_of(graph, scheme)), ref.ReferenceNode(graph, scheme)
    x, targets = windows(graph, steps), targets_of(graph, steps)
    engine_course = Course(key=KEY, rate=rate, own=own_of(graph))
    course = ref.Course(key=KEY, rate=fixed.real(rate), own=own_of(graph))
    assert node.state == whole_state(reference)
    for order in np.array_split(np.arange(steps), [steps // 2, steps - 3]):
        losses = reference.train(x, targets, order.tolist(), course)
        assert run(node, x, targets, order, engine_course) == losses.tolist()
        assert node.state == whole_state(reference)
    assert engine_course.step == course.step == steps
    return node


def static(graph: Graph, scheme: Scheme, rate: float) -> Scheme:
    """The scheme with shifts from its own first steps."""
    return calibrated(graph, scheme, windows(graph, 8), targets_of(graph, 8), rate=rate, key=KEY)
