"""The nets are the published ones."""

from fractions import Fraction
from math import floor, prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fleet.base.errors import InputError
from fleet.node.model.graph import Conv2d, Depthwise, Reshape, Softmax, macs
from fleet.node.model.tflite.load import load_tflite
from fleet.node.model.zoo import ZOO, Clip, Kind, NetSpec, shipped_model, zoo_net


def convolutions(net: NetSpec) -> list:
    return [layer for layer in net.weighted if layer.kind in (Kind.CONV, Kind.DEPTHWISE)]


def test_the_quickstart_net_has_the_published_parameters_and_work() -> None:
    graph = shipped_model("imu-ds-cnn", "seglearn-watch", 0)
    assert graph.parameters == 17_359 == zoo_net("imu-ds-cnn", 7).parameters
    assert sum(macs(graph, op) for op in graph.ops) == 154_424 == zoo_net("imu-ds-cnn", 7).macs


def test_the_quickstart_net_has_the_operators_that_schemes_name() -> None:
    graph = shipped_model("imu-ds-cnn", "seglearn-watch", 0)
    blocks = [f"block{b}.{part}" for b in (1, 2, 3, 4) for part in ("dw", "pw")]
    assert [op.name for op in graph.ops] == ["stem", *blocks, "pool", "head"]
    assert [isinstance(op, Depthwise) for op in graph.ops[1:9]] == [True, False] * 4
    shapes = [graph.tensor(op.y).shape for op in graph.ops]
    assert [shape[0] for shape in shapes] == [25, 13, 13, 13, 13, 7, 7, 7, 7, 1, 1]
    assert [shape[2] for shape in shapes] == [24, 24, 48, 48, 64, 64, 64, 64, 96, 96, 7]


@pytest.mark.parametrize(
    "name, classes, shape, parameters, work",
    [
        ("ds-cnn", None, None, 22_604, 2_656_768),
        ("resnet-8", None, None, 77_706, 12_501_632),
        ("ad-autoencoder", None, None, 265_864, 264_192),
        ("mcunet-5fps", None, (96, 96, 3), 630_224, 12_790_096),  # published: 12.8 M as mcunet-in1
        ("mcunet-5fps", None, None, 630_224, 22_613_504),
        ("mcunet-in3", None, None, 729_720, 81_785_520),  # published: 81.8 M
        ("signal-resnet", 5, None, 18_525, 254_216),
        ("signal-resnet", 10, (49, 1, 10), 19_330, 266_536),
    ],
)
def test_nets_have_their_published_parameters_and_work(
    name: str, classes: int | None, shape: tuple[int, int, int] | None, parameters: int, work: int
) -> None:
    net = zoo_net(name, classes, shape)
    assert (net.parameters, net.macs) == (parameters, work)


@pytest.mark.parametrize(
    "name, count, weights, work",
    [
        ("mcunet-5fps", 42, 463_216, 22_453_504),
        ("mbv2-w0.35", 51, 238_688, 16_646_912),
        ("proxyless-w0.3", 60, 320_816, 18_619_904),
    ],
)
def test_nets_that_train_on_boards_have_their_published_convolutions(
    name: str, count: int, weights: int, work: int
) -> None:
    net = zoo_net(name)
    layers = convolutions(net)
    assert len(layers) == count
    assert sum(prod(layer.weight_shape) for layer in layers) == weights
    assert sum(net.macs_of(layer) for layer in layers) == work


@pytest.mark.parametrize("name, file", [("ds-cnn", "kws_ref_model"), ("resnet-8", "pretrainedResnet_quant")])
def test_nets_are_those_of_the_published_model_files(name: str, file: str, shared_data: Path) -> None:
    """Weights, strides, borders and shapes, in order; the files end in a reshape and a softmax besides."""
    graph = load_tflite(shared_data / "mlperf-tiny" / f"{file}.tflite")
    ours, theirs = zoo_net(name), [op for op in graph.ops if not isinstance(op, Reshape | Softmax)]
    assert len(theirs) == len(ours.layers)
    for layer, op in zip(ours.layers, theirs, strict=True):
        assert graph.tensor(op.y).shape == ours.shapes[layer.name]
        assert getattr(op, "weight", np.empty(())).shape == layer.weight_shape
        if isinstance(op, Conv2d | Depthwise):
            assert (op.stride, op.pad) == (layer.stride, layer.pad)


