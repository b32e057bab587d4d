"""Real models against TensorFlow Lite Micro: every tensor of the file that is a map of the graph, 100 inputs each.

Inputs are real where there are any of the kind: spoken digits, pictures of people, drawn characters; random otherwise.
The engine keeps every map; the NumPy reference and the plain interpreter see a few of the same inputs.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("tflite_micro", reason="TensorFlow Lite Micro comes as a wheel for Linux on x86-64 only")

from fleet.base.rng import draws32, key
from fleet.node.engine.host import Variant
from fleet.node.model.graph import Form, Graph
from fleet.node.model.reference import forward
from fleet.node.model.tflite import import_tflite
from tests.node.engine.roomy import roomy_inference
from tests.node.model.tflite.micro import assert_same, engine_map, interpreter, micro_maps

INPUTS = 100
FEW = 3
BMP_HEAD_BYTES = 1078  # rows follow, the lowest first
Values = NDArray[Any]


def random_values(graph: Graph, _: Path) -> Iterator[Values]:
    """Any int8."""
    for i in range(INPUTS):
        draws = draws32(key(3, i), 0, graph.input.size) >> 24
        yield (draws.astype(np.int64) - 128).astype(np.int8).reshape(graph.input.shape)


def every_value(graph: Graph, _: Path) -> Iterator[Values]:
    """Of a network of one number, all there are."""
    for value in range(-128, 128):
        yield np.full(graph.input.shape, value, dtype=np.int8)


def digits(graph: Graph, folder: Path) -> Iterator[Values]:
    """Spoken digits, moved to the scale of the input."""
    with np.load(folder / "fsdd" / "fsdd_mfcc_int8.npz") as data:
        real = float(data["scale"]) * (data["x"].astype(np.float64) - int(data["zero_point"]))
    steps = np.rint(real / graph.input.scale) + graph.input.zero_point
    yield from np.clip(steps, -128, 127).astype(np.int8)[:: len(steps) // INPUTS][:INPUTS]


def pictures(graph: Graph, folder: Path) -> Iterator[Values]:
    """One picture with a person and one without, moved about; cut to the size of the input, grey in all channels."""
    height, width, channels = graph.input.shape
    for i in range(INPUTS):
        name = ("person.bmp", "no_person.bmp")[i % 2]
        pixels = np.frombuffer((folder / "tflm" / name).read_bytes()[BMP_HEAD_BYTES:], dtype=np.int8).reshape(96, 96)[
            ::-1
        ]
        moved = np.roll(pixels, (-(i // 2 * 5), -(i // 2 * 3)), axis=(0, 1))[:height, :width]
        yield np.repeat(moved[..., None], channels, axis=2)


def characters(graph: Graph, folder: Path) -> Iterator[Values]:
    """Drawn characters as real numbers from 0 to 1."""
    with np.load(folder / "omniglot" / "omniglot.npz") as data:
        drawn = data["x"][:: len(data["x"]) // INPUTS][:INPUTS]
    yield from (drawn.astype(np.float32) / np.float32(255)).reshape(-1, *graph.input.shape)


Source = Callable[[Graph, Path], Iterator[Values]]
MODELS: dict[str, tuple[Source, ...]] = {
    "mlperf-tiny/kws_ref_model": (digits,),
    "mlperf-tiny/vww_96_int8": (pictures,),
    "mlperf-tiny/pretrainedResnet_quant": (pictures, random_values),
    "tflm/person_detect": (pictures,),
    "tflm/hello_world_int8": (every_value,),
    "tinyengine-lenet/ptq_mnist_lenet-300-100": (characters,),
    "tinyengine-lenet/ptq_mnist_lenet-300-100_nobias": (characters,),
}
CASES = [(name, source) for name, sources in MODELS.items() for source in sources]


def assert_model_agrees(path: Path, inputs: Iterator[Values]) -> int:
    """How many inputs were compared, every map of each."""
    found = import_tflite(path)
    graph, micro = found.graph, interpreter(path.read_bytes())
    best, plain = roomy_inference(graph), roomy_inference(graph, variant=Variant.PLAIN)
    size = sum(graph.tensor(name).size for name in found.tensors)
    count = 0
    for count, values in enumerate(inputs, 1):
        expected = micro_maps(micro, found, {graph.input.name: values})
        assert sum(values.size for values in expected.values()) == size
        for node in (best, plain)[: 2 if count <= FEW else 1]:
            node.outputs(values[None])
            for name in expected:
                assert_same(name, engine_map(node, graph, name), expected[name])
        if count <= FEW:
            maps = forward(graph, values).maps
            for name in expected:
                assert_same(name, np.asarray(maps[name]), expected[name])
    return count


@pytest.mark.parametrize("name, source", CASES, ids=[f"{name.split('/')[1]} {s.__name__}" for name, s in CASES])
def test_every_map_of_a_real_model_is_that_of_tflite_micro(name: str, source: Source, shared_data: Path) -> None:
    path = shared_data / f"{name}.tflite"
    graph = import_tflite(path).graph
    assert assert_model_agrees(path, source(graph, shared_data)) >= INPUTS


def test_nothing_is_left_out_but_a_softmax_in_float(shared_data: Path) -> None:
    left_out = {name: import_tflite(shared_data / f"{name}.tflite").left_out for name in MODELS}
    softmax = ("operator 6 LOG_SOFTMAX (makes '83')",)
    assert left_out == {name: softmax if "lenet" in name else () for name in MODELS}


def test_the_pictures_are_told_apart(shared_data: Path) -> None:
    """Published answers of the detector: a person at [-113, 113], none at [57, -57]."""
    graph = import_tflite(shared_data / "tflm" / "person_detect.tflite").graph
    answers = [
        roomy_inference(graph).outputs(x[None])[graph.outputs[0]].ravel() for x in _first_two(graph, shared_data)
    ]
    assert [answer.tolist() for answer in answers] == [[-113, 113], [57, -57]]


def _first_two(graph: Graph, folder: Path) -> list[Values]:
    taken = pictures(graph, folder)
    return [next(taken), next(taken)]


def test_float_edges_are_kept(shared_data: Path) -> None:
    graph = import_tflite(shared_data / "tinyengine-lenet" / "ptq_mnist_lenet-300-100.tflite").graph
    assert (graph.input.form, graph.tensor(graph.outputs[0]).form) == (Form.FLOAT32, Form.FLOAT32)
