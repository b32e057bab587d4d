"""The host's executor against the interpreter, byte for byte: every buffer inside a step, and whole runs."""

from dataclasses import replace
from enum import IntEnum
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base import rng
from fleet.base.errors import EngineError
from fleet.node.engine.binding import Course, Node, _Course, _Real
from fleet.node.engine.host import Variant, best_variant
from fleet.node.model.graph import BIAS_LIMIT
from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.reference.calibrate import calibrated
from fleet.node.model.scheme import KINDS, build_scheme
from fleet.node.plan import inference_plan, plan_of
from fleet.node.plan.steps import Code, Ref, Region
from tests.node.engine.executors import (
    KEY,
    assert_exact_at_bounds,
    assert_same_inside,
    assert_same_run,
    extreme,
    fine_net,
    nodes_of,
    wide_graphs,
)
from tests.node.model.nets import WEIGHTED, Builder, graphs, imu_net, recipes, residual_net, schemes, windows

FAST = [v for v in Variant if Variant.PLAIN < v <= best_variant()]
pytestmark = pytest.mark.skipif(not FAST, reason="this processor has no instructions that the executor knows")


@settings(max_examples=120)
@given(data=st.data())
def test_wide_networks_are_the_same_inside_every_step(data: st.DataObject) -> None:
    graph = data.draw(wide_graphs())
    rate = data.draw(st.sampled_from([1e-4, 0.05, 8.0]))
    assert_same_inside(graph, data.draw(schemes(graph)), FAST, rate, seed=data.draw(st.integers(0, 99)))


@settings(max_examples=80)
@given(data=st.data())
def test_small_networks_of_all_weighted_operators_are_the_same_inside_every_step(data: st.DataObject) -> None:
    graph = data.draw(graphs(kinds=WEIGHTED))
    assert_same_inside(graph, data.draw(schemes(graph)), FAST)


@settings(max_examples=60)
@given(data=st.data())
def test_every_recipe_is_the_same_inside_every_step(data: st.DataObject) -> None:
    graph = data.draw(wide_graphs())
    assert_same_inside(graph, data.draw(schemes(graph, data.draw(recipes()))), FAST, steps=4)


@settings(max_examples=80)
@given(data=st.data())
def test_gradients_in_fp32_are_the_same_inside_every_step(data: st.DataObject) -> None:
    graph = data.draw(wide_graphs())
    scheme = data.draw(schemes(graph, Recipe(gradients=Gradients.FP32)))
    assert_same_inside(graph, scheme, FAST, data.draw(st.sampled_from([1e-4, 0.05, 8.0])))


@settings(max_examples=50)
@given(data=st.data())
def test_fixed_exponents_are_the_same_inside_every_step(data: st.DataObject) -> None:
    graph = data.draw(wide_graphs())
    labels = (np.arange(4) % graph.classes).astype(np.uint8)
    scheme = calibrated(graph, data.draw(schemes(graph)), windows(graph, 4), labels, rate=0.05, key=KEY)
    assert_same_inside(graph, scheme, FAST, data.draw(st.sampled_from([0.05, 8.0])))


def test_a_run_with_fixed_exponents_ends_the_same() -> None:
    graph = residual_net()
    labels = (np.arange(4) % graph.classes).astype(np.uint8)
    scheme = calibrated(graph, build_scheme(graph, "full"), windows(graph, 4), labels, rate=0.05, key=KEY)
    assert_same_run(graph, scheme, FAST, steps=54)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("code", [Code.UPDATE_CONV, Code.UPDATE_DEPTHWISE, Code.UPDATE_BIAS])