Scheme = tuple[int, int, tuple[int, ...], tuple[float, ...]]
SCHEMES: dict[
    str, list[Scheme]
] = {  # name: label in KB, biases of the last n convolutions, weights of these ones, share of their inputs
    "mbv2-w0.35": [
        (49, 16, (36, 39, 40, 41, 42, 45, 48, 49), (1, 1, 0, 0.25, 0.125, 0.125, 0.125, 0.125)),
        (73, 20, (32, 33, 36, 39, 41, 42, 45, 48), (0.125, 0.5, 0.5, 1, 0.25, 0.125, 0.125, 1)),
        (99, 25, (27, 30, 33, 36, 39, 42, 45, 48), (1, 1, 1, 1, 1, 0.125, 0.5, 1)),
        (123, 31, (27, 30, 33, 36, 39, 42, 45, 48), (1, 1, 1, 1, 1, 0.5, 1, 1)),
        (138, 34, (27, 30, 33, 36, 39, 42, 45, 48), (1,) * 8),
    ],
    "mcunet-5fps": [
        (49, 20, (23, 24, 27, 30, 33, 39), (0, 0.25, 0.5, 0.5, 0, 0)),
        (74, 21, (21, 23, 24, 26, 27, 30), (1, 0, 1, 0, 0.5, 1)),
        (99, 22, (21, 24, 27, 30, 36, 39), (1, 1, 1, 1, 0.125, 0.25)),
        (124, 24, (21, 24, 27, 30, 33, 39), (0.25, 1, 1, 1, 0.5, 0.5)),
        (148, 23, (21, 24, 27, 30, 36, 39), (1, 1, 1, 1, 1, 0.5)),
        (448, 12, tuple(range(30, 42)), (1,) * 12),
    ],
    "proxyless-w0.3": [
        (49, 21, (39, 42, 44, 45, 50, 51, 54, 57), (0.25, 1, 0, 1, 0, 0.125, 0.25, 0.25)),
        (74, 28, (33, 36, 39, 42, 45, 51, 54, 57), (0.5, 0.25, 1, 1, 1, 0.5, 0.25, 0.5)),
        (98, 25, (36, 39, 42, 45, 48, 51, 54, 57), (1, 0.5, 1, 1, 0.25, 0.5, 1, 1)),
        (120, 32, (36, 39, 42, 45, 48, 51, 54, 57), (1, 1, 1, 1, 0.5, 1, 1, 1)),
        (148, 45, (36, 39, 42, 45, 48, 51, 54, 57), (1,) * 8),
    ],
}


def training_bits(net: NetSpec, biases: int, weights: tuple[int, ...], ratios: tuple[float, ...]) -> int:
    """What a step remembers and changes beyond inference, as Lin et al. 2022 count it: their nelem_saved_for_backward.

    A clip mask of one bit and an int32 bias per updated layer; int8 weights and inputs of the updated channels.
    """
    layers = convolutions(net)
    bits = net.layers[-1].inputs * 8
    for number in range(len(layers) - biases, len(layers)):
        layer = layers[number]
        bits += prod(net.shapes[layer.name]) + layer.outputs * 32
        if number in weights:
            channels = floor(Fraction(ratios[weights.index(number)]) * layer.inputs)
            height, width, _ = net.shapes[layer.xs[0]]
            outputs = 1 if layer.kind is Kind.DEPTHWISE else layer.outputs
            bits += 8 * channels * (height * width + outputs * prod(layer.kernel))
    return bits


@pytest.mark.parametrize("name", SCHEMES)
def test_block_lists_give_the_published_memory_of_sparse_schemes(name: str) -> None:
    """A wrong channel count, kernel, stride or order of blocks would show in one of sixteen numbers."""
    net = zoo_net(name)
    for label, biases, weights, ratios in SCHEMES[name]:
        assert training_bits(net, biases, weights, ratios) // (8 * 1024) == label


def test_the_head_grows_with_the_classes_and_nothing_else_does() -> None:
    for name in ZOO:
        five, seven = zoo_net(name, 5), zoo_net(name, 7)
        assert (five.classes, seven.classes) == (5, 7)
        assert five.layers[:-1] == seven.layers[:-1]


