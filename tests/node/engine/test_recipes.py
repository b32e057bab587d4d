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
from fleet.node.model.graph import Graph, Tensor
from fleet.node.model.recipe import Exponents, Gradients, Loss, Recipe, Rule
from fleet.node.model.reference.calibrate import calibrated
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.plan import plan_of
from fleet.node.plan.state import state_bytes
from tests.node.model.nets import WEIGHTED, Builder, graphs, recipes, residual_net, schemes, windows

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


def small_net(*, head: bool) -> Graph:
    """Every form of weights and sums on a few places."""
    build = Builder(3)
    x = build.conv(build.input((5, 3, 4), zero=-3), 6, (3, 3), (2, 1), (1, 1, 1, 1), zero=-30, groups=2)
    y = build.depthwise(build.conv(x, 6, (1, 1), span=(-1.0, 2.0)), (3, 3), (1, 1), (1, 1, 1, 1))
    x = build.add(build.add(y, x), build.conv(build.pool(y), 6, (1, 1), zero=9))
    x = build.pool(build.depthwise(x, (2, 2), (1, 1), (0, 0, 0, 0), zero=-60, multiplier=2))
    return build.head(x, 3) if head else _ended(build, x)


def _ended(build: Builder, x: Tensor) -> Graph:
    build.fully_connected(x, 5, zero=-40)
    return build.graph()


RECIPES = [
    Recipe(gradients=gradients, exponents=exponents, rule=rule, loss=loss, momentum=momentum, batch=batch, scaled=scaled)
    for gradients, exponents in (
        (Gradients.INT8, Exponents.DYNAMIC),
        (Gradients.INT8, Exponents.STATIC),
        (Gradients.FP32, Exponents.DYNAMIC),
    )
    for rule in Rule
    for loss in Loss
    for momentum, batch, scaled in ((0.0, 1, True), (0.0, 4, True), (0.9, 1, True), (0.9, 4, False))
]


def text_of(recipe: Recipe) -> str:
    """The recipe as a test's name."""
    parts = (recipe.gradients, recipe.exponents, recipe.rule, recipe.loss)
    return " ".join([*(part.value for part in parts), str(recipe.momentum), str(recipe.batch), str(recipe.scaled)])


@pytest.mark.parametrize("recipe", RECIPES, ids=text_of)
def test_each_recipe_leaves_the_state_of_the_reference(recipe: Recipe) -> None:
    graph = small_net(head=recipe.loss is Loss.CROSS_ENTROPY)
    rate = (0.02 if recipe.scaled else 2000.0) / recipe.batch
    scheme = build_scheme(graph, "full", recipe=replace(recipe, exponents=Exponents.DYNAMIC))
    if recipe.exponents is Exponents.STATIC:
        scheme = static(graph, scheme, rate)
    node = assert_trains_as_the_reference(graph, scheme, rate)
    moved, weights = node.values != Node(node.plan).values, node.plan.layout.weights
    assert moved[:weights].sum() > 10
    assert moved[weights:].any() or not recipe.scaled


@pytest.mark.parametrize("gradients", Gradients)
@pytest.mark.parametrize("loss", Loss)
def test_a_deeper_network_trains_as_the_reference(gradients: Gradients, loss: Loss) -> None:
    graph = residual_net(head=loss is Loss.CROSS_ENTROPY)
    recipe = Recipe(gradients=gradients, loss=loss, rule=Rule.RESIDUAL8, momentum=0.5, batch=3)
    assert_trains_as_the_reference(graph, build_scheme(graph, "full", recipe=recipe), 0.01)


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
