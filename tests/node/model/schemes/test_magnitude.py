"""The largest channels first: the same function in another order, or a reason why not."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.node.engine.binding import Node
from fleet.node.model.graph import Graph, Weighted
from fleet.node.model.graph_check import check
from fleet.node.model.reference import forward
from fleet.node.model.scheme import Scheme, Trained
from fleet.node.model.schemes import PUBLISHED_SCHEMES, by_magnitude, published_scheme, sparse_layers
from fleet.node.model.schemes.magnitude import magnitudes
from fleet.node.plan import inference_plan
from tests.node.model.nets import WEIGHTED, Builder, graphs, imu_net, schemes, windows
from tests.node.model.schemes.bottlenecks import published_graph, small_graph

HALF = Fraction(1, 2)


def layer(graph: Graph, name: str) -> Weighted:
    op = graph.op(name)
    assert isinstance(op, Weighted)
    return op


def same_function(before: Graph, after: Graph) -> None:
    check(after)
    for window in windows(before, 2, seed=4):
        one, other = forward(before, window), forward(after, window)
        assert (one.logits == other.logits).all()
        if not before.has_head:
            assert all((one.maps[name] == other.maps[name]).all() for name in before.outputs)


def first_channels_are_the_largest(graph: Graph, name: str, count: int, **how: Any) -> None:
    norms = magnitudes(layer(graph, name), **how)
    assert norms[:count].min() >= norms[count:].max()


def test_the_largest_channels_come_first_and_nothing_else_changes() -> None:
    graph = small_graph()
    scheme = sparse_layers(graph, biases=10, ratios={"block1.pw1": HALF, "block2.pw2": HALF, "block3.dw": HALF})
    made = by_magnitude(graph, scheme)
    for name in ("block1.pw1", "block2.pw2", "block3.dw"):
        assert (np.sort(magnitudes(layer(made, name))) == np.sort(magnitudes(layer(graph, name)))).all()
        first_channels_are_the_largest(made, name, layer(graph, name).weight.shape[-1] // 2)
    assert (layer(made, "block2.pw2").weight != layer(graph, "block2.pw2").weight).any()
    same_function(graph, made)


@pytest.mark.parametrize("net", PUBLISHED_SCHEMES)
def test_published_schemes_choose_channels_jointly_on_the_streams_of_residual_nets(net: str) -> None:
    graph = published_graph(net)
    x = windows(graph, 3)
    before = Node(inference_plan(graph)).logits(x)
    for label in PUBLISHED_SCHEMES[net]:
        made = by_magnitude(graph, published_scheme(graph, label), joint=True)
        moved = any((a.weight != b.weight).any() for a, b in zip(graph.weighted, made.weighted, strict=True))
        assert moved == any(0 < share < 1 for share in PUBLISHED_SCHEMES[net][label].ratios.values())
        assert (Node(inference_plan(made)).logits(x) == before).all()


@settings(max_examples=60)
@given(data=st.data())
def test_any_order_that_is_not_refused_computes_the_same(data: st.DataObject) -> None:
    graph = data.draw(graphs(odd=False, kinds=WEIGHTED))
    scheme = data.draw(schemes(graph))
    how = {"joint": data.draw(st.booleans()), "stored": data.draw(st.booleans())}
    try:
        made = by_magnitude(graph, scheme, **how)
    except InputError:  # the refusals have tests of their own
        return
    assert [op.name for op in made.ops] == [op.name for op in graph.ops]
    same_function(graph, made)


def test_magnitudes_are_of_real_weights_or_of_stored_ones() -> None:
    graph = imu_net()
    op = layer(graph, "block4.pw")
    real = op.weight.astype(float) * op.weight_scale[:, None, None, None]
    assert magnitudes(op) == pytest.approx(np.sqrt((real**2).sum(axis=(0, 1, 2))))
    assert magnitudes(op, stored=True) == pytest.approx(np.sqrt((op.weight.astype(float) ** 2).sum(axis=(0, 1, 2))))
    scheme = sparse_layers(graph, biases=1, ratios={"block4.pw": HALF})
    first_channels_are_the_largest(by_magnitude(graph, scheme, stored=True), "block4.pw", 32, stored=True)


def test_two_layers_that_read_one_stream_and_want_other_channels_are_refused_unless_they_share() -> None:
    graph = small_graph()
    scheme = sparse_layers(graph, biases=10, ratios={"block2.pw1": HALF, "block3.pw1": HALF})
    with pytest.raises(InputError, match=r"block2.pw1: expected channels that no other .* read by block3.pw1; order"):
        by_magnitude(graph, scheme)
    made = by_magnitude(graph, scheme, joint=True)
    shares = sum(n**2 / (n**2).sum() for n in (magnitudes(layer(made, f"block{b}.pw1")) for b in (2, 3)))
    assert (np.diff(shares) <= 1e-12).all()
    same_function(graph, made)


def test_two_layers_that_want_the_same_channels_need_no_sharing() -> None:
    graph = small_graph()
    one, other = layer(graph, "block2.pw1"), layer(graph, "block3.pw1")
    twin = replace(other, weight=one.weight, bias=one.bias, weight_scale=one.weight_scale)
    graph = replace(graph, ops=tuple(twin if op.name == other.name else op for op in graph.ops))
    scheme = sparse_layers(graph, biases=10, ratios={"block2.pw1": HALF, "block3.pw1": Fraction(1, 4)})
    made = by_magnitude(graph, scheme)
    assert any((op.weight != layer(made, op.name).weight).any() for op in graph.weighted), "something moves"
    first_channels_are_the_largest(made, "block2.pw1", 4)
    first_channels_are_the_largest(made, "block3.pw1", 2)
    same_function(graph, made)


def test_inputs_of_a_dense_layer_over_several_places_are_no_channels() -> None:
    build = Builder(1)
    x = build.fully_connected(build.conv(build.input((1, 2, 3)), 4, (1, 1)), 5)
    graph = build.head(x, 2)
    scheme = Scheme(name="half", trained=(Trained(op="op1", channels=4),))
    with pytest.raises(InputError, match=r"op1: .* got 8 inputs from 1 x 2 places of 4 channels; tr"):
        by_magnitude(graph, scheme)


def test_channels_that_cannot_move_are_refused_each_with_its_reason() -> None:
    graph = small_graph()
    with pytest.raises(InputError, match="stem: expected channels that can be put in order, got an input of the net"):
        by_magnitude(graph, sparse_layers(graph, biases=10, ratios={"stem": HALF}))
    build = Builder(1)
    x = build.conv(build.input((3, 3, 4)), 8, (1, 1))
    grouped = build.head(build.conv(x, 8, (1, 1), groups=2), 3)
    with pytest.raises(
        InputError, match=r"op1: expected channels .*, got 'op1', which reads channels in groups; train"
    ):
        by_magnitude(grouped, sparse_layers(grouped, biases=1, ratios={"op1": HALF}))


def test_layers_that_train_whole_keep_their_order() -> None:
    graph = small_graph()
    made = by_magnitude(graph, sparse_layers(graph, biases=10, ratios={"block2.pw1": Fraction(1)}))
    assert all((a.weight == b.weight).all() for a, b in zip(graph.weighted, made.weighted, strict=True))
