"""Every way to train, byte for byte: the C engine's whole state against the NumPy reference's, over many steps."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base import rng
from fleet.node.engine.binding import Course, Node
from fleet.node.model import fixed
from fleet.node.model import reference as ref
from fleet.node.model.graph import Graph
from fleet.node.model.recipe import Exponents, Gradients, Loss, Recipe, Rule
from fleet.node.model.reference.calibrate import calibrated
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.plan import plan_of
from fleet.node.plan.state import state_bytes
from tests.node.model.nets import WEIGHTED, graphs, recipes, residual_net, schemes, windows

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


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("gradients, exponents", [("int8", "dynamic"), ("int8", "static"), ("fp32", "dynamic")])
@pytest.mark.parametrize("momentum, batch", [(0.0, 1), (0.0, 4), (0.9, 1), (0.9, 4)])
@pytest.mark.parametrize("head", [True, False])
def test_each_recipe_leaves_the_state_of_the_reference(
    head: bool, gradients: str, exponents: str, rule: Rule, momentum: float, batch: int
) -> None:
    graph = residual_net(head=head)
    loss = Loss.CROSS_ENTROPY if head else Loss.SQUARED_ERROR
    recipe = Recipe(gradients=Gradients(gradients), rule=rule, loss=loss, momentum=momentum, batch=batch)
    scheme = replace(build_scheme(graph, "full"), recipe=recipe)
    rate = 0.02 / batch
    if exponents == Exponents.STATIC.value:
        scheme = static(graph, scheme, rate)
    node = assert_trains_as_the_reference(graph, scheme, rate)
    first = Node(node.plan).values
    assert all((node.values != first)[part.values].any() for part in node.plan.layout.slices if part.kind == "bias")


@settings(max_examples=150)
@given(data=st.data())
def test_any_network_trains_as_the_reference_by_any_recipe(data: st.DataObject) -> None:
    head = data.draw(st.booleans())
    graph = data.draw(graphs(kinds=WEIGHTED, head=head))
    recipe = data.draw(recipes(loss=Loss.CROSS_ENTROPY if head else Loss.SQUARED_ERROR))
    scheme = data.draw(schemes(graph, recipe))
    rate = data.draw(st.sampled_from([0.003, 0.1, 8.0, 1e4]))
    if recipe.gradients is Gradients.INT8 and data.draw(st.booleans()):
        scheme = static(graph, scheme, min(rate, 0.1))
    assert_trains_as_the_reference(graph, scheme, rate, steps=9)
