"""Layers named by number or by operator: what trains, and what is refused."""

from fractions import Fraction

import pytest

from fleet.base.errors import InputError
from fleet.node.model.recipe import Loss, Recipe
from fleet.node.model.scheme import Trained, build_scheme
from fleet.node.model.schemes import all_layers, last_biases, last_layers, published_scheme, sparse_layers
from fleet.node.model.zoo import zoo_net
from tests.node.model.nets import imu_net, residual_net

HEAD = Trained(op="head", channels=96, bias=True)


def test_layers_are_named_by_number_or_by_operator() -> None:
    graph = imu_net()
    by_number = sparse_layers(graph, biases=3, ratios={8: Fraction(1, 2), 6: Fraction(1, 4)})
    by_name = sparse_layers(graph, biases=3, ratios={"block4.pw": Fraction(1, 2), "block3.pw": Fraction(1, 4)})
    assert by_number == by_name
    assert by_number.trained == (
        Trained(op="block3.pw", channels=16, bias=True),
        Trained(op="block4.dw", bias=True),
        Trained(op="block4.pw", channels=32, bias=True),
        HEAD,
    )


def test_a_share_is_cut_to_whole_channels_and_none_trains_the_bias_alone() -> None:
    scheme = sparse_layers(imu_net(), biases=1, ratios={8: Fraction(1, 65)})
    assert scheme.trained == (Trained(op="block4.pw", bias=True), HEAD)


def test_last_layers_count_layers_and_not_blocks() -> None:
    scheme = last_layers(imu_net(), 3)
    assert [part.op for part in scheme.trained] == ["block3.pw", "block4.dw", "block4.pw", "head"]
    assert all(part.bias and part.channels for part in scheme.trained)


def test_biases_of_all_layers_or_of_the_last_ones() -> None:
    graph = imu_net()
    assert [part.op for part in last_biases(graph).trained] == [op.name for op in graph.weighted]
    assert last_biases(graph, 2).trained == (
        Trained(op="block4.dw", bias=True),
        Trained(op="block4.pw", bias=True),
        HEAD,
    )


def test_all_layers_is_full_of_graph_and_structure_alike() -> None:
    graph = imu_net()
    assert all_layers(graph).trained == build_scheme(graph, "full").trained
    assert all_layers(zoo_net("imu-ds-cnn", 7)).trained == build_scheme(graph, "full").trained


def test_the_last_layer_takes_the_heads_place_and_the_recipe_is_kept() -> None:
    recipe = Recipe(loss=Loss.SQUARED_ERROR)
    scheme = last_layers(residual_net(head=False), 1, recipe=recipe)
    assert [part.op for part in scheme.trained] == ["op13", "op15"]
    assert scheme.recipe == recipe


def test_the_scheme_of_100_kb_is_the_one_labelled_99() -> None:
    net = zoo_net("mcunet-5fps")
    assert published_scheme(net, "100kb").trained == published_scheme(net, "99kb").trained
    assert published_scheme(net, "99kb").of("block7.pw1") == Trained(op="block7.pw1", channels=40, bias=True)
    assert published_scheme(net, "99kb").of("block12.pw1") == Trained(op="block12.pw1", channels=12, bias=True)


def test_every_wrong_entry_is_named() -> None:
    ratios: dict[int | str, Fraction] = {9: Fraction(1), "stem": Fraction(2), 0: Fraction(1), "no": Fraction(1)}
    with pytest.raises(InputError) as raised:
        sparse_layers(imu_net(), biases=4, ratios=ratios)
    assert [fault.text for fault in raised.value.faults] == [
        "expected a layer of test, 0 to 8 or its name, got 9; change it",
        "expected a share from 0 to 1, got 2 for layer 'stem'; change it",
        "expected each layer once, got layer 0 again as 0; drop one",
        "expected a layer of test, 0 to 8 or its name, got 'no'; change it",
        "expected layers among the last 4, whose biases train, got layer 0; train at least 9 biases",
    ]


@pytest.mark.parametrize("count", [0, 10, -1])
def test_a_count_of_layers_that_there_are_not_is_refused(count: int) -> None:
    with pytest.raises(InputError, match=f"expected 1 to 9 layers below the head of test, got {count}"):
        last_layers(imu_net(), count)
    with pytest.raises(InputError, match=f"expected 1 to 9 layers below the head of test, got {count}"):
        last_biases(imu_net(), count)


def test_biases_of_more_layers_than_there_are_are_refused() -> None:
    with pytest.raises(InputError, match="expected biases of 0 to 9 layers of test, got 10"):
        sparse_layers(imu_net(), biases=10, ratios={})


def test_a_label_that_was_not_published_is_refused_with_those_that_were() -> None:
    with pytest.raises(InputError, match="expected one of 49kb, 74kb, 99kb, 124kb, 148kb for mcunet-5fps, got '50kb'"):
        published_scheme(zoo_net("mcunet-5fps"), "50kb")
    with pytest.raises(InputError, match=r"expected a network with published schemes .*, got ds-cnn; name layers"):
        published_scheme(zoo_net("ds-cnn"), "49kb")


def test_a_loss_that_the_network_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match="expected a classifier head"):
        last_layers(residual_net(head=False), 1)
