"""Plans that choose their tactics: they fit, they never collide, they compute what layer by layer computes."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base import rng
from fleet.node.engine.binding import Course, Node
from fleet.node.model.graph import Conv2d, Depthwise, Form, Graph
from fleet.node.model.recipe import Exponents, Gradients, Recipe
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.model.schemes.layerwise import sparse_layers
from fleet.node.model.schemes.published import PUBLISHED_SCHEMES, published_scheme
from fleet.node.model.zoo import zoo_net
from fleet.node.plan import Plan, inference_plan, plan_of
from fleet.node.plan.bottlenecks import Bottleneck, bottlenecks
from fleet.node.plan.choice import Space, best_plan, plannable, smallest_size
from fleet.node.plan.floor import floor_of
from fleet.node.plan.lifetimes import fullest, loads
from fleet.node.plan.placement import Effort
from fleet.node.plan.plan import finished
from fleet.node.plan.rolling import Rolls
from fleet.node.plan.segments import Run, facts_of, runs_of, smallest_peak
from fleet.node.plan.tactics import LAYERWISE
from tests.node.engine.runs import own_of, run, static, targets_of
from tests.node.model.map_nets import KINDS, MapBuilder, edged, map_graphs
from tests.node.model.nets import WEIGHTED, graphs, recipes, residual_net, schemes, windows
from tests.node.model.schemes.bottlenecks import random_graph, small_graph

INFERENCE = Scheme(name="inference", trained=())
KEY = rng.key(5, rng.Stream.UPDATE, 1)
STEPS = 20
KIB = 1024
MAPS = tuple(kind for kind in KINDS if kind != "concat")  # one of a map with itself is refused


def total(plan: Plan) -> int:
    return plan.state_bytes + plan.arena_bytes


def collisions(plan: Plan) -> list[tuple[str, str]]:
    """Blocks of which two parts live at once and share a byte."""
    assert plan.placement is not None
    parts = [
        (block.name, part.first, part.last, plan.placement.offsets[block.name] + part.delta, part.size_bytes)
        for block in plan.draft.blocks
        for part in block.parts
    ]
    return [
        (a[0], b[0])
        for a, b in combinations(parts, 2)
        if a[0] != b[0] and a[1] <= b[2] and b[1] <= a[2] and a[3] < b[3] + b[4] and b[3] < a[3] + a[4]
    ]


def learnt(plan: Plan, steps: int = STEPS) -> object:
    """Losses, state and outputs after some steps."""
    graph = plan.graph
    node, x = Node(plan), windows(graph, 4)
    course = Course(key=KEY, rate=0.05, own=own_of(graph))
    losses = run(node, x, targets_of(graph, 4), np.arange(steps) % 4, course)
    return losses, node.state, {name: array.tobytes() for name, array in node.outputs(x).items()}


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_smallest_plan_of_any_network_trains_as_layer_by_layer(data: st.DataObject) -> None:
    graph = data.draw(st.one_of(graphs(kinds=WEIGHTED), map_graphs(kinds=MAPS)))
    scheme = data.draw(schemes(graph, data.draw(recipes())))
    layerwise, plan = plan_of(graph, scheme), best_plan(graph, scheme)
    assert total(plan) <= total(layerwise)
    assert learnt(plan, 3) == learnt(layerwise, 3)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_two_blocks_of_any_plan_collide(data: st.DataObject) -> None:
    graph = data.draw(graphs(kinds=WEIGHTED))
    scheme = data.draw(st.one_of(st.just(INFERENCE), schemes(graph)))
    plan = best_plan(graph, scheme, input_streamed=data.draw(st.booleans()))
    if plan.tactics != LAYERWISE:
        assert collisions(plan) == []
        assert (plan.lower_bound_bytes, plan.peak_step) == fullest(plan.draft.blocks)
    assert plan.arena_bytes >= plan.lower_bound_bytes
    assert plan.proved or plan.arena_bytes > plan.lower_bound_bytes


@pytest.mark.parametrize("gradients", Gradients)
@pytest.mark.parametrize("net", ["small", "residual", "mcunet-5fps", "mbv2-w0.35"])
def test_every_draft_of_a_network_of_bottlenecks_trains_as_layer_by_layer(net: str, gradients: Gradients) -> None:
    """Any cut, any ties: those that memory asks for, and as many as there can be."""
    graph = tiny(net)
    recipe = Recipe(gradients=gradients)
    if net in PUBLISHED_SCHEMES:
        scheme = published_scheme(graph, "99kb", recipe=recipe)
    else:
        scheme = build_scheme(graph, "sparse", recipe=recipe, layers=3, blocks=2)
    scheme = static(graph, scheme, rate=0.05)
    expected = learnt(plan_of(graph, scheme))
    space = Space(graph=graph, scheme=scheme, input_streamed=True)
    tactics = {draft.tactics: draft for draft in space.drafts([space.peak, space.peak * 3 // 4, 0], space.peak)}
    assert net == "small" or any(chosen.segments for chosen in tactics)
    assert net == "small" or any(chosen.over for chosen in tactics)
    for draft in tactics.values():
        assert learnt(finished(draft, draft.placed(Effort.QUICK))) == expected


def tiny(net: str) -> Graph:
    """A network of bottlenecks, one of the zoo for pictures of 32 x 32."""
    if net in ("small", "residual"):
        return small_graph() if net == "small" else residual_net()
    return random_graph(zoo_net(net, 5, (32, 32, 3)))


@given(data=st.data())
def test_the_forward_pass_takes_what_cuts_count(data: st.DataObject) -> None:
    """Of inference, where nothing else lives: the programme over cuts and the placed blocks agree to the byte."""
    graph = data.draw(graphs(odd=False))
    facts = facts_of(graph, INFERENCE, input_streamed=True)
    counted = smallest_peak(facts, runs_of(facts))
    plan = best_plan(graph, INFERENCE)
    assert plan.lower_bound_bytes == counted or plan.tactics == LAYERWISE


@pytest.mark.parametrize("streamed", [True, False])
def test_a_budget_is_met_with_as_little_fusing_as_it_takes(streamed: bool) -> None:
    graph = tiny("mcunet-5fps")
    scheme = published_scheme(graph, "99kb")
    most, least = plan_of(graph, scheme), best_plan(graph, scheme, input_streamed=streamed)
    assert best_plan(graph, scheme, budget_bytes=total(most), input_streamed=streamed).tactics == LAYERWISE
    fused = []
    for part in range(5):
        budget = total(least) + (total(most) - 1 - total(least)) * part // 4
        plan = best_plan(graph, scheme, budget_bytes=budget, input_streamed=streamed)
        assert total(plan) <= budget
        fused.append(sum(end - first for first, end in plan.tactics.segments))
    assert fused == sorted(fused, reverse=True)
    assert total(best_plan(graph, scheme, budget_bytes=1, input_streamed=streamed)) == total(least)


def test_the_same_question_has_the_same_answer() -> None:
    graph = tiny("proxyless-w0.3")
    scheme = published_scheme(graph, "98kb")
    assert best_plan(graph, scheme).content == best_plan(graph, scheme).content


@pytest.mark.parametrize("kind", ["full", "bias", "head"])
def test_windows_that_are_shared_change_no_plan(kind: str) -> None:
    graph = tiny("mcunet-5fps")
    windows = Rolls(graph)
    for recipe in (Recipe(), Recipe(gradients=Gradients.FP32)):
        scheme = build_scheme(graph, kind, recipe=recipe)
        alone = best_plan(graph, scheme)
        assert best_plan(graph, scheme, windows=windows).content == alone.content
        assert smallest_size(graph, scheme, windows) == total(alone)


def test_static_exponents_without_shifts_are_planned_as_with_them() -> None:
    graph = small_graph()
    recipe = Recipe(exponents=Exponents.STATIC)
    scheme = build_scheme(graph, "full", recipe=recipe)
    shifts = dict(plannable(graph, scheme).recipe.shifts)
    assert set(shifts.values()) == {0}
    known = replace(scheme, recipe=replace(recipe, shifts=tuple(sorted((name, 3) for name in shifts))))
    assert plannable(graph, known) == known
    assert total(best_plan(graph, known)) == total(best_plan(graph, scheme))
    dynamic = build_scheme(graph, "full")
    assert plannable(graph, dynamic) is dynamic


def test_bottlenecks_are_those_that_gradients_pass() -> None:
    graph = small_graph()
    recipe = Recipe(gradients=Gradients.FP32)

    def found(kind: str) -> list[str]:
        return [b.project for b in bottlenecks(graph, build_scheme(graph, kind, recipe=recipe))]

    assert found("full") == ["block3.pw2", "block2.pw2", "block1.pw2"]
    assert found("head") == []
    part = sparse_layers(graph, biases=1, ratios={}, recipe=recipe)
    assert bottlenecks(graph, part) == ()
    assert bottlenecks(graph, sparse_layers(graph, biases=2, ratios={}, recipe=recipe)) == (
        Bottleneck(expand="block3.pw1", depthwise="block3.dw", project="block3.pw2"),
    )
    assert bottlenecks(graph, build_scheme(graph, "full")) == ()  # dynamic exponents


GOALS = {  # KiB, 1 per cent above the exact planner's figures of memory-goals.md
    ("mcunet-5fps", "99kb", Gradients.INT8): 112.3,
    ("mcunet-5fps", "99kb", Gradients.FP32): 115.0,
    ("mbv2-w0.35", "73kb", Gradients.INT8): 81.2,
    ("proxyless-w0.3", "148kb", Gradients.FP32): 158.3,
}


@pytest.mark.parametrize("net, label, gradients", GOALS)
def test_published_schemes_need_little_more_than_their_floor(net: str, label: str, gradients: Gradients) -> None:
    graph = random_graph(zoo_net(net, 10))
    recipe = Recipe(gradients=gradients, exponents=Exponents.STATIC)
    plan = best_plan(graph, published_scheme(graph, label, recipe=recipe))
    assert floor_of(graph, plan.scheme).total_bytes < total(plan) <= GOALS[net, label, gradients] * 1.01 * KIB
    assert collisions(plan) == []


def test_a_network_of_176_infers_in_59136_bytes() -> None:
    graph = random_graph(zoo_net("mcunet-in3"))
    plan = best_plan(graph, INFERENCE)
    assert plan.arena_bytes == plan.lower_bound_bytes == 59_136
    x = windows(graph, 1)
    assert (Node(plan).logits(x) == Node(inference_plan(graph)).logits(x)).all()


def test_loads_are_what_lives_in_each_step() -> None:
    plan = best_plan(small_graph(), INFERENCE)
    parts = [part for block in plan.draft.blocks for part in block.parts]
    most = loads(plan.draft.blocks, len(plan.steps))
    for step, load in enumerate(most):
        alive = [part for part in parts if part.first <= step <= part.last]
        assert load <= sum(-(-part.size_bytes // 4) * 4 for part in alive)
    assert max(most) == plan.lower_bound_bytes
    assert any(isinstance(op, Conv2d | Depthwise) for op in plan.graph.ops)


@pytest.mark.parametrize("form", [Form.FLOAT32, Form.UINT8])
def test_an_input_of_words_stays_in_the_arena(form: Form) -> None:
    graph = edged(form)
    plan = best_plan(graph, INFERENCE)
    assert plan.tactics.input_streamed == (form is Form.UINT8)
    assert plan.arena_bytes == (300 if form is Form.FLOAT32 else 72)  # 5 x 4 x 3 words, then bytes; or less than bytes


def reshaped_net() -> Graph:
    """Maps read under two names: before a bottleneck's skip, and by layers that could lie over them row by row."""
    build = MapBuilder(3)
    x = build.conv(build.input((8, 6, 3), zero=-4), 8, (3, 3), (1, 1), (1, 1, 1, 1), zero=-20)
    x = build.reshape(build.conv(x, 12, (1, 1), zero=-9), (6, 8, 12))
    y = build.depthwise(build.conv(x, 20, (1, 1)), (3, 3), (1, 1), (1, 1, 1, 1))
    x = build.add(x, build.conv(y, 12, (1, 1), zero=4))
    x = build.conv(build.reshape(x, (4, 12, 12)), 24, (3, 3), (2, 2), (1, 1, 1, 1))
    build.reshape(x, (1, 12, 24))
    return build.head(build.pool(x), 4)


