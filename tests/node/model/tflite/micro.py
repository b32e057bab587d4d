"""Every tensor of a .tflite file as TensorFlow Lite Micro computes it, against the imported graph."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tflite_micro.python.tflite_micro import runtime

from fleet.base.rng import draws32, key
from fleet.node.engine.binding import Node
from fleet.node.model.graph import Form, Graph
from fleet.node.model.reference import forward
from fleet.node.model.tflite import Import, imported
from tests.node.engine.roomy import roomy_inference

Feed = Mapping[str, NDArray[Any]]
ARENA_BYTES = 4 << 20
TYPES = {Form.INT8: np.int8, Form.UINT8: np.uint8, Form.FLOAT32: np.float32}


def assert_equal_maps(content: bytes, feeds: Sequence[Feed] | int = 3) -> int:
    """How many numbers the NumPy reference and the engine were compared by, over all feeds and maps of the file."""
    found = imported(content, "file.tflite", "file")
    inputs = random_feeds(found.graph, feeds) if isinstance(feeds, int) else feeds
    micro, node = interpreter(content), roomy_inference(found.graph)
    compared = 0
    for feed in inputs:
        expected = micro_maps(micro, found, feed)
        maps = forward(found.graph, feed).maps
        node.outputs({name: values[None] for name, values in feed.items()})
        for name, values in expected.items():
            assert_same(name, np.asarray(maps[name]), values)
            assert_same(name, engine_map(node, found.graph, name), values)
            compared += values.size
    return compared


def assert_same(name: str, got: NDArray[Any], expected: NDArray[Any]) -> None:
    wrong = int((got.ravel() != expected).sum())
    assert wrong == 0, f"{name}: {wrong} of {expected.size} numbers differ"


def engine_map(node: Node, graph: Graph, name: str) -> NDArray[Any]:
    """A map where the engine left it."""
    return node._bytes_of(name).view(TYPES[graph.tensor(name).form])


def interpreter(content: bytes, arena_bytes: int = ARENA_BYTES) -> Any:
    """TensorFlow Lite Micro over the file, every tensor kept."""
    keep = runtime.InterpreterConfig.kPreserveAllTensors
    return runtime.Interpreter.from_bytes(content, arena_size=arena_bytes, intrepreter_config=keep)


def micro_maps(micro: Any, found: Import, feed: Feed) -> dict[str, NDArray[Any]]:
    """Every map by name, flat."""
    for place, name in enumerate(found.graph.inputs):
        sides = micro.get_input_details(place)["shape"]
        values = feed[name].reshape(sides).astype(TYPES[found.graph.tensor(name).form])
        micro.set_input(values, place)
    micro.invoke()
    return {name: micro.GetTensor(at, 0)["tensor_data"].ravel().copy() for name, at in found.tensors.items()}


def random_feeds(graph: Graph, count: int, seed: int = 0) -> list[dict[str, NDArray[Any]]]:
    """Inputs over the whole range of their type; float32 ones over that of the int8 they become."""
    return [
        {name: _random(graph, name, key(seed, i, at)) for at, name in enumerate(graph.inputs)} for i in range(count)
    ]


def _random(graph: Graph, name: str, key: int) -> NDArray[Any]:
    tensor = graph.tensor(name)
    draws = (draws32(key, 0, tensor.size) >> 24).astype(np.int64).reshape(tensor.shape)
    match tensor.form:
        case Form.INT8:
            return (draws - 128).astype(np.int8)
        case Form.UINT8:
            return draws.astype(np.uint8)
        case Form.FLOAT32:
            after = [
                graph.tensor(op.y) for op in graph.ops if op.x == name and graph.tensor(op.y).form is not tensor.form
            ]
            scale, zero = (after[0].scale, after[0].zero_point) if after else (0.05, 0)
            fine = (draws32(key, tensor.size, tensor.size) >> 20).astype(np.float64).reshape(tensor.shape) / 4096
            return ((draws - 128 + fine * 1.5 - zero) * scale).astype(np.float32)
