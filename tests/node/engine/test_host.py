"""The host's executor against the interpreter, byte for byte: every buffer inside a step, and whole runs."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base import rng
from fleet.base.errors import EngineError
from fleet.node.engine.binding import Course, Node
from fleet.node.engine.host import Variant, best_variant
from fleet.node.model.graph import BIAS_LIMIT, Conv2d, Graph, Tensor
from fleet.node.model.recipe import Recipe
from fleet.node.model.scheme import KINDS, Scheme, build_scheme
from fleet.node.plan import inference_plan, plan_of
from fleet.node.plan.arena import Buffer, aligned
from tests.node.model.nets import WEIGHTED, Builder, graphs, imu_net, recipes, residual_net, schemes, windows

KEY = rng.key(7, rng.Stream.UPDATE, 3)
FAST = [v for v in Variant if Variant.PLAIN < v <= best_variant()]
WIDTHS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 64, 65)
pytestmark = pytest.mark.skipif(not FAST, reason="this processor has no instructions that the executor knows")


def _side_by_side(sizes: dict[str, int], lives: dict[str, tuple[int, int]]) -> tuple[Buffer, ...]:
    placed: list[Buffer] = []
    offset = 0
    for name, (first, last) in lives.items():
        placed.append(Buffer(name=name, size_bytes=sizes[name], offset=offset, first=first, last=last))
        offset = aligned(offset + sizes[name])
    return tuple(placed)


def nodes_of(graph: Graph, scheme: Scheme, *, roomy: bool) -> list[Node]:
    """The interpreter, then every faster variant, over one plan. roomy: no two buffers share memory."""
    with pytest.MonkeyPatch.context() as patch:
        if roomy:
            patch.setattr("fleet.node.plan.plan.place", _side_by_side)
        plan = plan_of(graph, scheme)
    return [Node(plan, variant=variant) for variant in (Variant.PLAIN, *FAST)]


def buffers_of(node: Node) -> dict[str, bytes]:
    """Everything a step left behind but the interpreter's scratch rows."""
    arena = node._arena.tobytes()
    return {b.name: arena[b.offset : b.offset + b.size_bytes] for b in node.plan.buffers if not b.name.endswith(" row")}


def assert_same_inside(graph: Graph, scheme: Scheme, rate: float = 0.3, steps: int = 3, seed: int = 0) -> None:
    """Every buffer and the state after each of some steps."""
    nodes = nodes_of(graph, scheme, roomy=True)
    courses = [Course(key=KEY, rate=rate, own=range(graph.classes)) for _ in nodes]
    for i, x in enumerate(windows(graph, steps, seed)):
        label = np.array([i % graph.classes], np.uint8)
        losses = [n.train(x[None], label, np.array([0]), c)[0] for n, c in zip(nodes, courses, strict=True)]
        assert losses[1:] == losses[:1] * len(FAST)
        expected, state = buffers_of(nodes[0]), nodes[0].state
        for node in nodes[1:]:
            found = buffers_of(node)
            assert [name for name in expected if found[name] != expected[name]] == []
            assert node.state == state


def assert_same_run(graph: Graph, scheme: Scheme, steps: int, rate: float = 0.06) -> list[Node]:
    """Losses, states and answers of a run over buffers that share memory."""
    nodes = nodes_of(graph, scheme, roomy=False)
    x = windows(graph, 9)
    labels = (np.arange(len(x)) % graph.classes).astype(np.uint8)
    order = np.arange(steps) % len(x)
    before = nodes[0].state
    losses = [n.train(x, labels, order, Course(key=KEY, rate=rate, own=range(graph.classes))) for n in nodes]
    logits = [n.logits(x) for n in nodes]
    assert nodes[0].state != before
    for node, loss, answer in zip(nodes[1:], losses[1:], logits[1:], strict=True):
        assert (loss == losses[0]).all()
        assert node.state == nodes[0].state
        assert (answer == logits[0]).all()
    return nodes


