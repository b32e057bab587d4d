"""Quantisation: every value within half a step of its float, every scale where the recipe puts it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.node.model.float_net import FloatNet, float_maps
from fleet.node.model.graph import BIAS_LIMIT, DEAD_SCALE, Dense, Depthwise, Graph, Weighted
from fleet.node.model.graph_file import load_graph, save_graph
from fleet.node.model.quantize import dequantized, quantize
from fleet.node.model.reference import forward
from fleet.node.model.zoo import zoo_net

SCALE = 1 / 64


def random_net(seed: int, spread: float = 1.0) -> FloatNet:
    """A net whose channels differ in size by up to 4^spread either way."""
    rng = np.random.default_rng(seed)
    spec = zoo_net("imu-ds-cnn", 7)
    weights, biases = {}, {}
    for layer in spec.weighted:
        shape = layer.weight_shape
        inputs = np.prod(shape) // layer.outputs
        weights[layer.name] = rng.normal(size=shape) * np.sqrt(2 / inputs)
        size = 4.0 ** rng.uniform(-spread, spread, layer.outputs)
        axis = -1 if shape[-1] == layer.outputs and len(shape) == 3 else 0
        weights[layer.name] *= np.expand_dims(size, [i for i in range(len(shape)) if i != axis % len(shape)])
        biases[layer.name] = rng.normal(size=layer.outputs) * 0.3
    return FloatNet(spec=spec, weights=weights, biases=biases)


def windows(seed: int, count: int = 24) -> np.ndarray:
    rng = np.random.default_rng([seed, 1])
    return np.clip(rng.normal(size=(count, 50, 1, 6)) * 50, -128, 127).astype(np.int8)


def quantized(net: FloatNet, x: np.ndarray) -> Graph:
    return quantize(net, x, input_scale=SCALE, input_zero=0)


def steps_of(op: Weighted) -> np.ndarray:
    """The weight scales, ready to multiply the weights."""
    return op.weight_scale if isinstance(op, Depthwise) else op.weight_scale.reshape(-1, *[1] * (op.weight.ndim - 1))


@pytest.fixture(scope="module")
def net() -> FloatNet:
    return random_net(3)


@pytest.fixture(scope="module")
def graph(net: FloatNet) -> Graph:
    return quantized(net, windows(3))


@given(seed=st.integers(0, 2**31), spread=st.floats(0, 3))
def test_every_weight_is_within_half_a_step_of_its_float(seed: int, spread: float) -> None:
    net = random_net(seed, spread)
    for op in quantized(net, windows(seed, 4)).weighted:
        step = steps_of(op).astype(np.float64)
        error = np.abs(op.weight * step - net.weights[op.name]) / step
        assert error.max() <= 0.5 + 127 * 2**-24  # the scale itself is rounded to a float32
        assert int(np.abs(op.weight.astype(int)).max()) <= 127


def test_the_largest_weight_of_a_channel_is_127(graph: Graph) -> None:
    for op in graph.weighted[:-1]:
        axes = tuple(range(op.weight.ndim - 1)) if isinstance(op, Depthwise) else tuple(range(1, op.weight.ndim))
        assert (np.abs(op.weight.astype(int)).max(axis=axes) == 127).all()


def test_the_head_has_one_scale_and_twice_the_range(graph: Graph, net: FloatNet) -> None:
    head = graph.head
    assert len(set(head.weight_scale.tolist())) == 1
    assert head.weight_scale[0] == np.float32(2 * np.abs(net.weights["head"]).max() / 127)
    assert int(np.abs(head.weight.astype(int)).max()) in (63, 64)


def test_every_bias_is_within_half_a_step_of_its_float(graph: Graph, net: FloatNet) -> None:
    for op in graph.weighted:
        step = graph.tensor(op.x).scale * op.weight_scale.astype(np.float64)
        assert (np.abs(op.bias * step - net.biases[op.name]) <= step / 2 * (1 + 1e-9)).all()


def test_activations_reach_from_zero_to_the_largest_seen(graph: Graph, net: FloatNet) -> None:
    maps = float_maps(net, SCALE * windows(3).astype(np.float64))
    for op in graph.weighted[:-1]:
        y = graph.tensor(op.y)
        assert y.zero_point == -128
        assert y.scale == float(np.float32(maps[op.name].max() / 255))


def test_the_pool_keeps_the_scale_of_its_input(graph: Graph) -> None:
    pool = graph.op("pool")
    x, y = graph.tensor(pool.x), graph.tensor(pool.y)
    assert (x.scale, x.zero_point) == (y.scale, y.zero_point)


def test_all_scales_are_float32_values(graph: Graph) -> None:
    assert all(t.scale == float(np.float32(t.scale)) for t in graph.tensors)
    assert all(op.weight_scale.dtype == np.float32 for op in graph.weighted)


def test_the_int8_net_follows_the_float_one(net: FloatNet, graph: Graph) -> None:
    """Logits within 5 % of their spread: nine layers round to 8 bits; seen 1 to 2 %."""
    x = windows(4)
    wanted = float_maps(net, SCALE * x.astype(np.float64))["head"][:, 0, 0]
    got = np.stack([forward(graph, window).logits for window in x]) / 256
    assert np.sqrt(np.mean((got - wanted) ** 2)) < 0.05 * wanted.std()


def test_a_dead_channel_gets_a_usable_scale_and_keeps_its_bias(net: FloatNet) -> None:
    weights, biases = dict(net.weights), dict(net.biases)
    weights["block1.pw"] = weights["block1.pw"].copy()
    weights["block1.pw"][5] = 1e-12
    biases["block1.pw"] = biases["block1.pw"].copy()
    biases["block1.pw"][5] = 0.75
    graph = quantized(FloatNet(spec=net.spec, weights=weights, biases=biases), windows(3))
    op = graph.op("block1.pw")
    assert isinstance(op, Weighted)
    assert not op.weight[5].any()
    assert op.weight_scale[5] == op.weight_scale.max() > DEAD_SCALE
    assert op.bias[5] * graph.tensor(op.x).scale * float(op.weight_scale[5]) == pytest.approx(0.75, rel=1e-3)


def test_a_net_of_zeros_still_has_scales(net: FloatNet, tmp_path) -> None:
    """Nothing divides by zero, and the file of the result is accepted."""
    zeros = FloatNet(
        spec=net.spec,
        weights={name: np.zeros_like(w) for name, w in net.weights.items()},
        biases={name: np.zeros_like(b) for name, b in net.biases.items()},
    )
    graph = quantized(zeros, windows(3))
    save_graph(graph, tmp_path / "zeros.npz")
    assert load_graph(tmp_path / "zeros.npz").parameters == 17_359
    assert isinstance(graph.head, Dense)


def test_a_channel_that_is_nearly_dead_gets_a_scale_at_which_its_bias_fits(net: FloatNet) -> None:
    """As batch norm leaves them: weights of a millionth, a bias of their neighbours' size."""
    weights, biases = dict(net.weights), dict(net.biases)
    weights["block1.pw"] = weights["block1.pw"].copy()
    weights["block1.pw"][5] *= 2e-5 / np.abs(weights["block1.pw"][5]).max()
    biases["block1.pw"] = biases["block1.pw"].copy()
    biases["block1.pw"][5] = 40.0
    graph = quantized(FloatNet(spec=net.spec, weights=weights, biases=biases), windows(3))
    op = graph.op("block1.pw")
    assert isinstance(op, Weighted)
    assert 2e-5 / 127 < op.weight_scale[5] < op.weight_scale.max()
    assert 0.99 * BIAS_LIMIT < op.bias[5] <= BIAS_LIMIT
    assert op.bias[5] * graph.tensor(op.x).scale * float(op.weight_scale[5]) == pytest.approx(40, rel=1e-6)


