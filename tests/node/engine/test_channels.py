"""Bottlenecks whose way back runs channel by channel: the same states as on whole maps, in every executor."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base import rng
from fleet.node.engine.binding import Course, Node
from fleet.node.engine.host import Variant, best_variant
from fleet.node.model.graph import Graph, Tensor
from fleet.node.model.recipe import Gradients
from fleet.node.model.scheme import Scheme
from fleet.node.plan.plan import Plan, plan_of
from fleet.node.plan.steps import Code
from fleet.node.plan.steps.channels import streamable_blocks
from fleet.node.plan.tactics import Tactics
from tests.node.engine.runs import own_of, run, static, targets_of
from tests.node.model.nets import Builder, recipes, schemes, windows

KEY = rng.key(9, rng.Stream.UPDATE, 2)
VARIANTS = [v for v in Variant if v <= best_variant()]
STEPS = 4
SPANS = (None, None, (0.0, 6.0), (-1.0, 1.0))


@st.composite
def bottleneck_nets(draw: st.DrawFn) -> Graph:
    """One to three bottlenecks: kernels of 1 to 7, strides, skips, narrow clips, dead channels; pooled or not."""
    build = Builder(draw(st.integers(0, 2**32 - 1)), odd=draw(st.booleans()))
    sides = draw(st.tuples(st.integers(2, 9), st.integers(1, 8), st.integers(1, 5)))
    x = build.input(sides, zero=draw(st.integers(-128, 127)))
    if draw(st.booleans()):
        x = build.conv(x, draw(st.integers(1, 6)), (3, 3), (1, 1), (1, 1, 1, 1), zero=-20)
    for _ in range(draw(st.integers(1, 3))):
        x = _block(draw, build, x)
    if draw(st.booleans()):
        x = build.conv(x, draw(st.integers(1, 7)), (1, 1), span=draw(st.sampled_from(SPANS)))
    return build.head(build.pool(x) if draw(st.booleans()) else x, classes=draw(st.integers(2, 5)))


def _block(draw: st.DrawFn, build: Builder, x: Tensor) -> Tensor:
    middle, kernel = draw(st.integers(1, 11)), draw(st.sampled_from([1, 3, 5, 7]))
    stride = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (1, 2), (3, 2)]))
    before, behind = draw(st.integers(0, kernel // 2)), kernel // 2
    pad = (before + max(0, kernel - x.shape[0]), before + max(0, kernel - x.shape[1]), behind, behind)
    skips = draw(st.booleans())
    if skips:
        stride, pad = (1, 1), (kernel // 2,) * 4
    inner = build.conv(x, middle, (1, 1), zero=draw(st.sampled_from([-128, 3])), span=draw(st.sampled_from(SPANS)))
    inner = build.depthwise(inner, (kernel, kernel), stride, pad, span=draw(st.sampled_from(SPANS)))
    outputs = x.shape[2] if skips else draw(st.integers(1, 7))
    y = build.conv(inner, outputs, (1, 1), zero=4, span=draw(st.sampled_from(SPANS)))
    if not skips:
        return y
    pair = (y, x) if draw(st.booleans()) else (x, y)
    return build.add(*pair, span=draw(st.sampled_from(SPANS)))


def result_of(plan: Plan, variant: Variant | None, *, steps: int = STEPS, rate: float = 0.05) -> Any:
    """Losses and state after some steps."""
    graph = plan.graph
    node, course = Node(plan, variant=variant), Course(key=KEY, rate=rate, own=own_of(graph))
    losses = run(node, windows(graph, steps), targets_of(graph, steps), np.arange(2 * steps) % steps, course)
    return losses, node.state


def assert_same(graph: Graph, scheme: Scheme, tactics: Tactics | None = None, *, rate: float = 0.05) -> Plan:
    """Training by channels is training on whole maps."""
    expected = result_of(plan_of(graph, scheme), Variant.PLAIN, rate=rate)
    plan = plan_of(graph, scheme, tactics or all_by_channels(graph, scheme))
    for variant in VARIANTS:
        assert result_of(plan, variant, rate=rate) == expected
    return plan


def all_by_channels(graph: Graph, scheme: Scheme, *, slices: bool = False) -> Tactics:
    return Tactics(by_channels=frozenset(streamable_blocks(graph, scheme)), slices=slices)


def groups_in(plan: Plan) -> int:
    return sum(step.code is Code.CHANNELS for step in plan.steps)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_bottlenecks_train_in_fp32_as_on_whole_maps(data: st.DataObject) -> None:
    graph = data.draw(bottleneck_nets())
    recipe = replace(data.draw(recipes()), gradients=Gradients.FP32)
    scheme = data.draw(schemes(graph, recipe))
    chosen = [name for name in streamable_blocks(graph, scheme) if data.draw(st.booleans())]
    tactics = Tactics(by_channels=frozenset(chosen), slices=data.draw(st.booleans()))
    assert groups_in(assert_same(graph, scheme, tactics)) == len(chosen)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_bottlenecks_train_with_static_exponents_as_on_whole_maps(data: st.DataObject) -> None:
    graph = data.draw(bottleneck_nets())
    scheme = data.draw(schemes(graph, replace(data.draw(recipes()), gradients=Gradients.INT8)))
    scheme = static(graph, scheme, 0.05)
    chosen = [name for name in streamable_blocks(graph, scheme) if data.draw(st.booleans())]
    tactics = Tactics(by_channels=frozenset(chosen), slices=data.draw(st.booleans()))
    assert groups_in(assert_same(graph, scheme, tactics)) == len(chosen)