@st.composite
def wide_graphs(draw: st.DrawFn) -> Graph:
    """Three operators of up to 65 channels: widths around whole vectors, kernels larger than the map, odd strides."""
    build = Builder(draw(st.integers(0, 2**32 - 1)), odd=draw(st.booleans()))
    x = build.input((draw(st.integers(1, 9)), draw(st.integers(1, 7)), draw(st.sampled_from(WIDTHS))), zero=draw(zeros))
    for _ in range(3):
        x = _wider(draw, build, x)
    last = build.pool(x) if draw(st.booleans()) else x
    return build.head(last, classes=draw(st.integers(2, 17)))


zeros = st.sampled_from([-128, -128, -30, 0, 127])


def _wider(draw: st.DrawFn, build: Builder, x: Tensor) -> Tensor:
    kind = draw(st.sampled_from(["conv", "pointwise", "depthwise", "add"]))
    span = draw(st.sampled_from([None, (-1.0, 1.0)]))
    if kind == "add":
        return build.add(x, x, draw(zeros), span=span)
    if kind == "pointwise":
        return build.conv(x, draw(st.sampled_from(WIDTHS)), (1, 1), zero=draw(zeros), span=span)
    kernel = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    top, left = draw(st.integers(0, kernel[0])), draw(st.integers(0, kernel[1]))
    bottom = max(draw(st.integers(0, kernel[0])), kernel[0] - top - x.shape[0])
    right = max(draw(st.integers(0, kernel[1])), kernel[1] - left - x.shape[1])
    pad = (top, left, bottom, right)
    if kind == "depthwise":
        return build.depthwise(x, kernel, stride, pad, draw(zeros), span=span)
    return build.conv(x, draw(st.sampled_from(WIDTHS)), kernel, stride, pad, draw(zeros), span=span)


@settings(max_examples=120)
@given(data=st.data())
def test_wide_networks_are_the_same_inside_every_step(data: st.DataObject) -> None:
    graph = data.draw(wide_graphs())
    rate = data.draw(st.sampled_from([1e-4, 0.05, 8.0]))
    assert_same_inside(graph, data.draw(schemes(graph)), rate, seed=data.draw(st.integers(0, 99)))


@settings(max_examples=80)
@given(data=st.data())
def test_small_networks_of_all_weighted_operators_are_the_same_inside_every_step(data: st.DataObject) -> None:
    graph = data.draw(graphs(kinds=WEIGHTED))
    assert_same_inside(graph, data.draw(schemes(graph)))


@settings(max_examples=40)
@given(data=st.data())
def test_every_recipe_is_the_same_inside_every_step(data: st.DataObject) -> None:
    graph = data.draw(wide_graphs())
    assert_same_inside(graph, data.draw(schemes(graph, data.draw(recipes()))), steps=4)


@pytest.mark.parametrize("kind", KINDS)
def test_long_runs_end_the_same(kind: str) -> None:
    for graph in (imu_net(skip=True), residual_net()):
        assert_same_run(graph, build_scheme(graph, kind), steps=60)


def test_a_run_with_batches_and_momentum_ends_the_same() -> None:
    graph = residual_net()
    scheme = replace(build_scheme(graph, "full"), recipe=Recipe(batch=4, momentum=0.9))
    assert_same_run(graph, scheme, steps=54, rate=0.01)


def test_no_step_of_the_quickstarts_network_falls_back() -> None:
    graph = imu_net()
    for node in nodes_of(graph, build_scheme(graph, "full"), roomy=False)[1:]:
        assert node.host.fast_steps == len(node.plan.steps) - 1  # the loss belongs to the engine


def _extreme(graph: Graph, *, sign: int, bias: int) -> Graph:
    """Weights of one size and biases at their limit in every convolution and the head."""
    changed = {}
    for op in graph.weighted:
        weight = np.where(np.arange(op.weight.size) % 5, 127, -127).reshape(op.weight.shape) * sign
        changed[op.name] = weight.astype(np.int8), np.full(op.bias.shape, bias, dtype=np.int32)
    return graph.with_weights(changed)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("bias", [-BIAS_LIMIT, 0, BIAS_LIMIT])
