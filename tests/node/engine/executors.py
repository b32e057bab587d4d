"""The executor's variants over one plan, set against the interpreter byte for byte."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

from fleet.base import rng
from fleet.node.engine.binding import Course, Node
from fleet.node.engine.host import Variant
from fleet.node.model.graph import Graph, Tensor
from fleet.node.model.recipe import Exponents
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.plan import plan_of
from fleet.node.plan.arena import Buffer, aligned
from tests.node.model.nets import Builder, windows

KEY = rng.key(7, rng.Stream.UPDATE, 3)
WIDTHS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 64, 65)
Variants = Sequence[Variant]
zeros = st.sampled_from([-128, -128, -30, 0, 127])


def nodes_of(graph: Graph, scheme: Scheme, variants: Variants, *, roomy: bool) -> list[Node]:
    """The interpreter, then the variants, over one plan. roomy: no two buffers share memory."""
    with pytest.MonkeyPatch.context() as patch:
        if roomy:
            patch.setattr("fleet.node.plan.draft.place", _side_by_side)
        plan = plan_of(graph, scheme)
    return [Node(plan, variant=variant) for variant in (Variant.PLAIN, *variants)]


def _side_by_side(sizes: dict[str, int], lives: dict[str, tuple[int, int]]) -> tuple[Buffer, ...]:
    placed: list[Buffer] = []
    offset = 0
    for name, (first, last) in lives.items():
        placed.append(Buffer(name=name, size_bytes=sizes[name], offset=offset, first=first, last=last))
        offset = aligned(offset + sizes[name])
    return tuple(placed)


def buffers_of(node: Node) -> dict[str, bytes]:
    """Everything a step left behind but the interpreter's scratch: rows, and sums of one place."""
    arena, fixed = node._arena.tobytes(), node.plan.scheme.recipe.exponents is Exponents.STATIC
    scratch = {b.name for b in node.plan.buffers if b.name.endswith(" row") or (fixed and " sums from " in b.name)}
    return {b.name: arena[b.offset : b.end] for b in node.plan.buffers if b.name not in scratch}


def assert_same_inside(
    graph: Graph, scheme: Scheme, variants: Variants, rate: float = 0.3, steps: int = 3, seed: int = 0
) -> None:
    """Every buffer and the state after each of some steps."""
    nodes = nodes_of(graph, scheme, variants, roomy=True)
    courses = [Course(key=KEY, rate=rate, own=range(graph.classes)) for _ in nodes]
    for i, x in enumerate(windows(graph, steps, seed)):
        label = np.array([i % graph.classes], np.uint8)
        losses = [n.train(x[None], label, np.array([0]), c)[0] for n, c in zip(nodes, courses, strict=True)]
        assert losses[1:] == losses[:1] * len(variants)
        assert_same_memory(nodes)


def assert_same_memory(nodes: Sequence[Node]) -> None:
    """Every buffer and the state of nodes over a roomy plan."""
    expected = buffers_of(nodes[0])
    for node in nodes[1:]:
        found = buffers_of(node)
        assert [name for name in expected if found[name] != expected[name]] == []
        assert node.state == nodes[0].state


def assert_same_run(graph: Graph, scheme: Scheme, variants: Variants, steps: int, rate: float = 0.06) -> None:
    """Losses, states and answers of a run over buffers that share memory."""
    nodes = nodes_of(graph, scheme, variants, roomy=False)
    x = windows(graph, 9)
    labels = (np.arange(len(x)) % graph.classes).astype(np.uint8)
    order = np.arange(steps) % len(x)
    before = nodes[0].state
    losses, logits = [], []
    for node in nodes:
        course = Course(key=KEY, rate=rate, own=range(graph.classes))
        half = node.train(x, labels, order[: steps // 2], course)
        node.logits(x)  # what was packed for these answers is stale after the next step
        losses.append(np.concatenate([half, node.train(x, labels, order[steps // 2 :], course)]))
        logits.append(node.logits(x))
    assert nodes[0].state != before
    for node, loss, answer in zip(nodes[1:], losses[1:], logits[1:], strict=True):
        assert (loss == losses[0]).all()
        assert node.state == nodes[0].state
        assert (answer == logits[0]).all()


def assert_exact_at_bounds(sign: int, bias: int, variants: Variants) -> None:
    """33,155 products of one sign and size, on top of a bias of 2^30: just below 2^31."""
    build = Builder(1)
    x = build.conv(build.input((1, 1, 33155), zero=127), 17, (1, 1), zero=0)
    graph = extreme(build.head(x, 3), sign=sign, bias=bias, mixed=False)
    nodes = nodes_of(graph, build_scheme(graph, "full"), variants, roomy=True)
    lowest = np.full((1, 1, 1, 33155), -128, dtype=np.int8)
    for node in nodes:
        node.train(lowest, np.array([1], np.uint8), np.array([0]), Course(key=KEY, rate=0.5, own=range(3)))
    assert_same_memory(nodes)


def extreme(graph: Graph, *, sign: int, bias: int, mixed: bool = True) -> Graph:
    """Weights of one size, mixed: some of the other sign; biases at one value."""
    changed = {}
    for op in graph.weighted:
        other = np.arange(op.weight.size).reshape(op.weight.shape) % 5 == 0
        weight = np.where(other & mixed, -127, 127) * sign
        changed[op.name] = weight.astype(np.int8), np.full(op.bias.shape, bias, dtype=np.int32)
    return graph.with_weights(changed)


def fine_net(outputs: int) -> Graph:
    """Maps with steps so fine that scales of sums reach 1: the vector kernels leave that to the engine's rounding."""
    build = Builder(4)
    x = build.conv(build.input((4, 3, 5), zero=3), outputs, (2, 2), zero=-7)
    graph = build.head(build.depthwise(x, (2, 2), zero=5), 4)
    fine = {t.name: replace(t, scale=t.scale / 2**14) for t in graph.tensors if t.name.startswith("map")}
    return replace(graph, tensors=tuple(fine.get(t.name, t) for t in graph.tensors))


@st.composite
def wide_graphs(draw: st.DrawFn) -> Graph:
    """Three operators of up to 65 channels: widths around whole vectors, kernels larger than the map, odd strides."""
    build = Builder(draw(st.integers(0, 2**32 - 1)), odd=draw(st.booleans()))
    x = build.input((draw(st.integers(1, 9)), draw(st.integers(1, 7)), draw(st.sampled_from(WIDTHS))), zero=draw(zeros))
    for _ in range(3):
        x = _wider(draw, build, x)
    last = build.pool(x) if draw(st.booleans()) else x
    return build.head(last, classes=draw(st.integers(2, 17)))


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