@pytest.mark.parametrize("name", ["ds-cnn", "resnet-8", "mcunet-5fps", "mcunet-in3", "mbv2-w0.35", "proxyless-w0.3"])
@pytest.mark.parametrize("side", [1, 7, 33, 64])
def test_nets_for_pictures_read_any_side(name: str, side: int) -> None:
    published = zoo_net(name)
    net = zoo_net(name, shape=(side, side + 1, published.input_shape[2]))
    assert net.input_shape == (side, side + 1, published.input_shape[2])
    assert [layer.weight_shape for layer in net.weighted[:-1]] == [
        layer.weight_shape for layer in published.weighted[:-1]
    ]
    assert min(min(shape) for shape in net.shapes.values()) >= 1


def test_skips_add_maps_of_one_shape() -> None:
    for name in ZOO:
        net = zoo_net(name)
        for layer in net.layers:
            if layer.kind is Kind.ADD:
                assert {net.shapes[x] for x in layer.xs} == {net.shapes[layer.name]}


def test_bottlenecks_end_linear_and_their_insides_at_six() -> None:
    for layer in convolutions(zoo_net("mcunet-5fps")):
        assert layer.clip is (Clip.NONE if layer.name.endswith("pw2") else Clip.RELU6)


def test_an_unknown_net_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"model.zoo: expected one of .*, got 'imu-dscnn'; did you mean 'imu-ds-cnn'"):
        zoo_net("imu-dscnn", 7)
    with pytest.raises(InputError, match=r"got 'quadratic'; choose one of them"):
        zoo_net("quadratic", 7)


@pytest.mark.parametrize(
    "name, classes, shape, said",
    [
        ("ad-autoencoder", 10, None, "expected a net that recognises classes, got ad-autoencoder"),
        ("ds-cnn", 0, None, "expected a whole number of classes from 1 to 65536, got 0; count those of the data"),
        ("ds-cnn", "10", None, "expected a whole number of classes from 1 to 65536, got '10'"),
        ("ds-cnn", 10.0, None, "expected a whole number of classes from 1 to 65536, got 10.0"),
        ("ds-cnn", True, None, "expected a whole number of classes from 1 to 65536, got True"),
        ("ds-cnn", 10**12, None, "expected a whole number of classes from 1 to 65536, got 1000000000000"),
        ("mcunet-5fps", 7, (96, 96), r"expected \(height, width, channels\) in whole numbers, got an input \(96, 96\)"),
        ("mcunet-5fps", 7, (1, 96, 96, 3), r"expected \(height, width, channels\) .*, got an input \(1, 96, 96, 3\)"),
        ("mcunet-5fps", 7, 96, r"expected \(height, width, channels\) in whole numbers, got an input 96 for mcunet"),
        ("mcunet-5fps", 7, "abc", r"expected \(height, width, channels\) in whole numbers, got an input 'abc'"),
        ("mcunet-5fps", 7, (), r"expected \(height, width, channels\) in whole numbers, got an input \(\) for mcunet"),
        ("mcunet-5fps", 7, (96.0, 96, 3), r"expected \(height, width, channels\) .*, got an input \(96.0, 96, 3\)"),
        ("imu-ds-cnn", 7, (50, 2, 6), r"expected a signal over time, \(H, 1, C\), got an input \[50, 2, 6\]"),
        ("mcunet-5fps", 7, (0, 64, 3), r"expected sides from 1 to 4096, got an input \[0, 64, 3\]"),
        ("mcunet-5fps", 7, (5000, 64, 3), r"expected sides from 1 to 4096, got an input \[5000, 64, 3\]"),
    ],
)
def test_what_a_net_cannot_be_is_refused(name: str, classes: Any, shape: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        zoo_net(name, classes, shape)


def test_a_shape_may_come_from_an_array() -> None:
    shape = zoo_net("mcunet-5fps", np.int64(7), list(np.zeros((64, 64, 3)).shape)).input_shape  # type: ignore[arg-type]
    assert shape == (64, 64, 3)
    with pytest.raises(InputError, match=r"model.zoo: expected one of .*, got"):
        zoo_net(None)  # type: ignore[arg-type]


def test_a_draw_that_does_not_ship_is_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match=r"model.pretrained: expected a model .* draw 10, got none shipped; name a"):
        shipped_model("imu-ds-cnn", "seglearn-watch", 10)
