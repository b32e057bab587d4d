"""Bottlenecks whose way back runs channel by channel: the same states as on whole maps, in every executor."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.node.engine.binding import Course, Node
from fleet.node.engine.host import Variant, best_variant
from fleet.node.model import fixed
from fleet.node.model import reference as ref
from fleet.node.model.graph import Graph, Tensor
from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.scheme import Scheme, Trained, build_scheme
from fleet.node.model.schemes.published import PUBLISHED_SCHEMES, published_scheme
from fleet.node.model.zoo import zoo_net
from fleet.node.plan.plan import Plan, plan_of
from fleet.node.plan.steps import Code, Ref, Step, channels
from fleet.node.plan.steps.channels import streamable_blocks
from fleet.node.plan.tactics import Tactics
from tests.node.engine.runs import own_of, run, static, targets_of, whole_state
from tests.node.engine.shadow import check_shadow
from tests.node.model.nets import Builder, imu_net, recipes, residual_net, schemes, windows
from tests.node.model.schemes.bottlenecks import random_graph

KEY = rng.key(9, rng.Stream.UPDATE, 2)
VARIANTS = [v for v in Variant if v <= best_variant()]
STEPS = 4
RATE = 1.0  # most weights move
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


def result_of(plan: Plan, variant: Variant | None, *, steps: int = STEPS, rate: float = RATE) -> Any:
    """Losses and state after some steps."""
    graph = plan.graph
    node, course = Node(plan, variant=variant), Course(key=KEY, rate=rate, own=own_of(graph))
    losses = run(node, windows(graph, steps), targets_of(graph, steps), np.arange(2 * steps) % steps, course)
    return losses, node.state


def planned(graph: Graph, scheme: Scheme, tactics: Tactics, group: int = 1) -> Plan:
    """A plan whose rounds are of so many channels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channels, "add_group", partial(channels.add_group, group=group))
        return plan_of(graph, scheme, tactics)


def assert_same(graph: Graph, scheme: Scheme, tactics: Tactics, *, group: int = 1, rate: float = RATE) -> Plan:
    """Training by channels is training on whole maps."""
    expected = result_of(plan_of(graph, scheme), Variant.PLAIN, rate=rate)
    plan = planned(graph, scheme, tactics, group)
    for variant in VARIANTS:
        assert result_of(plan, variant, rate=rate) == expected
    return plan


def all_by_channels(graph: Graph, scheme: Scheme, *, slices: bool = False) -> Tactics:
    return Tactics(by_channels=frozenset(streamable_blocks(graph, scheme)), slices=slices)


def formats(graph: Graph, scheme: Scheme) -> Iterator[Scheme]:
    """The scheme with static exponents, and with gradients in fp32."""
    for gradients in Gradients:
        made = replace(scheme, recipe=replace(scheme.recipe, gradients=gradients))
        yield made if gradients is Gradients.FP32 else static(graph, made, 0.05)


def groups_in(plan: Plan) -> int:
    return sum(step.code is Code.CHANNELS for step in plan.steps)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_bottlenecks_train_in_fp32_as_on_whole_maps(data: st.DataObject) -> None:
    graph = data.draw(bottleneck_nets())
    recipe = replace(data.draw(recipes()), gradients=Gradients.FP32)
    scheme = data.draw(schemes(graph, recipe))
    chosen = [name for name in streamable_blocks(graph, scheme) if data.draw(st.booleans())]
    tactics = Tactics(by_channels=frozenset(chosen), slices=data.draw(st.booleans()))
    assert groups_in(assert_same(graph, scheme, tactics, group=data.draw(st.integers(1, 4)))) == len(chosen)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_bottlenecks_train_with_static_exponents_as_on_whole_maps(data: st.DataObject) -> None:
    graph = data.draw(bottleneck_nets())
    scheme = data.draw(schemes(graph, replace(data.draw(recipes()), gradients=Gradients.INT8)))
    scheme = static(graph, scheme, 0.05)
    chosen = [name for name in streamable_blocks(graph, scheme) if data.draw(st.booleans())]
    tactics = Tactics(by_channels=frozenset(chosen), slices=data.draw(st.booleans()))
    assert groups_in(assert_same(graph, scheme, tactics, group=data.draw(st.integers(1, 4)))) == len(chosen)