@pytest.mark.parametrize("scale, zero", [(0.0, 0), (-1.0, 0), (float("nan"), 0), (1e-60, 0), (0.1, 300)])
def test_an_input_whose_values_mean_nothing_is_refused(net: FloatNet, scale: float, zero: int) -> None:
    with pytest.raises(InputError, match="input: expected a positive scale and a zero point from -128 to 127, got"):
        quantize(net, windows(0, 2), input_scale=scale, input_zero=zero)


@pytest.mark.parametrize("shape, dtype", [((2, 50, 6), np.int8), ((2, 50, 1, 5), np.int8), ((2, 50, 1, 6), np.float32)])
def test_windows_of_another_form_are_refused(net: FloatNet, shape: tuple[int, ...], dtype: type) -> None:
    with pytest.raises(InputError, match=r"calibration: expected int8 \[N, 50, 1, 6\], got"):
        quantize(net, np.zeros(shape, dtype=dtype), input_scale=SCALE, input_zero=0)


def test_a_bias_that_could_overflow_is_refused_with_its_channel(net: FloatNet) -> None:
    biases = dict(net.biases)
    biases["stem"] = biases["stem"].copy()
    biases["stem"][7] = 2.0 * BIAS_LIMIT
    with pytest.raises(InputError, match=r"stem, channel 7: expected a bias of at most 2\^30 steps, got"):
        quantized(FloatNet(spec=net.spec, weights=net.weights, biases=biases), windows(3))