def test_sums_at_their_bounds_are_exact(sign: int, bias: int) -> None:
    """33,155 products of one sign and size, on top of the largest bias: just below 2^31."""
    build = Builder(1)
    x = build.conv(build.input((1, 1, 33155), zero=127), 17, (1, 1), zero=0)
    graph = build.head(x, 3)
    graph = graph.with_weights(
        {
            op.name: (np.full(op.weight.shape, 127 * sign, np.int8), np.full(op.bias.shape, bias, np.int32))
            for op in graph.weighted
        }
    )
    scheme = build_scheme(graph, "full")
    nodes = nodes_of(graph, scheme, roomy=True)
    x_low = np.full((1, 1, 1, 33155), -128, dtype=np.int8)
    for node in nodes:
        node.train(x_low, np.array([1], np.uint8), np.array([0]), Course(key=KEY, rate=0.5, own=range(3)))
    for node in nodes[1:]:
        assert buffers_of(node) == buffers_of(nodes[0])
        assert node.state == nodes[0].state


def test_gradients_over_the_most_positions_are_exact() -> None:
    """66,304 positions of the largest gradient and input: a weight gradient just below 2^31."""
    build = Builder(2)
    graph = build.head(build.pool(build.conv(build.input((256, 259, 1), zero=127), 3, (1, 1), zero=0)), 2)
    nodes = nodes_of(graph, build_scheme(graph, "full"), roomy=False)
    lowest = np.full((1, 256, 259, 1), -128, dtype=np.int8)
    for node in nodes:
        node.train(lowest, np.array([1], np.uint8), np.zeros(2, int), Course(key=KEY, rate=4.0, own=range(2)))
        assert node.state == nodes[0].state


@pytest.mark.parametrize("kind", ["conv", "depthwise"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_input_gradients_of_large_kernels_are_exact(kind: str, sign: int) -> None:
    build = Builder(3)
    x = build.conv(build.input((9, 8, 3)), 24, (1, 1), zero=-30)
    grown = build.conv(x, 70, (5, 5), (1, 1), (2, 2, 2, 2), 0) if kind == "conv" else x
    y = grown if kind == "conv" else build.depthwise(x, (7, 9), (2, 3), (3, 4, 3, 4), 0)
    graph = _extreme(build.head(build.pool(y), 5), sign=sign, bias=0)
    assert_same_inside(graph, build_scheme(graph, "full"), rate=2.0)


@pytest.mark.parametrize("outputs", [1, 16, 21])
def test_outputs_finer_than_their_sums_are_the_same(outputs: int) -> None:
    """Scales of 1 and more: a rare case that the vector kernels leave to the engine's own rounding."""
    build = Builder(4)
    x = build.conv(build.input((4, 3, 5), zero=3), outputs, (2, 2), zero=-7)
    graph = build.head(build.depthwise(x, (2, 2), zero=5), 4)
    fine = {t.name: replace(t, scale=t.scale / 2**14) for t in graph.tensors if t.name.startswith("map")}
    graph = replace(graph, tensors=tuple(fine.get(t.name, t) for t in graph.tensors))
    assert all(isinstance(op, Conv2d) for op in graph.ops[:1])
    assert_same_inside(graph, build_scheme(graph, "full"))


def test_inference_alone_is_the_same() -> None:
    for graph in (imu_net(), residual_net(head=False)):
        nodes = [Node(inference_plan(graph), variant=variant) for variant in (Variant.PLAIN, *FAST)]
        x = windows(graph, 5)
        answers: list[Any] = [node.outputs(x) for node in nodes]
        for found in answers[1:]:
            assert all((found[name] == expected).all() for name, expected in answers[0].items())


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


def test_a_variant_that_the_processor_lacks_is_refused() -> None:
    if best_variant() is Variant.AVX512:
        pytest.skip("this processor has every variant")
    graph = imu_net()
    with pytest.raises(EngineError, match="variant: expected at most"):
        Node(plan_of(graph, build_scheme(graph, "head")), variant=Variant.AVX512)
