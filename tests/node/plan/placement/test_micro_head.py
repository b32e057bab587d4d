"""Greedy by size against the head of the arena that TensorFlow Lite Micro itself plans for real models.

The head holds, at 16 bytes each, every tensor of the file that is no constant, the float edges of a model included:
its inputs from before the first operator, its outputs to the end. The packaged interpreter has reference kernels,
of which none that these models call asks for scratch; with optimised kernels the head would hold that as well.
"""

import re
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from fleet.node.model.float_net import FloatNet
from fleet.node.model.graph import Graph
from fleet.node.model.quantize import with_ranges
from fleet.node.model.ranges import Encoding
from fleet.node.plan.placement import Block, greedy_by_size, place_blocks
from tests.node.model.nets import WEIGHTED, graphs
from tests.node.plan.placement.blocks import simple
from tests.node.plan.placement.published import net

pytest.importorskip("tflite_micro", reason="TensorFlow Lite Micro comes as a wheel for Linux on x86-64 only")

HEADS = {
    "mlperf-tiny/kws_ref_model.tflite": 16_000,
    "mlperf-tiny/pretrainedResnet_quant.tflite": 49_152,
    "mlperf-tiny/vww_96_int8.tflite": 73_728,
    "tflm/hello_world_int8.tflite": 32,
    "tflm/person_detect.tflite": 55_296,
    "tinyengine-lenet/ptq_mnist_lenet-300-100.tflite": 3_920,
    "tinyengine-lenet/ptq_mnist_lenet-300-100_nobias.tflite": 3_920,
}
ELEMENT_BYTES = {0: 4, 2: 4, 3: 1, 9: 1}  # TensorType: FLOAT32, INT32, UINT8, INT8


def tensor_blocks(content: bytes) -> list[Block]:
    """Tensors in the order of the file, which is the order in which the allocator adds them; lives as it marks them."""
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    (graph,) = model.subgraphs
    lives = {int(i): [0, 0] for i in graph.inputs}
    for step, op in enumerate(graph.operators, 1):
        for i in map(int, op.outputs):
            lives[i] = [step, step]
        for i in map(int, op.inputs):
            if i in lives:
                lives[i][1] = step
    for i in map(int, graph.outputs):
        lives[i][1] = len(graph.operators)
    return [
        simple(lives[i][0], lives[i][1], prod(map(int, tensor.shape)) * ELEMENT_BYTES[tensor.type], f"tensor {i}")
        for i, tensor in enumerate(graph.tensors)
        if i in lives
    ]


def micro_head(content: bytes, capfd: pytest.CaptureFixture[str]) -> int:
    """Bytes of the head, as the recording allocator prints them."""
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(content, arena_size=1 << 20)
    capfd.readouterr()
    interpreter.print_allocations()
    printed = capfd.readouterr()
    found = re.search(r"Arena allocation head (\d+) bytes", printed.out + printed.err)
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("name", HEADS)
def test_the_peak_is_the_head_of_the_arena(name: str, shared_data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = (shared_data / name).read_bytes()
    placement = greedy_by_size(tensor_blocks(content))
    assert placement.peak_bytes == micro_head(content, capfd) == HEADS[name]


@pytest.mark.parametrize("name", HEADS)
def test_ours_is_no_larger_and_proved(name: str, shared_data: Path) -> None:
    placement = place_blocks(tensor_blocks((shared_data / name).read_bytes()))
    assert placement.proved
    assert placement.peak_bytes <= HEADS[name]


def unit_graph(name: str) -> Graph:
    """A published net with weights of 1: the memory it takes is that of any weights."""
    spec = net(name)
    weights = {layer.name: np.ones(layer.weight_shape) for layer in spec.weighted}
    biases = {layer.name: np.zeros(layer.outputs) for layer in spec.weighted}
    ranges = {layer.name: (-1.0, 1.0) for layer in spec.layers}
    float_net = FloatNet(spec=spec, weights=weights, biases=biases)
    return with_ranges(float_net, ranges, Encoding(scale=1 / 64, zero_point=0))


@pytest.mark.parametrize(
    "name, head",
    [
        ("mcunet-in1@96", 153_728),
        ("mcunet-in3@176", 416_832),
        ("proxyless@176", 388_992),
        ("proxyless@64", 55_680),
        ("mbv2@64", 104_640),
    ],
)
def test_published_nets_as_files_take_the_head_that_greedy_plans(
    name: str, head: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """A file pads before its convolutions, in maps of their own, which is why these exceed the arenas of the maps."""
    from tests.node.engine.tflite_file import TfliteFile

    content = TfliteFile(unit_graph(name)).content()
    placement = greedy_by_size(tensor_blocks(content))
    assert placement.peak_bytes == micro_head(content, capfd) == head
    assert (placement.peak_bytes > placement.bound_bytes) == (name == "mcunet-in3@176")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=graphs(head=False, kinds=WEIGHTED))
def test_drawn_nets_take_the_head_that_greedy_plans(graph: Graph, capfd: pytest.CaptureFixture[str]) -> None:
    """Small maps of few sizes: equals, whose order the planner decides, are common."""
    from tests.node.engine.tflite_file import TfliteFile

    content = TfliteFile(graph).content()
    assert greedy_by_size(tensor_blocks(content)).peak_bytes == micro_head(content, capfd)