def he_net(name: str, shape: tuple[int, int, int] | None) -> FloatNet:
    """A net of the zoo with random weights that keep the size of the maps."""
    spec, rng = zoo_net(name, shape=shape), np.random.default_rng(6)
    weights, biases = {}, {}
    for layer in spec.weighted:
        inputs = np.prod(layer.weight_shape) // layer.outputs
        weights[layer.name] = rng.normal(size=layer.weight_shape) * np.sqrt(2 / inputs)
        biases[layer.name] = rng.normal(size=layer.outputs) * 0.1
    return FloatNet(spec=spec, weights=weights, biases=biases)


@pytest.mark.parametrize(
    "name, shape",
    [
        ("signal-resnet", None),
        ("ds-cnn", (25, 10, 1)),
        ("resnet-8", (16, 16, 3)),
        ("mcunet-5fps", (32, 32, 3)),
        ("proxyless-w0.3", (32, 32, 3)),
        ("ad-autoencoder", None),
    ],
)
def test_nets_of_the_zoo_follow_their_float_form(name: str, shape: tuple[int, int, int] | None) -> None:
    """Outputs within 10 % of their spread; deep nets round some 60 times: seen 1 to 7 %."""
    net = he_net(name, shape)
    x = np.clip(np.random.default_rng(2).normal(size=(6, *net.spec.input_shape)) * 50, -128, 127).astype(np.int8)
    graph = quantized(net, x)
    assert [op.name for op in graph.ops] == [layer.name for layer in net.spec.layers]
    wanted = float_maps(net, SCALE * x.astype(np.float64))[net.spec.layers[-1].name].reshape(len(x), -1)
    y = graph.tensor(graph.outputs[0])
    traces = [forward(graph, window) for window in x]
    if net.spec.has_head:
        got = np.stack([trace.logits for trace in traces]) / 256
    else:
        got = np.stack([(trace.maps[y.name].ravel() - y.zero_point) * y.scale for trace in traces])
    assert np.sqrt(np.mean((got - wanted) ** 2)) < 0.1 * wanted.std()


def test_a_float_network_made_of_an_int8_one_is_its_real_values(net: FloatNet, graph: Graph) -> None:
    again = dequantized(net.spec, graph)
    for op in graph.weighted:
        np.testing.assert_array_equal(again.weights[op.name], op.weight * steps_of(op).astype(np.float64))
        np.testing.assert_array_equal(
            again.biases[op.name], op.bias * (graph.tensor(op.x).scale * op.weight_scale.astype(np.float64))
        )
    x = windows(5)
    wanted, got = (float_maps(one, SCALE * x.astype(np.float64))["head"] for one in (net, again))
    assert np.sqrt(np.mean((got - wanted) ** 2)) < 0.05 * wanted.std()
    with pytest.raises(
        InputError, match=r"expected block1.dw \[5, 1, 24\], got block1.dw \[3, 1, 24\]; name the structure"
    ):
        dequantized(net.spec, quantized(he_net("signal-resnet", None), x))
