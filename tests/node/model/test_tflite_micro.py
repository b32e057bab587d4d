"""Layers with weights and sums in NumPy against TensorFlow Lite Micro: every byte of every map of drawn networks."""

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.node.model import reference as ref
from fleet.node.model.graph import Graph
from tests.node.engine.micro import micro_maps
from tests.node.model.nets import WEIGHTED, graphs, residual_net, windows


def assert_maps_agree(graph: Graph, count: int, seed: int = 0) -> None:
    x = windows(graph, count, seed)
    for window, expected in zip(x, micro_maps(graph, x), strict=True):
        maps = ref.forward(graph, window).maps
        assert maps.keys() == expected.keys()
        for name, values in expected.items():
            assert (maps[name].ravel() == values).all(), name


@settings(max_examples=150)
@given(graph=graphs(odd=False, kinds=WEIGHTED, head=False), seed=st.integers(0, 99))
def test_groups_multipliers_clips_repeated_sums_and_dense_layers_are_those_of_tflite_micro(
    graph: Graph, seed: int
) -> None:
    assert_maps_agree(graph, 2, seed)


def test_a_net_of_all_of_them_is_that_of_tflite_micro() -> None:
    assert_maps_agree(residual_net(head=False), 20)
