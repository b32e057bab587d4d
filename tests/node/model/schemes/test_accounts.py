"""Published counts come out of the block lists: labels of schemes, tables of baselines, peaks of an engine."""

from fractions import Fraction
from math import floor

import pytest

from fleet.node.model.schemes import (
    PUBLISHED_SCHEMES,
    all_layers,
    last_biases,
    last_layers,
    published_scheme,
    sparse_layers,
    tiny_training_count,
    tinyengine_count,
    tinytl_count,
)
from fleet.node.model.zoo import zoo_net
from fleet.node.model.zoo.blocks import Blocks
from fleet.node.model.zoo.structure import Clip

COMPUTED = {
    "mbv2-w0.35": {"49kb": 49.70, "73kb": 73.77, "99kb": 99.30, "123kb": 123.45, "138kb": 138.14},
    "mcunet-5fps": {"49kb": 49.59, "74kb": 74.66, "99kb": 99.69, "124kb": 124.81, "148kb": 148.25},
    "proxyless-w0.3": {"49kb": 49.56, "74kb": 74.78, "98kb": 98.44, "120kb": 120.16, "148kb": 148.12},
}
SCHEMES = [(net, label) for net, labels in COMPUTED.items() for label in labels]


def test_fifteen_schemes_are_published() -> None:
    assert [(net, label) for net in COMPUTED for label in PUBLISHED_SCHEMES[net]] == SCHEMES
    assert len(SCHEMES) == 15


@pytest.mark.parametrize("net, label", SCHEMES)
def test_the_label_of_a_scheme_is_its_count(net: str, label: str) -> None:
    count = tiny_training_count(zoo_net(net), published_scheme(zoo_net(net), label))
    assert f"{floor(count.kib)}kb" == label
    assert count.layers_kib == pytest.approx(COMPUTED[net][label], abs=0.006)


@pytest.mark.parametrize("net, features", [("mcunet-5fps", 160), ("mbv2-w0.35", 112), ("proxyless-w0.3", 96)])
def test_the_classifier_adds_its_input(net: str, features: int) -> None:
    assert tiny_training_count(zoo_net(net), last_layers(zoo_net(net), 1)).features_bytes == features


@pytest.mark.parametrize(
    "net, six, twelve, full, biases, twenty",
    [
        ("mcunet-5fps", 276.3, 448.0, 1400.4, 121.3, 34.2),
        ("mbv2-w0.35", 129.5, 223.7, 1306.4, 134.2, 28.8),
        ("proxyless-w0.3", 139.3, 266.4, 1210.7, 113.4, 23.2),
    ],
)
def test_the_baselines_of_the_paper(
    net: str, six: float, twelve: float, full: float, biases: float, twenty: float
) -> None:
    spec = zoo_net(net)
    layers = last_layers(spec, 6), last_layers(spec, 12), all_layers(spec)
    counts = [tiny_training_count(spec, s) for s in (*layers, last_biases(spec), last_biases(spec, 20))]
    assert [count.kib for count in counts] == pytest.approx([six, twelve, full, biases, twenty], abs=0.051)


def test_the_last_twelve_layers_of_mcunet_take_the_published_448_kb() -> None:
    spec = zoo_net("mcunet-5fps")
    count = tiny_training_count(spec, last_layers(spec, 12))
    assert round(count.kib) == 448
    biases = tiny_training_count(spec, last_biases(spec))
    assert (biases.bias_bytes / 1024, biases.mask_bits / 8192) == pytest.approx((23.47, 97.66), abs=0.01)


def test_a_share_is_of_input_channels_of_depthwise_channels_and_of_those_of_a_group() -> None:
    net = Blocks((8, 8, 4))
    net.conv("stem", 12, (3, 3))
    net.depthwise("dw", (3, 3), (2, 2))
    net.head(2)
    spec = net.net("small")
    half = {0: Fraction(1, 2), 1: Fraction(1, 2)}
    count = tiny_training_count(spec, sparse_layers(spec, biases=2, ratios=half))
    assert count.saved_bytes == 64 * 2 + 64 * 6
    assert count.weight_bytes == 12 * 9 * 2 + 9 * 6
    assert count.bias_bytes == 4 * (12 + 12)
    assert count.mask_bits == 64 * 12 + 16 * 12
    assert count.features_bytes == 16 * 12