def repeated_net() -> Graph:
    """A sum that reads a map of 2 bytes twice along its channels, to make one of 4: as many words."""
    build = MapBuilder(4)
    x = build.conv(build.input((1, 2, 3)), 2, (1, 1), zero=-20)
    return build.head(build.add(x, build.conv(x, 1, (1, 1), zero=7)), 3)


@pytest.mark.parametrize("kind", ["full", "bias", "head"])
@pytest.mark.parametrize("net", [reshaped_net, repeated_net])
def test_no_output_lies_over_what_is_read_again(net: Callable[[], Graph], kind: str) -> None:
    """Every way to lay an output over an input, one at a time; of maps that go under two names or are repeated."""
    graph = net()
    scheme = build_scheme(graph, kind)
    expected, count = learnt(plan_of(graph, scheme), 3), len(graph.ops)
    space = Space(graph=graph, scheme=scheme, input_streamed=True)
    over = [run for ways in space.runs.values() for run in ways if run.over]
    for chosen in over:
        alone = [Run(first=t, end=t + 1, live_bytes=0) for t in range(count) if not chosen.first <= t < chosen.end]
        cut = sorted([*alone, chosen], key=lambda run: run.first)
        draft = space.draft(space.tactics(cut, frozenset()))
        assert learnt(finished(draft, draft.placed(Effort.QUICK)), 3) == expected, chosen
    assert over or kind == "full"  # which keeps what it reads
