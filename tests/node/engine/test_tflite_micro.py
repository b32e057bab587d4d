"""The forward pass against TensorFlow Lite Micro: every int8 of every map, from the same network as a .tflite file."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.node.model.graph import Graph, Int8
from fleet.node.model.scheme import build_scheme
from tests.node.engine.micro import micro_maps
from tests.node.engine.roomy import read, roomy_node
from tests.node.model.map_nets import NETS
from tests.node.model.nets import graphs, imu_net, windows


def assert_maps_agree(graph: Graph, x: Int8) -> int:
    """How many numbers were compared. The engine's logits are wider, so they are clipped to int8 first."""
    node = roomy_node(graph, build_scheme(graph, "head"))
    compared = 0
    for window, expected in zip(x, micro_maps(graph, x), strict=True):
        logits = np.clip(node.logits(window[None])[0], -128, 127)
        for name, values in expected.items():
            got = logits if name == graph.head.y else read(node, node.plan.maps[name].name, "i1")
            assert (got == values).all(), name
            compared += values.size
    return compared


def quiet_head(graph: Graph) -> Graph:
    """The network with a head so weak that its logits fit int8."""
    head = replace(graph.head, weight_scale=graph.head.weight_scale / np.float32(32))
    return replace(graph, ops=(*graph.ops[:-1], head))


@settings(max_examples=60)
@given(graph=graphs(odd=False), seed=st.integers(0, 99))
def test_any_small_network_gives_the_maps_of_tflite_micro(graph: Graph, seed: int) -> None:
    assert assert_maps_agree(quiet_head(graph), windows(graph, 2, seed)) > 0


@pytest.mark.parametrize("skip", [False, True])
def test_the_quickstart_net_gives_the_maps_of_tflite_micro(skip: bool) -> None:
    graph = quiet_head(imu_net(skip=skip))
    assert assert_maps_agree(graph, windows(graph, 20)) > 100_000


@pytest.mark.parametrize("name", NETS)
def test_networks_with_operators_without_weights_give_the_maps_of_tflite_micro(name: str) -> None:
    graph = quiet_head(NETS[name]())
    assert assert_maps_agree(graph, windows(graph, 20)) > 10_000
