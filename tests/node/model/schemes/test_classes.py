"""Classes added to a running classifier: what was learnt stays, what comes is learnt, each byte is announced."""

from typing import Any

import numpy as np
import pytest

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.node.engine.binding import Course, Node
from fleet.node.model.graph import Graph
from fleet.node.model.graph_check import check
from fleet.node.model.recipe import Gradients, Recipe, Rule
from fleet.node.model.reference import forward
from fleet.node.model.scheme import build_scheme, with_values
from fleet.node.model.schemes import class_cost, tinyol_bytes, with_classes
from fleet.node.plan import plan_of
from fleet.node.plan.state import state_size
from tests.node.model.nets import Builder, imu_net, residual_net, windows

NET = imu_net()
RECIPES = [
    Recipe(),
    Recipe(gradients=Gradients.FP32),
    Recipe(rule=Rule.RESIDUAL4),
    Recipe(rule=Rule.LATENT, momentum=0.9),
    Recipe(rule=Rule.RESIDUAL16, momentum=0.5, batch=4),
]


def learn(graph: Graph, x: Any, labels: Any, steps: int, own: Any) -> Graph:
    """The network after `head` has trained on windows in turn."""
    plan = plan_of(graph, build_scheme(graph, "head"))
    node = Node(plan)
    order = np.arange(steps) % len(x)
    node.train(x, np.asarray(labels, np.uint8), order, Course(key=rng.key(3), rate=0.02, own=own))
    return with_values(graph, plan.layout, node.values)


def hits(graph: Graph, x: Any, labels: Any) -> int:
    return int((Node(plan_of(graph, build_scheme(graph, "head"))).logits(x).argmax(axis=1) == labels).sum())


def test_old_classes_answer_as_before_and_new_ones_say_nothing_yet() -> None:
    grown = with_classes(NET, 2)
    check(grown)
    assert (grown.classes, grown.tensor("logits").shape) == (9, (1, 1, 9))
    for window in windows(NET, 4):
        logits = forward(grown, window).logits
        assert (logits[:7] == forward(NET, window).logits).all()
        assert not logits[7:].any()


def test_a_class_added_while_it_runs_is_learnt_and_the_old_ones_are_kept() -> None:
    """One window of each class, behind a layer that tells windows apart."""
    build = Builder(2)
    wide = build.head(build.fully_connected(build.input((1, 1, 12)), 48), 7)
    x, labels = windows(wide, 8), np.arange(8)
    before = learn(wide, x[:7], labels[:7], 280, range(7))
    assert hits(before, x[:7], labels[:7]) == 7
    grown = with_classes(before, 1)
    assert hits(grown, x, labels) == 7
    after = learn(grown, x, labels, 320, range(8))
    assert hits(after, x, labels) == 8


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("more", [1, 4])
def test_the_announced_bytes_are_those_of_the_plan(recipe: Recipe, more: int) -> None:
    plans = [plan_of(graph, build_scheme(graph, "head", recipe=recipe)) for graph in (NET, with_classes(NET, more))]
    cost = class_cost(NET, more, recipe)
    slack = 4 * 5  # of arrays aligned to 4

    def grew(size: Any) -> int:
        return int(size(plans[1])) - int(size(plans[0]))

    assert grew(lambda p: state_size(p.layout)) == cost.values_bytes
    assert abs(grew(lambda p: p.state_bytes) - cost.state_bytes) <= slack
    assert abs(grew(lambda p: len(p.model)) - cost.flash_bytes) <= slack
    assert 0 <= grew(lambda p: p.arena_bytes) <= cost.step_bytes + slack


def test_new_rows_get_the_headroom_of_every_new_head() -> None:
    head = with_classes(NET, 1).head
    largest = np.abs(NET.head.weight.astype(float) * NET.head.weight_scale[:, None]).max()
    assert head.weight_scale[7] * 63.5 == pytest.approx(largest, rel=1e-6)
    empty = NET.with_weights({"head": (np.zeros_like(NET.head.weight), np.zeros_like(NET.head.bias))})
    assert with_classes(empty, 1).head.weight_scale[7] == NET.head.weight_scale.max()


def test_tinyol_counts_a_float_layer_and_the_statistics_of_its_inputs() -> None:
    assert tinyol_bytes(96, 7) == 4 * 97 * 7 + 8 * 96


@pytest.mark.parametrize("more", [0, -1, 2034])
def test_a_number_of_classes_that_cannot_be_is_refused(more: int) -> None:
    with pytest.raises(InputError, match=f"expected 1 to 2033 more for test, got {more}"):
        with_classes(NET, more)


def test_a_network_without_a_head_is_refused() -> None:
    with pytest.raises(InputError, match="expected a network with a classifier head"):
        with_classes(residual_net(head=False), 1)
