"""Torch modules become the same function, layer by layer; what cannot is refused by its place."""

from pathlib import Path

import numpy as np
import pytest

from fleet.base.errors import InputError
from fleet.node.model.float_net import FloatNet, float_maps
from fleet.node.model.graph import Curve, Dense, Graph
from fleet.node.model.graph_file import graph_bytes, load_graph, save_graph
from fleet.node.model.quantize import quantize
from fleet.node.model.reference import forward
from fleet.node.model.zoo import Clip, Kind

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'mcufleet[torch]'")
from torch import nn  # noqa: E402 (after the check that torch is there)
from torch.nn import functional  # noqa: E402

from fleet.node.model.torch.convert import from_torch, windows_of  # noqa: E402
from tests.node.model.torch_nets import Decoder, Rich, Signal, settled  # noqa: E402

SHAPES = {Rich: (3, 16, 16), Signal: (50, 6), Decoder: (1, 8, 8)}


def example(*shape: int, count: int = 1, seed: int = 1):
    """Windows as torch reads them, doubles."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, *shape)))


def read(*layers: nn.Module, shape: tuple[int, ...] = (2, 8, 6), classifier: bool = False) -> FloatNet:
    return from_torch(settled(nn.Sequential(*layers)), example(*shape), classifier=classifier)


def outputs(net: FloatNet, x: np.ndarray) -> np.ndarray:
    return float_maps(net, x)[net.spec.layers[-1].name]


@pytest.mark.parametrize("kind", SHAPES)
def test_the_network_computes_what_the_module_does(kind: type[nn.Module]) -> None:
    """On windows other than the example: to 1e-9, sums in another order in double; softmax is monotone."""
    module, classifier = settled(kind()), kind is not Decoder
    net = from_torch(module, example(*SHAPES[kind]), classifier=classifier)
    x = example(*SHAPES[kind], count=20, seed=2)
    with torch.no_grad():
        theirs = module.double()(x).numpy()
    maps = x.numpy()[:, :, None] if kind is Signal else windows_of(x, net.spec.input_shape)
    ours = outputs(net, maps)
    if classifier:
        ours = torch.log_softmax(torch.from_numpy(ours.reshape(20, -1)), 1).numpy()
        theirs = theirs if (theirs <= 0).all() else np.log(theirs)
    else:
        ours = ours.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.fixture(scope="module")
def rich() -> FloatNet:
    return from_torch(settled(Rich()), example(3, 16, 16), name="rich")


def test_batch_norm_relu_and_dropout_leave_no_layer_of_their_own(rich: FloatNet) -> None:
    names = [layer.name for layer in rich.spec.layers]
    assert rich.spec.name == "rich"
    assert not {"stem.1", "norm", "relu", "relu_1"} & set(names)
    clips = {layer.name: layer.clip for layer in rich.spec.layers}
    assert (clips["dw"], clips["add"]) == (Clip.RELU6, Clip.RELU6)
    kinds = {layer.name: layer.kind for layer in rich.spec.layers}
    assert kinds["late_norm"] is Kind.DEPTHWISE  # its sum is read twice: nothing to fold it into
    assert kinds["head"] is Kind.DENSE


def test_layers_are_named_by_their_modules(rich: FloatNet) -> None:
    assert [layer.name for layer in rich.spec.weighted] == [
        "stem.0", "dw", "squeeze.less", "squeeze.more", "grouped", "late_norm", "head",
    ]  # fmt: skip
    assert {layer.curve for layer in rich.spec.layers} == {None, Curve.HARD_SWISH, Curve.LOGISTIC}


def test_a_depthwise_multiplier_and_groups_keep_their_shapes(rich: FloatNet) -> None:
    by_name = {layer.name: layer for layer in rich.spec.layers}
    assert (by_name["dw"].kind, by_name["dw"].weight_shape) == (Kind.DEPTHWISE, (5, 3, 16))
    assert (by_name["grouped"].groups, by_name["grouped"].weight_shape) == (2, (16, 3, 3, 8))


def test_flatten_before_a_linear_layer_costs_nothing() -> None:
    """The weights are put into the order in which the map lies."""
    net = read(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(3 * 6 * 4, 5), classifier=True)
    assert [layer.kind for layer in net.spec.layers] == [Kind.CONV, Kind.DENSE]


def test_a_vector_made_a_map_again_costs_one_reshape() -> None:
    net = from_torch(settled(Decoder()), example(1, 8, 8), classifier=False)
    assert [layer.kind for layer in net.spec.layers] == [
        Kind.CONV, Kind.FULLY_CONNECTED, Kind.FULLY_CONNECTED, Kind.RESHAPE, Kind.RESIZE, Kind.CONV,
    ]  # fmt: skip


def test_a_border_of_zeros_goes_into_the_convolution() -> None:
    net = read(nn.ZeroPad2d((1, 0, 2, 0)), nn.Conv2d(2, 3, 3, padding=1))
    assert [(layer.kind, layer.pad) for layer in net.spec.layers] == [(Kind.CONV, (3, 2, 1, 1))]
    other = read(nn.ConstantPad2d(1, 0.5), nn.Conv2d(2, 3, 3))
    assert [layer.kind for layer in other.spec.layers] == [Kind.PAD, Kind.CONV]


def test_windows_given_in_another_order_set_the_input_and_cost_nothing() -> None:
    net = from_torch(settled(Signal()), example(50, 6))
    assert net.spec.input_shape == (50, 1, 6)
    assert all(layer.kind is not Kind.TRANSPOSE for layer in net.spec.layers)


def test_a_convolution_over_the_whole_map_can_be_the_head() -> None:
    net = read(nn.AdaptiveAvgPool2d(1), nn.Conv2d(2, 5, 1), nn.Flatten(), classifier=True)
    assert [layer.kind for layer in net.spec.layers] == [Kind.POOL, Kind.DENSE]
    assert net.weights["1"].shape == (5, 2)


ONE_LAYER = {
    "a strided convolution with an uneven border": (nn.Conv2d(2, 3, (3, 2), (2, 3), (1, 0)),),
    "a convolution padded to the same size": (nn.Conv2d(2, 3, (4, 3), padding="same"),),
    "a convolution without a bias": (nn.Conv2d(2, 3, 3, bias=False),),
    "batch norm alone": (nn.BatchNorm2d(2),),
    "batch norm before a convolution": (nn.BatchNorm2d(2), nn.Conv2d(2, 3, 3)),
    "batch norm after a depthwise layer": (nn.Conv2d(2, 4, 3, groups=2), nn.BatchNorm2d(4)),
    "batch norm without weights": (nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3, affine=False)),
    "batch norm after a linear layer": (nn.Flatten(), nn.Linear(96, 4), nn.BatchNorm1d(4), nn.ReLU()),
    "ReLU alone": (nn.ReLU(),),
    "ReLU6 as a clamp": (nn.Conv2d(2, 3, 3), nn.Hardtanh(0.0, 6.0)),
    "ReLU after a global pool": (nn.AdaptiveAvgPool2d(1), nn.ReLU()),
    "a sigmoid": (nn.Sigmoid(),),
    "a hard sigmoid": (nn.Hardsigmoid(),),
    "a pool with a border": (nn.AvgPool2d(3, 2, 1, count_include_pad=False),),
    "a largest value with a border": (nn.MaxPool2d((3, 2), (2, 1), (1, 0)),),
    "a pool to a size": (nn.AdaptiveAvgPool2d((4, 2)),),
    "a largest value of all": (nn.AdaptiveMaxPool2d(1),),
    "resizing to a size": (nn.Upsample(size=(11, 5)),),
    "unflatten": (nn.ReLU(), nn.Flatten(), nn.Unflatten(1, (4, 8, 3)), nn.Conv2d(4, 2, 3)),
}


@pytest.mark.parametrize("layers", ONE_LAYER.values(), ids=list(ONE_LAYER))
def test_each_layer_is_torchs_own(layers: tuple[nn.Module, ...]) -> None:
    module = settled(nn.Sequential(*layers))
    net = from_torch(module, example(2, 8, 6), classifier=False)
    x = example(2, 8, 6, count=3, seed=4)
    with torch.no_grad():
        theirs = module.double()(x).numpy()
    ours = outputs(net, windows_of(x, net.spec.input_shape)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(ours.reshape(theirs.shape), theirs, rtol=1e-9, atol=1e-9)


class Arithmetic(nn.Module):
    """Numbers, broadcast maps, axes in another order, functions instead of modules."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 2, 3, 3))
        self.gate = nn.Conv2d(4, 1, 1)

    def forward(self, x):
        y = functional.conv2d(functional.pad(x / 2 - 0.25, (1, 1, 1, 1)), self.weight)
        y = (y + 1) * torch.sigmoid(self.gate(y))  # a map of places times one of channels and places
        y = torch.cat([y, y.transpose(2, 3).permute(0, 1, 3, 2)], dim=2)
        y = y.clamp(min=0) + y.mean(dim=1, keepdim=True)
        return y.reshape(y.shape[0], 2, 32, 6).mean(dim=3)