def tied(graph: Graph, scheme: Scheme, *, to_sums: bool = True) -> Tactics:
    """All bottlenecks by channels, each input's int8 gradient over its sums, or else over what waits for it."""
    tactics = all_by_channels(graph, scheme, slices=True)
    if scheme.recipe.gradients is Gradients.FP32:  # in place already, unless what waits is read up to the end
        return tactics
    over = [(e, acc if to_sums else waiting) for acc, waiting, e in flows(plan_of(graph, scheme, tactics))]
    return replace(tactics, over=tuple((e, x) for e, x in over if x))


def flows(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """acc, waiting and e of the gradients that leave groups; "" for none."""
    names = [step.fields[i] for step in inner_steps(plan) if step.code is Code.GRAD_CONV for i in (2, 4, 6)]
    found = [name.name if isinstance(name, Ref) else "" for name in names]
    for acc, waiting, e in zip(found[::3], found[1::3], found[2::3], strict=True):
        if not e.endswith("plane"):
            yield acc, waiting, e


def inner_steps(plan: Plan) -> Iterator[Step]:
    for at, step in enumerate(plan.steps):
        if step.code is Code.CHANNELS:
            yield from plan.steps[at + 1 : at + 1 + int(step.fields[0])]  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_group_stays_within_its_buffers_and_may_write_over_its_sums(data: st.DataObject) -> None:
    graph = data.draw(bottleneck_nets())
    drawn = data.draw(schemes(graph, Recipe()))
    for scheme in formats(graph, drawn):
        tactics = tied(graph, scheme, to_sums=data.draw(st.booleans()))
        plan = planned(graph, scheme, tactics, data.draw(st.integers(1, 3)))
        check_shadow(plan, windows(graph, 2), targets_of(graph, 2))
        assert_same(graph, scheme, tactics)


def narrow_net(*, skip: bool = True, pooled: bool = True) -> Graph:
    """Two bottlenecks behind a convolution, the first with a skip, the second before a pool."""
    build = Builder(5)
    x = build.conv(build.input((8, 7, 3), zero=-5), 4, (3, 3), (1, 1), (1, 1, 1, 1), zero=-30)
    for stride, outputs in (((1, 1), 4), ((2, 2), 6)):
        y = build.conv(x, 9, (1, 1), span=(0, 6))
        y = build.conv(
            build.depthwise(y, (3, 3), stride, (1, 1, 1, 1), span=(0, 6)), outputs, (1, 1), zero=3, span=(-1, 1)
        )
        x = build.add(y, x) if skip and stride == (1, 1) else y
    return build.head(build.pool(x) if pooled else build.conv(x, 5, (1, 1)), 4)


@pytest.mark.parametrize("kind", ["sparse", "full", "bias", "head"])
def test_whole_networks_train_as_the_reference_in_numpy(kind: str) -> None:
    for graph in (narrow_net(), residual_net()):
        for scheme in formats(graph, build_scheme(graph, kind)):
            plan = plan_of(graph, scheme, tied(graph, scheme))
            node, reference = Node(plan), ref.ReferenceNode(graph, scheme)
            x, targets, order = windows(graph, 6), targets_of(graph, 6), np.arange(6)
            course = ref.Course(key=KEY, rate=fixed.real(RATE), own=own_of(graph))
            losses = reference.train(x, targets, order.tolist(), course)
            assert run(node, x, targets, order, Course(key=KEY, rate=RATE, own=own_of(graph))) == losses.tolist()
            assert node.state == whole_state(reference)


def test_a_block_before_a_pool_has_no_gradient_map() -> None:
    graph = narrow_net()
    for scheme in formats(graph, build_scheme(graph, "full")):
        plan = assert_same(graph, scheme, all_by_channels(graph, scheme))
        width = 4 if scheme.recipe.gradients is Gradients.FP32 else 1
        sizes = {b.name: b.size_bytes for b in plan.buffers}
        assert sizes[f"{graph.op('op7').y} gradient"] == 6 * width
        assert sizes[f"{graph.op('op6').y} plane"] == 4 * 4 * width
        assert sizes[f"{graph.op('op5').y} plane"] == 8 * 7 * width


def test_a_skip_shares_the_gradient_of_its_sum() -> None:
    graph = narrow_net()
    for scheme in formats(graph, build_scheme(graph, "full")):
        plan = assert_same(graph, scheme, all_by_channels(graph, scheme))
        assert not {Code.COPY, Code.GRAD_ADD} & {step.code for step in plan.steps}
        (waits, gradient) = [(waiting, e) for _, waiting, e in flows(plan)][1]
        assert (waits, gradient) == ("map4 gradient", "map0 gradient")


@pytest.mark.parametrize("span", [None, (-1.0, 1.0)])
def test_a_gradient_may_lie_over_the_arriving_one_that_waits_for_it(span: tuple[float, float] | None) -> None:
    """Of a skip one gradient arrives, and waits; the last layer reads it up to the last channel, masked or not."""
    build = Builder(3)
    x = build.conv(build.input((6, 5, 3), zero=-5), 4, (3, 3), (1, 1), (1, 1, 1, 1), zero=-30)
    y = build.conv(x, 7, (1, 1), span=(0, 6))
    y = build.conv(build.depthwise(y, (3, 3), (1, 1), (1, 1, 1, 1), span=(0, 6)), 4, (1, 1), zero=3, span=span)
    graph = build.head(build.conv(build.add(y, x), 5, (1, 1)), 4)
    scheme = static(graph, build_scheme(graph, "full"), 0.05)
    tactics = tied(graph, scheme, to_sums=False)
    plan = assert_same(graph, scheme, tactics, group=3)
    ((e, x_name),) = tactics.over
    offsets = {b.name: b.offset for b in plan.buffers}
    assert offsets[e] == offsets[x_name]


def test_updates_alone_need_no_sums() -> None:
    """Nothing before the block learns: no gradient leaves it."""
    graph = narrow_net(skip=False, pooled=False)
    parts = (
        Trained(op="op1", channels=4, bias=False),
        Trained(op="head", channels=graph.head.weight.shape[-1], bias=True),
    )
    scheme = Scheme(name="first", trained=parts)
    for made in formats(graph, scheme):
        plan = assert_same(graph, made, all_by_channels(graph, made))
        assert len(list(flows(plan))) == 1
        assert [s.code for s in inner_steps(plan)][-2:] == [Code.MASK, Code.UPDATE_CONV]


def test_layers_that_end_no_bottleneck_are_refused() -> None:
    graph = imu_net()
    scheme = build_scheme(graph, "full", recipe=Recipe(gradients=Gradients.FP32))
    with pytest.raises(InputError, match=r"expected layers that end a bottleneck, .*block2\.pw, got head"):
        plan_of(graph, scheme, Tactics(by_channels=frozenset(["head"])))


def test_dynamic_exponents_have_no_bottlenecks_by_channels() -> None:
    graph = narrow_net()
    assert streamable_blocks(graph, build_scheme(graph, "full")) == ()
    floats = build_scheme(graph, "full", recipe=Recipe(gradients=Gradients.FP32))
    assert streamable_blocks(graph, floats) == ("op7", "op3")


@pytest.mark.parametrize("net", ["mbv2-w0.35", "mcunet-5fps"])
def test_published_schemes_keep_every_bit_over_twenty_steps(net: str) -> None:
    graph = random_graph(zoo_net(net, 5, (32, 32, 3)))
    for scheme in formats(graph, published_scheme(graph, list(PUBLISHED_SCHEMES[net])[-1])):
        tactics = tied(graph, scheme)
        plan = plan_of(graph, scheme, tactics)
        layerwise = plan_of(graph, scheme)
        assert groups_in(plan) == len(tactics.by_channels) >= 8
        expected = result_of(layerwise, None, steps=10, rate=200.0)
        weights = np.frombuffer(expected[1], np.int8) != np.frombuffer(Node(layerwise).state, np.int8)
        assert weights.sum() > 10_000
        assert result_of(plan, None, steps=10, rate=200.0) == expected
        assert result_of(plan, Variant.PLAIN, steps=10, rate=200.0) == expected
