"""Ranges of maps: who shares one, where zero lies, what a percentile leaves out."""

import numpy as np
import pytest

from fleet.base.errors import InputError
from fleet.node.model.float_net import FloatNet
from fleet.node.model.graph import Activation, Add, Concat, Curve, Pad
from fleet.node.model.quantize import quantize, with_ranges
from fleet.node.model.ranges import Encoding, encoding, encodings, observed, requantised
from fleet.node.model.reference import forward
from fleet.node.model.zoo import Clip, Kind, Layer, NetSpec

SOURCE = Encoding(scale=0.5, zero_point=3)


def layer(name, kind, *xs, **more):
    return Layer(name=name, kind=kind, inputs=2, outputs=2, xs=xs, **more)


def net(*layers: Layer) -> FloatNet:
    spec = NetSpec(name="net", input_shape=(4, 4, 2), layers=layers)
    weights = {part.name: np.eye(2).reshape(part.weight_shape) for part in spec.weighted}
    return FloatNet(spec=spec, weights=weights, biases={name: np.zeros(2) for name in weights})


def drawn(count: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(-100, 120, size=(count, 4, 4, 2)).astype(np.int8)


def test_a_map_that_is_never_negative_starts_at_its_zero_point() -> None:
    assert encoding((0.0, 5.1)) == Encoding(scale=float(np.float32(5.1 / 255)), zero_point=-128)
    assert encoding((2.0, 5.1)) == encoding((0.0, 5.1))
    assert encoding((0.0, 0.0)) == Encoding(scale=float(np.float32(1 / 255)), zero_point=-128)


@pytest.mark.parametrize("ends", [(-1.0, 3.0), (-3.0, 0.0), (-3.0, -1.0), (-0.001, 9.0), (-7.0, 7.0)])
def test_zero_is_a_value_of_every_map_and_the_ends_fit(ends: tuple[float, float]) -> None:
    code = encoding(ends)
    assert -128 <= code.zero_point <= 127
    low, high = ((q - code.zero_point) * code.scale for q in (-128, 127))
    assert low <= min(ends[0], 0) + code.scale
    assert high >= max(ends[1], 0) - code.scale


def test_pools_pads_and_moves_keep_the_scale_of_what_they_read() -> None:
    conv = layer("conv", Kind.CONV)
    for kind, more in (
        (Kind.POOL, {}),
        (Kind.MAX_POOL, {"kernel": (2, 2)}),
        (Kind.AVERAGE_POOL, {"kernel": (2, 2)}),
        (Kind.PAD, {"pad": (1, 1, 1, 1)}),
        (Kind.RESHAPE, {"shape": (2, 8, 2)}),
        (Kind.TRANSPOSE, {"axes": (1, 0, 2)}),
        (Kind.RESIZE, {"shape": (8, 8, 2)}),
    ):
        codes = encodings(net(conv, layer("y", kind, **more)).spec, {"conv": (-1, 2), "y": (-1, 2)}, SOURCE)
        assert codes["y"] == codes["conv"] == encoding((-1, 2))
        assert codes["input"] == SOURCE


def test_joined_maps_share_one_range_and_relu_clips_at_its_zero() -> None:
    layers = (
        layer("a", Kind.CONV, "input", clip=Clip.RELU),
        layer("b", Kind.CONV, "input"),
        layer("y", Kind.CONCAT, "a", "b", axes=(2,)),
    )
    graph = with_ranges(net(*layers), {"a": (0, 4), "b": (-2, 1), "y": (-2, 4)}, SOURCE)
    codes = {t.name: (t.scale, t.zero_point) for t in graph.tensors}
    assert codes["a"] == codes["b"] == codes["y"] != codes["input"]
    zero = codes["y"][1]
    assert [op.clip for op in graph.ops[:2]] == [(zero, 127), (-128, 127)]  # type: ignore[union-attr]


def test_an_input_joined_to_another_map_is_requantised_first() -> None:
    layers = (layer("a", Kind.CONV, "input", clip=Clip.RELU), layer("y", Kind.CONCAT, "input", "a", axes=(2,)))
    graph = quantize(net(*layers), drawn(), input_scale=0.5, input_zero=3)
    assert [type(op) for op in graph.ops[1:]] == [Activation, Concat]
    again, joined = graph.ops[1:]
    assert isinstance(again, Activation)
    assert again.curve is Curve.REQUANTIZE
    assert isinstance(joined, Concat)
    assert joined.xs == ("y.input", "a")
    assert len({(graph.tensor(x).scale, graph.tensor(x).zero_point) for x in (*joined.xs, "y")}) == 1
    window = drawn(1)[0]
    trace = forward(graph, window)
    y = graph.tensor("y")
    real = y.scale * (trace.maps["y"][..., :2] - y.zero_point)
    assert np.abs(real - 0.5 * (window.astype(float) - 3)).max() <= y.scale / 2 * (1 + 1e-6)


def test_a_logistic_curve_has_the_scale_that_its_operator_prescribes() -> None:
    layers = (
        layer("gate", Kind.CURVE, "input", curve=Curve.LOGISTIC),
        layer("y", Kind.CONCAT, "gate", "gate", axes=(2,)),
    )
    spec = net(*layers).spec
    codes = encodings(spec, {"gate": (0, 1), "y": (0, 1)}, SOURCE)
    assert codes["gate"] == codes["y"] == Encoding(scale=1 / 256, zero_point=-128)
    assert requantised(spec.layers[1], codes) == ()


def test_relu6_ends_at_six_where_the_range_goes_further() -> None:
    layers = (
        layer("a", Kind.CONV, "input", clip=Clip.RELU6),
        layer("b", Kind.CONV, "input"),
        layer("y", Kind.CONCAT, "a", "b", axes=(2,)),
    )
    graph = with_ranges(net(*layers), {"a": (0, 6), "b": (-10, 20), "y": (-10, 20)}, SOURCE)
    low, high = graph.ops[0].clip  # type: ignore[union-attr]
    code = graph.tensor("a")
    assert low == code.zero_point
    assert (high - code.zero_point) * code.scale == pytest.approx(6, abs=code.scale / 2)


def test_a_border_is_its_value_on_the_maps_grid() -> None:
    graph = quantize(
        net(layer("a", Kind.CONV, "input"), layer("y", Kind.PAD, "a", pad=(1, 0, 0, 1), value=4.2)), drawn(),
        input_scale=0.5, input_zero=3,
    )  # fmt: skip
    pad, code = graph.ops[1], graph.tensor("y")
    assert isinstance(pad, Pad)
    assert (pad.before, pad.after) == ((1, 0, 0), (0, 1, 0))
    assert (pad.value - code.zero_point) * code.scale == pytest.approx(4.2, abs=code.scale / 2)


@pytest.mark.parametrize("value", [3.0, -1 / 6, 0.0])
def test_a_constant_is_exact_to_a_float32(value: float) -> None:
    constant = Layer(name="c", kind=Kind.CONSTANT, inputs=1, outputs=1, value=value)
    graph = quantize(net(constant, layer("y", Kind.ADD, "input", "c")), drawn(), input_scale=0.5, input_zero=3)
    tensor = graph.tensor("c")
    assert tensor.value is not None
    assert tensor.scale * float(tensor.value[0, 0, 0]) == pytest.approx(value, rel=1e-7)
    assert [type(op) for op in graph.ops] == [Add]


def test_a_percentile_leaves_rare_large_values_out() -> None:
    """One value in 2,000 is fifty times the others: without it a step is thirty times finer or more."""
    x = np.random.default_rng(1).uniform(0.5, 1, size=(125, 4, 4, 2))
    x[0, 0, 0, 0] = 50
    x[1, 0, 0, 0] = -50
    plain = net(layer("y", Kind.CONV, "input"))
    assert observed(plain, x)["y"] == (-50.0, 50.0)
    low, high = observed(plain, x, 99.9)["y"]
    assert 0.4 < low < high < 1.1


def test_ranges_do_not_depend_on_how_many_windows_are_computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, x = net(layer("y", Kind.CONV, "input", clip=Clip.RELU)), drawn(50).astype(float)
    whole = [observed(plain, x, share) for share in (100, 99)]
    monkeypatch.setattr("fleet.node.model.ranges._AT_ONCE", 32 * 7)
    assert [observed(plain, x, share) for share in (100, 99)] == whole


def test_what_sets_no_range_is_refused() -> None:
    plain = net(layer("y", Kind.CONV, "input"))
    with pytest.raises(InputError, match=r"percentile: expected above 50, at most 100, got 0.999; 99.9 is usual"):
        observed(plain, np.ones((1, 4, 4, 2)), 0.999)
    with pytest.raises(InputError, match="calibration: expected at least one window, got none"):
        observed(plain, np.ones((0, 4, 4, 2)))
