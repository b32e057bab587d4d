"""Schemes: what each trains of the quickstart's net, and how its values are numbered."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.node.model.graph import Dequantize, Form, Graph, Tensor
from fleet.node.model.recipe import Loss, Recipe
from fleet.node.model.scheme import KINDS, Trained, build_scheme, layout_of, trained_values, with_values
from tests.node.model.nets import WEIGHTED, Builder, graphs, imu_net, residual_net, schemes


@pytest.fixture(scope="module")
def net() -> Graph:
    return imu_net()


@pytest.mark.parametrize(
    "kind, counts, weights, biases",
    [
        ("head", {}, 672, 7),
        ("bias", {"blocks": 3}, 672, 407),
        ("sparse", {}, 3_232, 295),
        ("last_k", {"layers": 1}, 6_144 + 320 + 672, 167),
        ("last_k", {"layers": 2}, 11_552, 295),
        ("full", {}, 16_856, 503),
    ],
)
def test_a_scheme_of_the_quickstart_net_trains_so_many_weights_and_biases(
    net: Graph, kind: str, counts: Any, weights: int, biases: int
) -> None:
    layout = layout_of(net, build_scheme(net, kind, **counts))
    assert (layout.weights, layout.biases) == (weights, biases)
    assert layout.size == weights + biases == trained_values(net, layout).size


def test_sparse_trains_a_quarter_of_two_pointwise_layers_the_last_biases_and_the_head(net: Graph) -> None:
    assert build_scheme(net, "sparse").trained == (
        Trained(op="block3.dw", bias=True),
        Trained(op="block3.pw", channels=16, bias=True),
        Trained(op="block4.dw", bias=True),
        Trained(op="block4.pw", channels=16, bias=True),
        Trained(op="head", channels=96, bias=True),
    )


def test_the_counts_of_sparse_are_the_users(net: Graph) -> None:
    scheme = build_scheme(net, "sparse", layers=1, ratio=Fraction(1, 2), blocks=0)
    assert scheme.trained == (Trained(op="block4.pw", channels=32), Trained(op="head", channels=96, bias=True))


def test_more_blocks_than_there_are_is_all_of_them(net: Graph) -> None:
    assert build_scheme(net, "last_k", layers=99).trained == build_scheme(net, "full").trained


@pytest.mark.parametrize(
    "kind, counts", [("sparse", {"layers": 0, "blocks": 0}), ("bias", {"blocks": 0}), ("last_k", {"layers": 0})]
)
def test_a_scheme_that_trains_nothing_but_the_head_is_refused(net: Graph, kind: str, counts: Any) -> None:
    with pytest.raises(InputError, match=f"got '{kind}' with no layer and no block"):
        build_scheme(net, kind, **counts)


def test_counts_below_zero_and_shares_beyond_all_are_refused_together(net: Graph) -> None:
    """A negative count once sliced the list of blocks from its other end; a share of 2 trained nothing of a layer."""
    with pytest.raises(InputError) as refused:
        build_scheme(net, "sparse", layers=-1, ratio=Fraction(2), blocks=-3)
    assert [fault.where for fault in refused.value.faults] == ["layers", "blocks", "ratio"]


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_classifier_the_last_layer_takes_the_heads_place(kind: str) -> None:
    graph = residual_net(head=False)
    scheme = build_scheme(graph, kind, recipe=Recipe(loss=Loss.SQUARED_ERROR))
    assert scheme.trained[-1] == Trained(op="op15", channels=32, bias=True)
    assert scheme.recipe.loss is Loss.SQUARED_ERROR
    layout = layout_of(graph, scheme)
    assert (layout.head, layout.classes) == ("", 0)
    assert layout.held(()).all()


def test_dense_layers_count_as_pointwise_and_names_without_a_dot_as_blocks() -> None:
    build = Builder(1)
    x = build.input((1, 1, 12))
    for outputs in (16, 8, 12):
        x = build.fully_connected(x, outputs)
    recipe = Recipe(loss=Loss.SQUARED_ERROR)
    scheme = build_scheme(build.graph(), "sparse", layers=2, ratio=Fraction(1, 2), blocks=1, recipe=recipe)
    assert scheme.trained == (
        Trained(op="op0", channels=6),
        Trained(op="op1", channels=8, bias=True),
        Trained(op="op2", channels=8, bias=True),
    )


def test_the_channels_of_a_grouped_layer_are_those_of_one_group() -> None:
    build = Builder(1)
    x = build.conv(build.input((3, 3, 8)), 16, (1, 1), groups=2)
    graph = build.head(x, 3)
    assert build_scheme(graph, "sparse", layers=1, ratio=Fraction(1, 2), blocks=0).trained[0].channels == 2


@pytest.mark.parametrize(
    "head, loss, text",
    [
        (False, Loss.CROSS_ENTROPY, "expected a classifier head, got 'op15' at the end"),
        (True, Loss.SQUARED_ERROR, "expected an int8 map at the end, got the logits of 'head'"),
    ],
)
def test_a_loss_that_does_not_fit_the_end_of_the_network_is_refused(head: bool, loss: Loss, text: str) -> None:
    with pytest.raises(InputError, match=text):
        build_scheme(residual_net(head=head), "head", recipe=Recipe(loss=loss))


def test_a_network_that_ends_in_real_numbers_has_no_squared_error() -> None:
    graph = residual_net(head=False)
    real = Tensor(name="real", shape=(1, 1, 20), scale=1.0, zero_point=0, form=Form.FLOAT32)
    ops = (*graph.ops, Dequantize(name="out", x=graph.ops[-1].y, y="real"))
    graph = Graph(name="test", tensors=(*graph.tensors, real), ops=ops)
    with pytest.raises(InputError, match="got the real numbers of 'out'; cut it off"):
        build_scheme(graph, "head", recipe=Recipe(loss=Loss.SQUARED_ERROR))


def test_a_network_without_weights_is_refused() -> None:
    build = Builder(1)
    build.pool(build.input((3, 3, 2)))
    with pytest.raises(InputError, match="expected layers with weights, got none"):
        build_scheme(build.graph(), "full")


def test_an_unknown_scheme_is_refused_with_the_known_ones(net: Graph) -> None:
    with pytest.raises(InputError, match=f"expected one of {', '.join(KINDS)}, got 'all'"):
        build_scheme(net, "all")


def test_weights_come_before_biases_and_each_in_the_order_of_the_graph(net: Graph) -> None:
    layout = layout_of(net, build_scheme(net, "sparse"))
    assert [(s.op, s.kind, s.shape) for s in layout.slices] == [
        ("block3.pw", "weight", (64, 1, 1, 16)),
        ("block4.pw", "weight", (96, 1, 1, 16)),
        ("head", "weight", (7, 96)),
        ("block3.dw", "bias", (64,)),
        ("block3.pw", "bias", (64,)),
        ("block4.dw", "bias", (64,)),
        ("block4.pw", "bias", (96,)),
        ("head", "bias", (7,)),
    ]
    assert [s.first for s in layout.slices] == [0, 1024, 2560, 3232, 3296, 3360, 3424, 3520]


def test_a_node_without_two_classes_holds_all_but_two_columns_of_the_head(net: Graph) -> None:
    layout = layout_of(net, build_scheme(net, "sparse"))
    held = layout.held({0, 1, 2, 5, 6})
    assert held[: layout.weights].sum() == 3_040
    assert held[layout.weights :].sum() == 293
    assert layout.held(range(7)).all()


@given(data=st.data())
def test_values_written_into_a_graph_are_read_back_and_touch_nothing_else(data: st.DataObject) -> None:
    graph = data.draw(graphs(kinds=WEIGHTED))
    scheme = data.draw(schemes(graph))
    layout = layout_of(graph, scheme)
    values = (np.arange(layout.size, dtype=np.int32) * 7) % 255 - 127
    changed = with_values(graph, layout, values)
    assert (trained_values(changed, layout) == values).all()
    for before, after in zip(graph.weighted, changed.weighted, strict=True):
        part = scheme.of(before.name)
        assert (before.weight[..., part.channels :] == after.weight[..., part.channels :]).all()
        assert part.bias or (before.bias == after.bias).all()
    back = with_values(changed, layout, trained_values(graph, layout))
    assert all((a.weight == b.weight).all() for a, b in zip(back.weighted, graph.weighted, strict=True))


@given(data=st.data())
def test_every_value_belongs_to_exactly_one_slice(data: st.DataObject) -> None:
    graph = data.draw(graphs(kinds=WEIGHTED))
    layout = layout_of(graph, data.draw(schemes(graph)))
    counted = np.zeros(layout.size, dtype=np.int64)
    for part in layout.slices:
        counted[part.values] += 1
    assert (counted == 1).all()
    assert all(s.first < layout.weights for s in layout.slices if s.kind == "weight")