def test_a_gradient_that_left_its_range_is_the_same(code: Code, value: float) -> None:
    """Padding adds nothing to a sum, not even infinity times 0."""
    build = Builder(5)
    x = build.conv(build.input((5, 4, 3)), 17, (3, 3), (1, 1), (1, 1, 1, 1))
    graph = build.head(build.depthwise(x, (3, 3), (2, 2), (1, 1, 1, 1)), 3)
    recipe = Recipe(gradients=Gradients.FP32)
    nodes = nodes_of(graph, replace(build_scheme(graph, "full"), recipe=recipe), FAST, roomy=True)
    index, step = next((i, s) for i, s in enumerate(nodes[0].plan.steps) if s.code is code and s.op != "head")
    gradient = next(f for f in step.fields if isinstance(f, Ref) and f.region is Region.ARENA)
    for node in nodes:
        node.train(windows(graph, 1), np.array([1], np.uint8), np.array([0]), Course(key=KEY, rate=0.1, own=range(3)))
        place = next(b for b in node.plan.buffers if b.name == gradient.name)
        node._arena.view("<f4")[place.offset // 4 : place.offset // 4 + 5] = value
        before = node.state
        course = _Course(KEY, _Real(1 << 30, 0), 0, None)
        node.host.repeat(index, 1, course)
        assert node.state == nodes[0].state
        assert node.state != before


@pytest.mark.parametrize("gradients", Gradients)
@pytest.mark.parametrize("kind", KINDS)
def test_long_runs_end_the_same(kind: str, gradients: Gradients) -> None:
    for graph in (imu_net(skip=True), residual_net()):
        scheme = replace(build_scheme(graph, kind), recipe=Recipe(gradients=gradients))
        assert_same_run(graph, scheme, FAST, steps=60)


def test_a_run_with_batches_and_momentum_ends_the_same() -> None:
    graph = residual_net()
    scheme = replace(build_scheme(graph, "full"), recipe=Recipe(batch=4, momentum=0.9))
    assert_same_run(graph, scheme, FAST, steps=54, rate=0.01)


def test_no_step_of_the_quickstarts_network_falls_back() -> None:
    graph = imu_net()
    for node in nodes_of(graph, build_scheme(graph, "full"), FAST, roomy=False)[1:]:
        assert node.host.fast_steps == len(node.plan.steps) - 1  # the loss belongs to the engine


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("bias", [-BIAS_LIMIT, 0, BIAS_LIMIT])
def test_sums_at_their_bounds_are_exact(sign: int, bias: int) -> None:
    assert_exact_at_bounds(sign, bias, FAST)


def test_gradients_over_the_most_positions_are_exact() -> None:
    """66,304 positions of the largest input: a weight gradient that may come close to 2^31."""
    build = Builder(2)
    graph = build.head(build.pool(build.conv(build.input((256, 259, 1), zero=127), 3, (1, 1), zero=0)), 2)
    nodes = nodes_of(graph, build_scheme(graph, "full"), FAST, roomy=False)
    lowest = np.full((1, 256, 259, 1), -128, dtype=np.int8)
    for node in nodes:
        node.train(lowest, np.array([1], np.uint8), np.zeros(2, int), Course(key=KEY, rate=4.0, own=range(2)))
        assert node.state == nodes[0].state


@pytest.mark.parametrize("kind", ["conv", "depthwise"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_input_gradients_of_large_kernels_are_exact(kind: str, sign: int) -> None:
    build = Builder(3)
    x = build.conv(build.input((9, 8, 3)), 24, (1, 1), zero=-30)
    if kind == "conv":
        y = build.conv(x, 70, (5, 5), (1, 1), (2, 2, 2, 2), 0)
    else:
        y = build.depthwise(x, (7, 9), (2, 3), (3, 4, 3, 4), 0)
    graph = extreme(build.head(build.pool(y), 5), sign=sign, bias=0)
    assert_same_inside(graph, build_scheme(graph, "full"), FAST, rate=2.0)


@pytest.mark.parametrize("outputs", [1, 16, 21])
def test_outputs_finer_than_their_sums_are_the_same(outputs: int) -> None:
    graph = fine_net(outputs)
    assert_same_inside(graph, build_scheme(graph, "full"), FAST)


def test_inference_alone_is_the_same() -> None:
    for graph in (imu_net(), residual_net(head=False)):
        nodes = [Node(inference_plan(graph), variant=variant) for variant in (Variant.PLAIN, *FAST)]
        x = windows(graph, 5)
        answers: list[Any] = [node.outputs(x) for node in nodes]
        for found in answers[1:]:
            assert all((found[name] == expected).all() for name, expected in answers[0].items())


def test_sums_over_many_positions_are_exact() -> None:
    """More positions of the largest value than 16 bits hold."""
    build = Builder(6)
    graph = build.head(build.pool(build.input((30, 31, 33), zero=5)), 4)
    x = np.stack([np.full((30, 31, 33), value, dtype=np.int8) for value in (-128, 127)])
    plan = plan_of(graph, build_scheme(graph, "head"))
    plain, *fast = [Node(plan, variant=variant) for variant in (Variant.PLAIN, *FAST)]
    assert all((node.logits(x) == plain.logits(x)).all() for node in fast)


def test_several_nodes_know_nothing_of_each_other() -> None:
    """Two nodes in turns, step by step, end as two nodes one after the other."""
    graph = imu_net()
    plan = plan_of(graph, build_scheme(graph, "sparse"))
    x, labels = windows(graph, 8), np.arange(8, dtype=np.uint8) % 7
    one, two, alone = Node(plan), Node(plan), Node(plan)
    courses = [Course(key=rng.key(1, 1, n), rate=0.1, own=range(7)) for n in range(2)]
    for i in range(8):
        for node, course in zip((one, two), courses, strict=True):
            node.train(x, labels, np.array([i]), course)
    alone.train(x, labels, np.arange(8), Course(key=rng.key(1, 1, 1), rate=0.1, own=range(7)))
    assert one.state != two.state
    assert two.state == alone.state


class Later(IntEnum):
    """A variant of a later processor than any."""

    WIDER = 99


def test_a_variant_that_the_processor_lacks_is_refused() -> None:
    graph = imu_net()
    said = f"variant: expected at most {best_variant().name} on this processor, got WIDER; leave it out"
    with pytest.raises(EngineError, match=said):
        Node(plan_of(graph, build_scheme(graph, "head")), variant=cast(Variant, Later.WIDER))
