"""Scales that stand for folded batch norms: exact at first, then trained by engine and reference alike."""

import pytest

from fleet.base.errors import InputError
from fleet.node.model.graph import Graph
from fleet.node.model.graph_check import check
from fleet.node.model.reference import forward
from fleet.node.model.scheme import Trained
from fleet.node.model.schemes import all_layers, batch_norm_scheme, tiny_training_count, with_scales
from tests.node.engine.runs import assert_trains_as_the_reference
from tests.node.model.nets import imu_net, residual_net, windows
from tests.node.model.schemes.bottlenecks import published_graph, small_graph

NETS = {"small": small_graph(), "signal": imu_net(), "residual": residual_net()}


@pytest.mark.parametrize("name", NETS)
def test_every_map_of_the_network_stays_what_it_was_bit_for_bit(name: str) -> None:
    graph = NETS[name]
    made = with_scales(graph)
    check(made)
    assert len(made.ops) - len(graph.ops) == len(graph.weighted) - 1
    for window in windows(graph, 3, seed=2):
        before, after = forward(graph, window), forward(made, window)
        assert (before.logits == after.logits).all()
        assert all((before.maps[key] == after.maps[key]).all() for key in before.maps)
        assert all(after.kept[op.name].all() for op in made.ops if op.name.endswith(".bn"))


def test_scales_train_in_the_engine_as_in_the_reference() -> None:
    made = with_scales(NETS["small"])
    node = assert_trains_as_the_reference(made, batch_norm_scheme(made), rate=0.05, steps=12)
    first = node.plan.layout.slices[0]
    assert first.op == "stem.bn"
    assert (node.values[first.values] != 64).any()


def test_the_scheme_trains_scales_without_biases_of_their_own() -> None:
    made: Graph = with_scales(NETS["small"])
    scheme = batch_norm_scheme(made)
    assert scheme.trained[:2] == (Trained(op="stem", bias=True), Trained(op="stem.bn", channels=8))
    assert scheme.trained[-1].op == "head"


def test_scales_save_as_much_as_all_weights_do() -> None:
    """Batch norms save no activation memory against `full`: they read maps as large. Source: TinyTL, section 3.1."""
    graph = published_graph("mcunet-5fps", 128)
    made = with_scales(graph)
    scales = tiny_training_count(made, batch_norm_scheme(made))
    assert scales.saved_bytes > 0.9 * tiny_training_count(graph, all_layers(graph)).saved_bytes


def test_what_cannot_be_is_refused() -> None:
    graph = NETS["small"]
    with pytest.raises(InputError, match="got small, whose batch norms were folded into weights; put them in with"):
        batch_norm_scheme(graph)
    with pytest.raises(InputError, match="expected a network without layers of scales, got one with"):
        with_scales(with_scales(graph))