# --- TinyTL ------------------------------------------------------------------------------------------------------


def test_tinytl_counts_parameters_inputs_of_trained_layers_and_the_layer_that_runs() -> None:
    """By hand: a residual block of 8x8x4, whose maps are 1,024 bytes of float32, behind a stem; 10 classes."""
    net = Blocks((8, 8, 4))
    entry = net.conv("stem", 4, clip=Clip.RELU)
    net.conv("block1.pw1", 8, clip=Clip.RELU6)
    net.depthwise("block1.dw", (3, 3), clip=Clip.RELU6)
    net.conv("block1.pw2", 4, clip=Clip.NONE)
    net.add("block1.add", entry)
    net.pool()
    net.head(10)
    spec = net.net("small")
    weights, biases = 16 + 32 + 72 + 32 + 40, 4 + 8 + 8 + 4 + 10
    head = tinytl_count(spec, sparse_layers(spec, biases=0, ratios={}))
    assert (head.trained_bytes, head.frozen_bytes) == (4 * 50, weights + biases - 50)
    masks = (256 + 512 + 512) // 8  # saved when pw2 runs
    assert head.activation_bits == 8 * (masks + 2048 + 1024 + 1024)  # its input, its output, the skip
    full = tinytl_count(spec, all_layers(spec))
    saved = 1024 + 1024 + 2048  # inputs of stem, pw1, dw
    assert full.activation_bits == 8 * (saved + masks + 2048 + 1024 + 1024)
    assert full.total_bytes(batch=2) == 4 * (weights + biases) + full.activation_bits // 4


def test_biases_save_nothing_in_tinytls_count_and_last_layers_their_inputs() -> None:
    spec = zoo_net("proxyless-w0.3")
    head, biases = (
        tinytl_count(spec, scheme) for scheme in (sparse_layers(spec, biases=0, ratios={}), last_biases(spec))
    )
    assert biases.activation_bits == head.activation_bits
    assert biases.trained_bytes - head.trained_bytes == 4 * (head.frozen_bytes - biases.frozen_bytes) > 0
    assert tinytl_count(spec, all_layers(spec)).total_bytes() > 5 * biases.total_bytes()


# --- TinyEngine --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "net, side, maps_kib, published_kb",
    [
        ("mcunet-5fps", 96, 90, 96),
        ("mcunet-in3", 176, 242, 260),
        ("proxyless-w0.3", 176, 242, 259),
        ("proxyless-w0.3", 64, 32, 35),
    ],
)
def test_the_peaks_that_tinyengine_measured(net: str, side: int, maps_kib: int, published_kb: int) -> None:
    """Source: README of mit-han-lab/tinyengine, peak memory on an STM32H743."""
    count = tinyengine_count(zoo_net(net, shape=(side, side, 3)))
    assert count.maps_bytes == maps_kib * 1024
    assert round(count.peak_bytes / 1024) == published_kb


def test_the_scratch_of_the_published_training_demo() -> None:
    """Its header says 180,224 bytes of maps and gradients, 8,712 of im2col, 864 of kernels, 189,800 in all."""
    spec = zoo_net("mcunet-5fps")
    count = tinyengine_count(spec, published_scheme(spec, "49kb"), maps_bytes=180_224)
    assert (count.im2col_bytes, count.kernel_bytes, count.peak_bytes) == (8_712, 864, 189_800)
    sparse = tiny_training_count(spec, published_scheme(spec, "49kb"))
    assert count.trainable_bytes == sparse.weight_bytes + sparse.bias_bytes + 160 * 1000 + 4 * 1000