def test_arithmetic_and_axes_are_torchs_own() -> None:
    module = settled(Arithmetic())
    net = from_torch(module, example(2, 8, 6), classifier=False)
    x = example(2, 8, 6, count=3, seed=4)
    with torch.no_grad():
        theirs = module.double()(x).numpy()
    ours = outputs(net, windows_of(x, net.spec.input_shape))
    np.testing.assert_allclose(ours[:, :, 0].transpose(0, 2, 1), theirs, rtol=1e-9, atol=1e-9)


class Optional(nn.Module):
    """Arguments that a caller may leave out, indices that keep every value, one activation module called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3)
        self.act = nn.Hardswish()
        self.head = nn.Linear(4, 3)

    def forward(self, x, mask=None, scale: float = 2.0):
        y = self.act(self.second(self.act(self.first(x))))
        y = functional.adaptive_avg_pool2d(y, (1, 1))[:, :, 0, 0]
        return self.head(y[..., None, None].squeeze(3).squeeze(2) * scale)


def test_calls_may_be_written_in_many_ways() -> None:
    net = from_torch(settled(Optional()), example(2, 8, 6))
    assert [layer.kind for layer in net.spec.layers] == [
        Kind.CONV, Kind.CURVE, Kind.CONV, Kind.CURVE, Kind.POOL, Kind.CONSTANT, Kind.MUL, Kind.DENSE,
    ]  # fmt: skip


def int8_windows(net: FloatNet, count: int) -> np.ndarray:
    drawn = np.random.default_rng(3).normal(size=(count, *net.spec.input_shape)) * 40
    return np.clip(drawn, -128, 127).astype(np.int8)


@pytest.mark.parametrize("kind", SHAPES)
def test_the_int8_network_answers_as_the_module_does(kind: type[nn.Module]) -> None:
    """40 windows: outputs within 3 % of their spread (seen: 1.5 %), the same class."""
    net = from_torch(settled(kind()), example(*SHAPES[kind]), classifier=kind is not Decoder)
    x = int8_windows(net, 40)
    graph = quantize(net, x, input_scale=1 / 32, input_zero=3)
    wanted = outputs(net, (x.astype(np.float64) - 3) / 32).reshape(len(x), -1)
    got = np.stack([answered(graph, window) for window in x])
    assert np.sqrt(np.mean((got - wanted) ** 2)) < 0.03 * wanted.std()
    clear = np.ptp(np.sort(wanted, axis=1)[:, -2:], axis=1) > 0.1 * wanted.std()
    assert clear.sum() > 20
    assert (got.argmax(1) == wanted.argmax(1))[clear].all()


def answered(graph: Graph, window: np.ndarray) -> np.ndarray:
    """Real values of the network's output."""
    trace = forward(graph, window)
    if isinstance(graph.ops[-1], Dense):
        return trace.logits / 256
    y = graph.tensor(graph.outputs[0])
    return y.scale * (trace.maps[y.name].ravel() - y.zero_point)


