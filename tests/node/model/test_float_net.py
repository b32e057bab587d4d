"""Every layer of a float network against its definition, written out loop by loop."""

import numpy as np
import pytest

from fleet.node.model.float_net import FloatNet, curve, float_maps
from fleet.node.model.graph import Curve
from fleet.node.model.zoo import Clip, Kind, Layer, NetSpec

SHAPE = (5, 4, 4)
RNG = np.random.default_rng(8)
X = RNG.normal(size=(2, *SHAPE))


def made(*layers: Layer, weights: dict | None = None, biases: dict | None = None) -> np.ndarray:
    """The last layer's map."""
    spec = NetSpec(name="net", input_shape=SHAPE, layers=layers)
    maps = float_maps(FloatNet(spec=spec, weights=weights or {}, biases=biases or {}), X)
    assert all(maps[layer.name].shape[1:] == spec.shapes[layer.name] for layer in layers)
    return maps[layers[-1].name]


def windows(layer: Layer, x: np.ndarray, border: float):
    """(place, window [KH, KW, C]) of one map."""
    top, left, bottom, right = layer.pad
    padded = np.pad(x, ((top, bottom), (left, right), (0, 0)), constant_values=border)
    rows, columns = layer.out_size(*x.shape[:2])
    for i in range(rows):
        for j in range(columns):
            at = (i * layer.stride[0], j * layer.stride[1])
            yield (i, j), padded[at[0] : at[0] + layer.kernel[0], at[1] : at[1] + layer.kernel[1]]


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_convolution_reads_the_channels_of_its_group(groups: int) -> None:
    layer = Layer(
        name="y", kind=Kind.CONV, inputs=4, outputs=8, kernel=(3, 2), stride=(2, 1), pad=(2, 0, 1, 1), groups=groups
    )
    weight, bias = RNG.normal(size=layer.weight_shape), RNG.normal(size=8)
    y = made(layer, weights={"y": weight}, biases={"y": bias})
    for n in range(2):
        for place, window in windows(layer, X[n], 0.0):
            for o in range(8):
                first = (o // (8 // groups)) * (4 // groups)
                wanted = (window[:, :, first : first + 4 // groups] * weight[o]).sum() + bias[o]
                assert y[n][place][o] == pytest.approx(wanted, rel=1e-12, abs=1e-12)


def test_a_depthwise_layer_gives_each_channel_its_multiplier() -> None:
    layer = Layer(name="y", kind=Kind.DEPTHWISE, inputs=4, outputs=8, kernel=(2, 3), pad=(0, 1, 1, 1))
    weight, bias = RNG.normal(size=layer.weight_shape), RNG.normal(size=8)
    y = made(layer, weights={"y": weight}, biases={"y": bias})
    for place, window in windows(layer, X[1], 0.0):
        for o in range(8):
            wanted = (window[:, :, o // 2] * weight[:, :, o]).sum() + bias[o]
            assert y[1][place][o] == pytest.approx(wanted, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("kind", [Kind.AVERAGE_POOL, Kind.MAX_POOL])
def test_pools_count_places_on_the_map_only(kind: Kind) -> None:
    layer = Layer(name="y", kind=kind, inputs=4, outputs=4, kernel=(3, 3), stride=(2, 2), pad=(1, 1, 1, 1))
    y = made(layer)
    for place, window in windows(layer, X[0], np.nan):
        wanted = np.nanmean(window, axis=(0, 1)) if kind is Kind.AVERAGE_POOL else np.nanmax(window, axis=(0, 1))
        np.testing.assert_allclose(y[0][place], wanted, rtol=1e-12)


def test_dense_layers_read_the_map_as_it_lies() -> None:
    layer = Layer(name="y", kind=Kind.FULLY_CONNECTED, inputs=80, outputs=3, clip=Clip.RELU6)
    weight, bias = RNG.normal(size=(3, 80)), RNG.normal(size=3)
    y = made(layer, weights={"y": weight}, biases={"y": bias})
    np.testing.assert_allclose(y[:, 0, 0], np.clip(X.reshape(2, 80) @ weight.T + bias, 0, 6), rtol=1e-12)


def test_sums_and_products_repeat_sides_of_one() -> None:
    pool = Layer(name="pool", kind=Kind.POOL, inputs=4, outputs=4)
    mean = X.mean(axis=(1, 2), keepdims=True)
    for kind, wanted in ((Kind.ADD, X + mean), (Kind.MUL, X * mean)):
        joined = Layer(name="y", kind=kind, inputs=4, outputs=4, xs=("input", "pool"), clip=Clip.RELU)
        np.testing.assert_allclose(made(pool, joined), np.maximum(wanted, 0), rtol=1e-12)


def moving(kind, outputs=4, **more):
    return Layer(name="y", kind=kind, inputs=4, outputs=outputs, **more)


def test_values_move_and_stay_what_they_are() -> None:
    cases = [
        (moving(Kind.CONCAT, xs=("input", "input"), axes=(1,)), np.concatenate([X, X], axis=2)),
        (moving(Kind.TRANSPOSE, axes=(2, 0, 1)), X.transpose(0, 3, 1, 2)),
        (moving(Kind.RESHAPE, shape=(2, 10, 4)), X.reshape(2, 2, 10, 4)),
        (moving(Kind.RESIZE, shape=(10, 4, 4)), np.repeat(X, 2, axis=1)),
        (
            moving(Kind.PAD, pad=(1, 0, 0, 2), value=7.0),
            np.pad(X, ((0, 0), (1, 0), (0, 2), (0, 0)), constant_values=7),
        ),
        (moving(Kind.MEAN, outputs=1, axes=(0, 2)), X.mean(axis=(1, 3), keepdims=True)),
    ]
    for layer, wanted in cases:
        np.testing.assert_array_equal(made(layer), wanted)


def test_a_constant_is_one_value_for_all() -> None:
    constant = Layer(name="c", kind=Kind.CONSTANT, inputs=1, outputs=1, value=-2.5)
    total = Layer(name="y", kind=Kind.ADD, inputs=4, outputs=4, xs=("input", "c"))
    np.testing.assert_array_equal(made(constant, total), X - 2.5)


def test_curves_are_their_definitions() -> None:
    x = np.linspace(-8, 8, 65)
    np.testing.assert_array_equal(curve(Curve.RELU, x), np.where(x > 0, x, 0))
    np.testing.assert_array_equal(curve(Curve.RELU6, x), np.minimum(np.where(x > 0, x, 0), 6))
    np.testing.assert_allclose(curve(Curve.LOGISTIC, x), np.exp(x) / (1 + np.exp(x)), rtol=1e-12)
    inner = np.where(x <= -3, 0, np.where(x >= 3, x, x * (x + 3) / 6))
    np.testing.assert_allclose(curve(Curve.HARD_SWISH, x), inner, rtol=1e-12, atol=1e-12)


def test_what_is_read_is_never_changed() -> None:
    before = X.copy()
    made(Layer(name="a", kind=Kind.CURVE, inputs=4, outputs=4, curve=Curve.RELU))
    made(Layer(name="a", kind=Kind.ADD, inputs=4, outputs=4, xs=("input", "input"), clip=Clip.RELU))
    np.testing.assert_array_equal(X, before)
