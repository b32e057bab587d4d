"""Every way to train, byte for byte: the C engine's whole state against the NumPy reference's, over many steps."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.node.engine.binding import Node
from fleet.node.model.graph import Graph, Tensor
from fleet.node.model.recipe import Exponents, Gradients, Loss, Recipe, Rule
from fleet.node.model.scheme import build_scheme
from tests.node.engine.runs import assert_trains_as_the_reference, static
from tests.node.model.nets import WEIGHTED, Builder, graphs, recipes, residual_net, schemes


def small_net(*, head: bool) -> Graph:
    """Groups, a multiplier, a sum and a pool on a few places."""
    build = Builder(3)
    x = build.conv(build.input((4, 3, 4), zero=-3), 6, (3, 2), (2, 1), (1, 1, 1, 0), zero=-30, groups=2)
    x = build.add(build.depthwise(x, (3, 3), (1, 1), (1, 1, 1, 1), span=(-1.0, 2.0)), x)
    x = build.pool(build.depthwise(x, (2, 2), (1, 1), (0, 0, 0, 0), zero=-60, multiplier=2))
    return build.head(x, 3) if head else _ended(build, x)


def _ended(build: Builder, x: Tensor) -> Graph:
    build.fully_connected(x, 5, zero=-40)
    return build.graph()


RECIPES = [
    Recipe(
        gradients=gradients, exponents=exponents, rule=rule, loss=loss, momentum=momentum, batch=batch, scaled=scaled
    )
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