def test_graphs_of_torch_survive_their_file(rich: FloatNet, tmp_path: Path) -> None:
    graph = quantize(rich, int8_windows(rich, 4), input_scale=1 / 32, input_zero=3)
    save_graph(graph, tmp_path / "rich.npz")
    again = load_graph(tmp_path / "rich.npz")
    assert graph_bytes(again) == graph_bytes(graph)
    window = int8_windows(rich, 1)[0]
    assert (forward(again, window).logits == forward(graph, window).logits).all()


def test_the_module_stays_as_it_was() -> None:
    module = Rich()
    settled(module).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    from_torch(module, example(3, 16, 16))
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert module.head.weight.dtype == torch.float32


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x):
        return self.layer(self.layer(x))


class InPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(2, 2, 3)

    def forward(self, x):
        y = self.layer(x)
        return functional.relu(y, inplace=True) + y


class Sliced(nn.Module):
    def forward(self, x):
        return x[:, :1] * x.chunk(2, 1)[0]


class Slice(nn.Module):
    def forward(self, x):
        return torch.relu(x[:, :1])


class Two(nn.Module):
    def forward(self, x, y):
        return x + y


class Pair(nn.Module):
    def forward(self, x):
        return torch.relu(x), x


class Dropping(nn.Module):
    """Dropout as a function. told: what else its call says."""

    def __init__(self, **told) -> None:
        super().__init__()
        self.layer, self.told = nn.Conv2d(2, 3, 1), told

    def forward(self, x):
        return self.layer(functional.dropout(x, **self.told))


