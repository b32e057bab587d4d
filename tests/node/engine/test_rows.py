"""Operators that run row by row: the same outputs and states as on whole maps, in every executor."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base import rng
from fleet.node.engine.binding import Course, Node
from fleet.node.engine.host import Variant, best_variant
from fleet.node.engine.memo import Memo, frozen_steps
from fleet.node.model.graph import AveragePool, Graph, MaxPool
from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.scheme import KINDS, Scheme, Trained, build_scheme
from fleet.node.model.schemes.published import published_scheme
from fleet.node.model.zoo import zoo_net
from fleet.node.plan.choice import best_plan
from fleet.node.plan.plan import Plan, inference_plan, plan_of
from fleet.node.plan.steps import Code
from fleet.node.plan.tactics import Tactics
from tests.node.engine.runs import own_of, run, static, targets_of
from tests.node.engine.segmented import longest, row_tactics
from tests.node.engine.shadow import check_shadow
from tests.node.model.map_nets import NETS, MapBuilder, map_graphs
from tests.node.model.nets import WEIGHTED, Builder, graphs, imu_net, recipes, residual_net, schemes, windows
from tests.node.model.schemes.bottlenecks import random_graph

KEY = rng.key(9, rng.Stream.UPDATE, 2)
VARIANTS = [v for v in Variant if v <= best_variant()]
STEPS = 5


def result_of(plan: Plan, variant: Variant | None, *, steps: int = STEPS, memo: Memo | None = None) -> Any:
    """Losses, state and what the network says after some steps."""
    graph = plan.graph
    node, x = Node(plan, variant=variant, memo=memo), windows(graph, steps)
    course = Course(key=KEY, rate=0.05, own=own_of(graph))
    losses = run(node, x, targets_of(graph, steps), np.arange(2 * steps) % steps, course)
    said = {name: array.tobytes() for name, array in node.outputs(x).items()}
    return losses, node.state, said


def assert_same(graph: Graph, scheme: Scheme, tactics: Tactics, *, steps: int = STEPS) -> Plan:
    """Training and answering by rows is training and answering on whole maps."""
    expected = result_of(plan_of(graph, scheme), Variant.PLAIN, steps=steps)
    plan = plan_of(graph, scheme, tactics)
    for variant in VARIANTS:
        assert result_of(plan, variant, steps=steps) == expected
    return plan


def groups_in(plan: Plan) -> int:
    return sum(step.code is Code.ROWS for step in plan.steps)


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_in_as_few_groups_as_can_be_trains_as_on_whole_maps(kind: str) -> None:
    for graph in (imu_net(skip=True), residual_net()):
        scheme = build_scheme(graph, kind)
        plan = assert_same(graph, scheme, longest(graph, scheme, input_streamed=True, slices=True))
        assert groups_in(plan)
        assert graph.input.name not in {b.name for b in plan.buffers}


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_network_with_any_cuts_trains_as_on_whole_maps(data: st.DataObject) -> None:
    """Residuals, strides above the kernel, kernels above the map, padding, groups, multipliers, masks."""
    graph = data.draw(graphs(kinds=WEIGHTED))
    scheme = data.draw(schemes(graph, data.draw(recipes())))
    assert_same(graph, scheme, data.draw(row_tactics(graph, scheme)), steps=3)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_network_with_pools_trains_as_on_whole_maps(data: st.DataObject) -> None:
    graph = data.draw(map_graphs(kinds=("average", "max", "mul", "pad", "curve")))
    scheme = data.draw(schemes(graph, Recipe(gradients=data.draw(st.sampled_from(Gradients)))))
    assert_same(graph, scheme, data.draw(row_tactics(graph, scheme)), steps=3)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_network_infers_by_rows_as_on_whole_maps(data: st.DataObject) -> None:
    graph = data.draw(st.one_of(graphs(kinds=WEIGHTED), map_graphs()))
    nothing = Scheme(name="inference", trained=())
    x, plan = windows(graph, 3), inference_plan(graph, data.draw(row_tactics(graph, nothing)))
    expected = Node(inference_plan(graph), variant=Variant.PLAIN).outputs(x)
    for variant in VARIANTS:
        found = Node(plan, variant=variant).outputs(x)
        assert {n: a.tobytes() for n, a in found.items()} == {n: a.tobytes() for n, a in expected.items()}


@pytest.mark.parametrize("name", NETS)
def test_networks_with_all_operators_train_by_rows(name: str) -> None:
    graph = NETS[name]()
    scheme = build_scheme(graph, "full")
    assert_same(graph, scheme, longest(graph, scheme, slices=True))


def test_static_exponents_and_floats_train_by_rows() -> None:
    graph = residual_net()
    for scheme in (
        static(graph, build_scheme(graph, "full"), 0.05),
        build_scheme(graph, "full", recipe=Recipe(gradients=Gradients.FP32)),
    ):
        assert_same(graph, scheme, longest(graph, scheme, input_streamed=True))


def pooled_net() -> Graph:
    """Pools over odd sizes, a stride above its kernel, a kernel above its map, and a skip over all of them."""
    build = MapBuilder(3)
    x = build.conv(build.input((17, 8, 3), zero=-5), 8, (3, 3), (2, 1), (1, 1, 0, 1), zero=-30, span=(-1, 1))
    skip = build.conv(x, 8, (1, 1), (3, 1), zero=4)
    x = build.window(AveragePool, x, (2, 2), (1, 1), (1, 0, 0, 1))
    x = build.depthwise(x, (5, 3), (1, 1), (2, 1, 2, 1), zero=-20, span=(-1, 1))
    x = build.conv(build.window(MaxPool, x, (2, 3), (3, 1), (0, 1, 1, 1)), 8, (5, 1), (1, 1), (2, 0, 2, 0), zero=0)
    return build.head(build.pool(build.add(x, skip)), 3)


@pytest.mark.parametrize("kind", ["sparse", "full", "head"])
def test_pools_strides_and_tall_kernels_run_in_one_group(kind: str) -> None:
    graph = pooled_net()
    scheme = build_scheme(graph, kind)
    plan = assert_same(graph, scheme, Tactics(segments=((0, 7),), input_streamed=True, slices=True))
    assert groups_in(plan) == 1


def test_a_window_holds_no_more_rows_than_its_readers_need() -> None:
    build = Builder(1)
    x = build.conv(build.input((24, 6, 2)), 8, (3, 3), pad=(1, 1, 1, 1))
    graph = build.head(build.pool(build.conv(build.depthwise(x, (3, 3), pad=(1, 1, 1, 1)), 8, (1, 1))), 2)
    plan = inference_plan(graph, Tactics(segments=((0, 3),), input_streamed=True))
    header = next(step for step in plan.steps if step.code is Code.ROWS)
    assert header.fields == (3, 3, -1, -1, 1, 0, -1, 0, 1, -1)
    sizes = {b.name: b.size_bytes for b in plan.buffers}
    assert (sizes["map0"], sizes["map1"], sizes["map2"]) == (3 * 48, 48, 24 * 48)
    assert "input" not in sizes


@pytest.mark.parametrize("variant", [Variant.PLAIN, None])
def test_what_is_remembered_ends_before_the_group_that_trains(variant: Variant | None) -> None:
    graph = imu_net(skip=True)
    scheme = build_scheme(graph, "sparse")
    for tactics in (longest(graph, scheme, input_streamed=True), Tactics(segments=((1, 3), (4, 6)))):
        plan = plan_of(graph, scheme, tactics)
        memo = Memo(plan)
        assert plan.steps[frozen_steps(plan)].code is Code.ROWS or frozen_steps(plan) == 0 or not tactics.segments
        assert result_of(plan, variant, memo=memo) == result_of(plan, variant)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_step_leaves_its_buffers(data: st.DataObject) -> None:
    graph = data.draw(st.one_of(graphs(kinds=WEIGHTED), map_graphs(kinds=("average", "max", "concat", "mul"))))
    scheme = data.draw(schemes(graph, data.draw(recipes())))
    plan = plan_of(graph, scheme, data.draw(row_tactics(graph, scheme)))
    check_shadow(plan, windows(graph, 3), targets_of(graph, 3))


def test_shadow_memory_notices_buffers_that_are_too_small_or_die_too_early() -> None:
    graph = residual_net()
    scheme = build_scheme(graph, "full")
    plan = plan_of(graph, scheme, longest(graph, scheme))
    x, targets = windows(graph, 2), targets_of(graph, 2)
    check_shadow(plan, x, targets)
    for name in ("map0", "map1", "op6 mask", "map9 gradient"):
        short = tuple(replace(b, size_bytes=b.size_bytes - 1) if b.name == name else b for b in plan.buffers)
        with pytest.raises(AssertionError, match=r"wrote byte|read something"):
            check_shadow(replace(plan, buffers=short), x, targets)
    early = tuple(replace(b, last=plan.draft.program.loss) if b.name == "map8" else b for b in plan.buffers)
    with pytest.raises(AssertionError, match="names map8, which lives no longer"):
        check_shadow(replace(plan, buffers=early), x, targets)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_streamed_window_is_there_for_steps_behind_those_remembered(variant: Variant) -> None:
    build = Builder(5)
    x = build.input((6, 5, 3), zero=4)
    y = build.conv(x, 8, (3, 3), pad=(1, 1, 1, 1), zero=-20)
    graph = build.head(build.pool(build.add(y, build.conv(x, 8, (1, 1), zero=3))), 3)
    trained = (Trained(op="op1", channels=3, bias=True), Trained(op="head", channels=8, bias=True))
    plan = plan_of(graph, Scheme(name="late", trained=trained), Tactics(input_streamed=True))
    assert frozen_steps(plan) == 1
    assert result_of(plan, variant, memo=Memo(plan)) == result_of(plan_of(graph, plan.scheme), variant)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_depthwise_layer_in_place_is_one_elsewhere_in_every_executor(stride: int) -> None:
    build = Builder(8)
    x = build.conv(build.input((9, 7, 3), zero=4), 16, (3, 3), pad=(1, 1, 1, 1), zero=-20)
    y = build.depthwise(x, (3, 3), (stride, stride), (1, 1, 1, 1), zero=-20, span=(-1, 1))
    graph = build.head(build.pool(build.conv(y, 8, (1, 1), zero=3)), 3)
    scheme = Scheme(name="bias", trained=(Trained(op="op1", channels=0, bias=True), head_alone(graph)))
    plan = assert_same(graph, scheme, Tactics(over=((y.name, x.name),)))
    assert Code.DEPTHWISE_IN_PLACE in {step.code for step in plan.steps}
    check_shadow(plan, windows(graph, 2), targets_of(graph, 2))


def head_alone(graph: Graph) -> Trained:
    return Trained(op=graph.head.name, channels=graph.head.weight.shape[-1], bias=True)


@pytest.mark.parametrize("gradients", Gradients)
@pytest.mark.parametrize("label", ["49kb", "99kb"])
def test_the_smallest_plan_of_a_network_of_bottlenecks_trains_as_on_whole_maps(
    label: str, gradients: Gradients
) -> None:
    """Rows, channels, layers in place and outputs over inputs at once; twenty steps, and each alone among poison."""
    graph = random_graph(zoo_net("mcunet-5fps", 5, (32, 32, 3)))
    scheme = published_scheme(graph, label, recipe=Recipe(gradients=gradients))
    if gradients is Gradients.INT8:
        scheme = static(graph, scheme, 0.05)
    chosen = best_plan(graph, scheme)
    plan = assert_same(graph, scheme, chosen.tactics, steps=10)
    assert 2 * plan.arena_bytes < plan_of(graph, scheme).arena_bytes
    check_shadow(chosen, windows(graph, 2), targets_of(graph, 2))
