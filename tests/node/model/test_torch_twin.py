"""Twins: the float one is the float network, the aware one its int8 network; training it repairs what int8 broke."""

from dataclasses import replace

import numpy as np
import pytest

from fleet.node.model.float_net import FloatNet, float_maps
from fleet.node.model.graph import Graph
from fleet.node.model.graph_file import graph_bytes
from fleet.node.model.quantize import quantize
from fleet.node.model.ranges import Encoding
from fleet.node.model.reference import forward
from fleet.node.model.zoo import zoo_net

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'mcufleet[torch]'")

from fleet.node.model.torch.convert import from_torch  # noqa: E402 (after the check that torch is there)
from fleet.node.model.torch.pretrain import Recipe, pretrain  # noqa: E402
from fleet.node.model.torch.twin import (  # noqa: E402
    AwareTwin,
    FineTuning,
    Twin,
    _rounded,
    fine_tune,
    quantization_aware,
)
from tests.node.model.test_torch_pretrain import bursts  # noqa: E402
from tests.node.model.torch_nets import Rich, settled  # noqa: E402

SOURCE = Encoding(scale=1 / 64, zero_point=0)
TRAIN_X, TRAIN_Y = bursts(96)
ASKED_X, ASKED_Y = (part[:100] for part in bursts(300))


@pytest.fixture(scope="module")
def net() -> FloatNet:
    recipe = Recipe(passes=6, batch=16, single=True)
    return pretrain(zoo_net("imu-ds-cnn", 7), TRAIN_X, TRAIN_Y, seed=5, input_scale=1 / 64, recipe=recipe)


@pytest.fixture(scope="module")
def rich() -> FloatNet:
    example = np.random.default_rng(1).normal(size=(1, 3, 16, 16))
    return from_torch(settled(Rich()), example)


def uneven(net: FloatNet) -> FloatNet:
    """The same function with two channels hundreds of times larger than their neighbours, and made small again."""
    weights = {name: values.copy() for name, values in net.weights.items()}
    biases = {name: values.copy() for name, values in net.biases.items()}
    for factor, layer, channel, reader in ((400, "block1.pw", 3, "block2.dw"), (300, "block3.pw", 7, "block4.dw")):
        weights[layer][channel] *= factor
        biases[layer][channel] *= factor
        weights[reader][:, :, channel] /= factor
    return replace(net, weights=weights, biases=biases)


def aware(net: FloatNet, windows: np.ndarray = TRAIN_X) -> AwareTwin:
    return quantization_aware(net, windows, input_scale=1 / 64, input_zero=0)


def right(graph: Graph) -> float:
    """The share of windows that an int8 network recognises."""
    return float(np.mean([forward(graph, x).logits.argmax() == y for x, y in zip(ASKED_X, ASKED_Y, strict=True)]))


def real(windows: np.ndarray):
    return torch.from_numpy((windows / 64).astype(np.float32))


def pictures(net: FloatNet, count: int) -> np.ndarray:
    drawn = np.random.default_rng(2).normal(size=(count, *net.spec.input_shape)) * 60
    return np.clip(drawn, -128, 127).astype(np.int8)


def test_the_float_twin_computes_the_float_network(rich: FloatNet) -> None:
    windows = pictures(rich, 8)
    with torch.no_grad():
        got = Twin(rich)(real(windows)).numpy()
    wanted = float_maps(rich, windows / 64)["head"][:, 0, 0]
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())


def test_an_untrained_twin_gives_the_graph_of_plain_quantisation(net: FloatNet) -> None:
    """But for the weights' way through single precision."""
    rounded = Twin(net).float_net()
    plain = quantize(rounded, TRAIN_X, input_scale=1 / 64, input_zero=0)
    assert graph_bytes(aware(rounded).graph()) == graph_bytes(plain)


@pytest.mark.parametrize("which", ["net", "rich"])
def test_the_aware_twin_answers_as_its_graph(which: str, request: pytest.FixtureRequest) -> None:
    """Far closer than the float network does: what is left is the rounding of sums on the edge between two steps."""
    net = request.getfixturevalue(which)
    windows = pictures(net, 24)
    twin = aware(net, windows)
    with torch.no_grad():
        ours, in_float = (model(real(windows)).numpy() for model in (twin, Twin(net)))
    graph = twin.graph()
    wanted = np.stack([forward(graph, window).logits for window in windows]) / 256
    assert np.square(ours - wanted).mean() < 0.4 * np.square(in_float - wanted).mean()


def test_training_aware_of_int8_repairs_what_quantising_after_training_broke(net: FloatNet) -> None:
    """Two loud channels cost the others their steps: 90 % instead of 99 %; four passes later nothing is lost."""
    wide = uneven(net)
    np.testing.assert_allclose(
        float_maps(wide, ASKED_X / 64)["head"], float_maps(net, ASKED_X / 64)["head"], rtol=1e-9, atol=1e-9
    )
    before = right(quantize(wide, TRAIN_X, input_scale=1 / 64, input_zero=0))
    twin = aware(wide)
    fine_tune(twin, TRAIN_X, TRAIN_Y, seed=1, source=SOURCE, how=FineTuning(passes=4, batch=16))
    after, as_float = right(twin.graph()), right(quantize(net, TRAIN_X, input_scale=1 / 64, input_zero=0))
    assert before < as_float - 0.03
    assert after >= as_float


def test_training_keeps_the_ranges_and_moves_the_weights(net: FloatNet) -> None:
    twin = aware(net)
    before = twin.graph()
    fine_tune(twin, TRAIN_X, TRAIN_Y, seed=1, source=SOURCE, how=FineTuning(passes=1, batch=32))
    after = twin.graph()
    assert after.tensors == before.tensors
    assert all((a.weight != b.weight).any() for a, b in zip(after.weighted, before.weighted, strict=True))


def test_the_same_seed_trains_to_the_same_bits(net: FloatNet) -> None:
    made = []
    for seed in (3, 3, 4):
        twin = aware(net)
        fine_tune(twin, TRAIN_X, TRAIN_Y, seed=seed, source=SOURCE, how=FineTuning(passes=1))
        made.append(graph_bytes(twin.graph()))
    assert made[0] == made[1] != made[2]


def test_values_are_rounded_to_their_grid_and_gradients_end_where_it_ends() -> None:
    x = torch.tensor([-9.0, -0.26, 0.0, 0.1, 3.1, 70.0], requires_grad=True)
    y = _rounded(x, Encoding(scale=0.25, zero_point=-3), (-10, 127))
    y.sum().backward()
    assert y.tolist() == [-1.75, -0.25, 0.0, 0.0, 3.0, 32.5]
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 0]