class Normalising(nn.Module):
    """Batch norm as a function, over each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.mean, self.variance = nn.Conv2d(2, 2, 1), nn.Buffer(torch.zeros(2)), nn.Buffer(torch.ones(2))

    def forward(self, x):
        return functional.batch_norm(self.layer(x), self.mean, self.variance, training=True)


REFUSED = {
    "calls that no operator computes": (nn.Sequential(nn.GELU(), nn.LeakyReLU()), "0: expected one of .*, got GELU.*"),
    "a layer inside a module": (
        nn.ModuleDict({"a": nn.Sequential(nn.Tanh())})["a"],
        "0: expected one of .*, got Tanh; replace it by these",
    ),
    "dilation": (nn.Conv2d(2, 3, 3, dilation=2), r"expected dilation 1, got \(2, 2\)"),
    "a reflected border": (nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), "expected .*, got"),
    "a border counted in an average": (nn.Sequential(nn.AvgPool2d(2, padding=1)), "set count_include_pad=False"),
    "a rounded-up size": (nn.Sequential(nn.MaxPool2d(3, 2, ceil_mode=True)), "expected a map of 3 x 2 x 2, got 4 x 3"),
    "a linear layer over a map": (nn.Sequential(nn.Linear(6, 8)), r"expected a vector .*, got \[2, 8, 6\]"),
    "a pool to a size that does not divide": (nn.Sequential(nn.AdaptiveAvgPool2d(5)), "expected a size that divides 8"),
    "bilinear resizing": (nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear")), "to the nearest place, got bil"),
    "a broken scale factor": (nn.Sequential(nn.Upsample(scale_factor=1.5)), "expected whole scale factors, got 1.5"),
    "softmax in the middle": (nn.Sequential(nn.Softmax(1), nn.Conv2d(2, 1, 1)), "expected softmax at the end only"),
    "a forward pass that looks at values": (Branching(), "Branching: expected a forward pass .* do not depend on val"),
    "a layer used twice": (Twice(), "layer: expected each layer called once, got a second call"),
    "a change in place that others read": (InPlace(), "got other values on the example; avoid calls that change a map"),
    "parts of a map": (Sliced(), "chunk: expected one of .*, got chunk; replace it by these"),
    "a slice": (
        Slice(),
        r"getitem: expected an index that keeps every value, got \[2, 8, 6\] -> \[1, 8, 6\]; use a pool",
    ),
    "two inputs": (Two(), "example: expected windows that the module can read, got"),
    "two outputs": (Pair(), "output: expected one map that layers made, got something else; return one tensor"),
    "batch norm without statistics": (
        nn.Sequential(nn.BatchNorm2d(2, track_running_stats=False)),
        "expected statistics learned in training, got none",
    ),
    "dropout that never ends": (
        Dropping(),
        r"dropout: expected dropout that ends with training, got .*; write training=self\.training in the call",
    ),
    "batch norm over each batch": (
        Normalising(),
        r"batch_norm: expected statistics learned in training, got those of each batch .*; write training=self\.",
    ),
    "windows the module cannot read": (
        nn.Sequential(nn.Conv2d(5, 2, 3)),
        "example: expected windows that the module c",
    ),
}


@pytest.mark.parametrize("module, said", REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_read_is_refused_by_its_place(module: nn.Module, said: str) -> None:
    with pytest.raises(InputError, match=said):
        from_torch(module, example(2, 8, 6), classifier=False)


@pytest.mark.parametrize("told", [{"training": False}, {"p": 0.0}], ids=str)
def test_a_dropout_that_drops_nothing_leaves_no_layer(told: dict) -> None:
    net = from_torch(settled(Dropping(**told)), example(2, 8, 6), classifier=False)
    assert [layer.name for layer in net.spec.layers] == ["layer"]


def test_all_calls_without_an_operator_are_named_at_once() -> None:
    module = nn.Sequential(nn.GELU(), nn.Sequential(nn.Conv2d(2, 2, 1), nn.PReLU()), nn.Softplus())
    with pytest.raises(InputError) as refused:
        from_torch(module, example(2, 8, 6), classifier=False)
    assert [fault.where for fault in refused.value.faults] == ["0", "1.1", "2"]


def test_values_that_are_no_numbers_are_refused_by_name() -> None:
    first, norm = nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)
    assert norm.running_var is not None
    with torch.no_grad():
        first.weight[0] = float("nan")
        norm.running_var[1] = float("inf")
    with pytest.raises(InputError, match="expected finite values, got infinite ones or NaN; train") as refused:
        from_torch(nn.Sequential(first, norm), example(2, 8, 6), classifier=False)
    assert [fault.where for fault in refused.value.faults] == ["0.weight", "1.running_var"]


def test_a_softmax_is_dropped_behind_a_classifier_only() -> None:
    """Elsewhere the order of the answers is not all that is asked of them."""
    with pytest.raises(InputError, match="output: expected values that training can compare, got a softmax"):
        read(nn.Flatten(), nn.Linear(96, 3), nn.Softmax(1), classifier=False)
    assert read(nn.Flatten(), nn.Linear(96, 3), nn.Softmax(1), classifier=True).spec.has_head


def test_what_is_no_module_or_not_ready_is_refused() -> None:
    with pytest.raises(InputError, match=r"module: expected a torch.nn.Module, got dict; load its weights"):
        from_torch({"weight": 1}, example(2, 8, 6))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"1.weight: expected a module whose sizes are known.*\n1.bias: "):
        from_torch(nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), example(2, 8, 6))


def test_an_example_with_gradients_or_of_another_precision_is_read() -> None:
    plain = from_torch(nn.Linear(4, 3), torch.ones(1, 4))
    for windows in (torch.ones(1, 4, requires_grad=True), torch.ones(1, 4, dtype=torch.bfloat16)):
        assert from_torch(nn.Linear(4, 3), windows).spec == plain.spec


@pytest.mark.parametrize("windows", [[["a"]], np.full((1, 4), np.nan), np.ones((1, 4), dtype=np.complex64)])
def test_an_example_that_is_no_numbers_is_refused(windows) -> None:
    with pytest.raises(InputError, match=r"example: expected .*, got .*; give windows as in training"):
        from_torch(nn.Linear(4, 3), windows)


def test_a_classifier_ends_in_a_linear_layer() -> None:
    with pytest.raises(
        InputError, match=r"output: expected a linear layer .*, got conv '0'; end in one, or pass class"
    ):
        read(nn.Conv2d(2, 3, 3), classifier=True)
    with pytest.raises(InputError, match="got fully_connected '1'"):
        read(nn.Flatten(), nn.Linear(96, 3), nn.ReLU(), classifier=True)


@pytest.mark.parametrize("shape", [(), (4,), (1, 2, 3, 4, 5), (0, 2, 8, 6)])
def test_an_example_of_no_windows_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"example: expected \[N, C, H, W\], \[N, C, L\] or \[N, F\], got"):
        from_torch(nn.ReLU(), np.zeros(shape))
