"""Float pretraining: repeatable, alone in what it touches, and the same function after folding."""

import numpy as np
import pytest

from fleet.node.model.float_net import FloatNet, float_maps
from fleet.node.model.graph_file import graph_bytes
from fleet.node.model.reference import forward
from fleet.node.model.zoo import Kind, Layer, NetSpec, zoo_net

torch = pytest.importorskip("torch", reason="pretraining needs the extra `torch`")

from torch.nn import functional  # noqa: E402 (after the check that torch is there)

from fleet.node.model.torch.layers import products  # noqa: E402
from fleet.node.model.torch.pretrain import Recipe, _normals, _TrainableNet, pretrain, pretrained  # noqa: E402

SPEC = zoo_net("imu-ds-cnn", 7)
SHORT = Recipe(passes=3, batch=16)


def taught(seed: int = 5, recipe: Recipe = SHORT) -> FloatNet:
    x, y = bursts(96)
    return pretrain(SPEC, x, y, seed=seed, input_scale=1 / 64, recipe=recipe)


def bursts(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows in which one of three axes swings, and which one."""
    rng = np.random.default_rng(0)
    y = np.arange(count) % 3
    x = rng.normal(size=(count, 50, 1, 6)) * 8
    x[np.arange(count), :, 0, y] += 60 * np.sin(np.arange(50) / 2 + rng.uniform(0, 6, (count, 1)))
    return np.clip(x, -128, 127).astype(np.int8), y.astype(np.uint8)


def same(a: FloatNet, b: FloatNet) -> bool:
    return all((a.weights[n] == b.weights[n]).all() and (a.biases[n] == b.biases[n]).all() for n in a.weights)


@pytest.fixture(scope="module")
def net() -> FloatNet:
    return taught()


def test_the_same_seed_gives_the_same_bits(net: FloatNet) -> None:
    assert same(net, taught())


def test_another_seed_gives_another_net(net: FloatNet) -> None:
    assert not same(net, taught(seed=6))


def test_what_was_taught_is_recognised() -> None:
    net = taught(recipe=Recipe(passes=8, batch=16))
    x, y = bursts(300)
    found = float_maps(net, x / 64)["head"][:, 0, 0].argmax(axis=1)
    assert (found == y).mean() > 0.95


def test_classes_never_seen_stay_low(net: FloatNet) -> None:
    x, _ = bursts(300)
    assert (float_maps(net, x / 64)["head"][:, 0, 0].argmax(axis=1) < 3).all()


def test_folding_keeps_the_function() -> None:
    """In double, sums in another order: 1e-12 is thousands of roundings, far below any int8 step."""
    x, _ = bursts(96)
    trained = _TrainableNet(SPEC, seed=1)
    batch = torch.from_numpy(x / 64)
    for _ in range(3):  # moves the running statistics away from 0 and 1
        trained.logits(batch, training=True)
    with torch.no_grad():
        for shift in trained.shift.values():
            shift.add_(0.1)
        wanted = trained.logits(batch, training=False).numpy()
    got = float_maps(trained.folded(), x / 64)["head"][:, 0, 0]
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind, stride", [(Kind.CONV, (2, 1)), (Kind.DEPTHWISE, (1, 2)), (Kind.DEPTHWISE, (2, 2))])
def test_convolutions_in_double_are_torchs_own(kind: Kind, stride: tuple[int, int]) -> None:
    layer = Layer(name="layer", kind=kind, inputs=4, outputs=4, kernel=(5, 3), stride=stride, pad=(2, 1, 2, 1))
    generator = np.random.default_rng(1)
    x = torch.from_numpy(generator.normal(size=(2, 9, 8, 4)))
    weight = torch.from_numpy(generator.normal(size=layer.weight_shape))
    theirs = weight.permute(2, 0, 1)[:, None] if kind is Kind.DEPTHWISE else weight.permute(0, 3, 1, 2)
    groups = 4 if kind is Kind.DEPTHWISE else 1
    wanted = functional.conv2d(x.permute(0, 3, 1, 2), theirs, stride=stride, padding=(2, 1), groups=groups)
    got = products(layer, x, weight).permute(0, 3, 1, 2)
    np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-12, atol=1e-12)


GROUPED = Layer(name="layer", kind=Kind.CONV, inputs=4, outputs=6, kernel=(3, 3), pad=(1, 0, 1, 2), groups=2)
MULTIPLIED = Layer(
    name="layer", kind=Kind.DEPTHWISE, inputs=4, outputs=8, kernel=(5, 3), stride=(2, 1), pad=(2, 1, 2, 1)
)


@pytest.mark.parametrize("layer", [GROUPED, MULTIPLIED])
@pytest.mark.parametrize("single", [True, False])
def test_every_weighted_layer_is_that_of_the_float_network(layer: Layer, single: bool) -> None:
    kind = torch.float32 if single else torch.float64
    generator = np.random.default_rng(1)
    x, weight = generator.normal(size=(2, 9, 8, 4)), generator.normal(size=layer.weight_shape)
    spec = NetSpec(name="net", input_shape=(9, 8, 4), layers=(layer,))
    net = FloatNet(spec=spec, weights={"layer": weight}, biases={"layer": np.zeros(layer.outputs)})
    got = products(layer, torch.from_numpy(x).to(kind), torch.from_numpy(weight).to(kind)).numpy()
    np.testing.assert_allclose(got, float_maps(net, x)["layer"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name, shape", [("signal-resnet", None), ("ds-cnn", (25, 10, 1)), ("resnet-8", (9, 10, 3))])
def test_nets_with_skips_and_bottlenecks_fold_to_the_same_function(
    name: str, shape: tuple[int, int, int] | None
) -> None:
    """Single precision in, double out: to a thousandth of the logits' size."""
    spec = zoo_net(name, 4, shape)
    trained = _TrainableNet(spec, seed=1, kind=torch.float32)
    batch = torch.from_numpy(np.random.default_rng(0).normal(size=(12, *spec.input_shape)).astype(np.float32))
    with torch.no_grad():
        for _ in range(3):
            trained.logits(batch, training=True)
        wanted = trained.logits(batch, training=False).numpy()
    got = float_maps(trained.folded(), batch.numpy().astype(np.float64))["head"][:, 0, 0]
    np.testing.assert_allclose(got, wanted, atol=1e-3 * np.abs(wanted).max())


def test_a_study_gets_the_network_and_its_int8_form() -> None:
    x, y = bursts(96)
    made = [
        pretrained(
            zoo_net("signal-resnet", 3),
            x,
            y,
            seed=5,
            input_scale=1 / 64,
            recipe=Recipe(passes=16, batch=16, single=True),
        )
        for _ in range(2)
    ]
    assert graph_bytes(made[0].graph) == graph_bytes(made[1].graph)
    asked, labels = (part[::2] for part in bursts(150))
    float_right = (float_maps(made[0].net, asked / 64)["head"][:, 0, 0].argmax(axis=1) == labels).mean()
    int8_right = np.mean([forward(made[0].graph, window).logits.argmax() for window in asked] == labels)
    assert float_right > 0.95
    assert int8_right > float_right - 0.02


def test_windows_with_a_zero_point_mean_what_they_say() -> None:
    x, y = bursts(32)
    shifted = (np.clip(x, -100, 100) + 20).astype(np.int8)
    recipe = Recipe(passes=1, batch=16)
    plain = pretrain(SPEC, np.clip(x, -100, 100), y, seed=5, input_scale=1 / 64, recipe=recipe)
    assert same(plain, pretrain(SPEC, shifted, y, seed=5, input_scale=1 / 64, input_zero=20, recipe=recipe))


def test_pretraining_leaves_torch_as_it_was() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state(), torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    taught(recipe=Recipe(passes=1, batch=16))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before[1:]


def test_progress_counts_the_passes_and_learning() -> None:
    x, y = bursts(96)
    seen: list[tuple[int, float]] = []
    recipe = Recipe(passes=6, batch=16)
    pretrain(SPEC, x, y, seed=5, input_scale=1 / 64, recipe=recipe, progress=lambda n, share: seen.append((n, share)))
    assert [n for n, _ in seen] == [1, 2, 3, 4, 5, 6]
    assert 0 <= seen[0][1] < seen[-1][1] <= 1


def test_fewer_windows_than_a_batch_are_one_batch() -> None:
    x, y = bursts(10)
    net = pretrain(SPEC, x, y, seed=5, input_scale=1 / 64, recipe=Recipe(passes=1, batch=16))
    assert np.isfinite(net.weights["stem"]).all()


def test_noise_is_standard_normal() -> None:
    """20,000 draws: mean and spread within four standard errors."""
    drawn = _normals(12345, (20_000,))
    assert abs(drawn.mean()) < 4 / np.sqrt(20_000)
    assert abs(drawn.std() - 1) < 4 / np.sqrt(2 * 20_000)
    assert abs((drawn**4).mean() - 3) < 4 * np.sqrt(96 / 20_000)
