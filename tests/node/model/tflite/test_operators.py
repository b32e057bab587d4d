"""Each operator, in every form that converters write it, against TensorFlow Lite Micro."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tflite_micro", reason="TensorFlow Lite Micro comes as a wheel for Linux on x86-64 only")

from fleet.node.model import fixed
from fleet.node.model.graph import Concat, Conv2d, FullyConnected, GlobalAveragePool, Graph, Reshape
from fleet.node.model.tflite import imported
from tests.node.model.tflite.micro import assert_equal_maps
from tests.node.model.tflite.written import NONE, RELU, RELU6, RELU_N1_TO_1, SAME, VALID, Written

STRIDES = {"strideH": 1, "strideW": 1}
UNDILATED = {"dilationHFactor": 1, "dilationWFactor": 1}


def graph_of(content: bytes) -> Graph:
    return imported(content, "file.tflite", "file").graph


def conv(sides: tuple[int, ...], filters: tuple[int, ...], out: tuple[int, ...], **options: Any) -> Written:
    w = Written()
    x = w.input(1, *sides, zero=-7)
    inputs = [x, w.weight(*filters), w.bias(filters[0])]
    w.op("CONV_2D", inputs, w.map(1, *out, scale=0.3, zero=-5), **{**STRIDES, **UNDILATED, **options})
    return w


def depthwise(sides: tuple[int, ...], filters: tuple[int, ...], out: tuple[int, ...], **options: Any) -> Written:
    w = Written()
    x = w.input(1, *sides, zero=5)
    inputs = [x, w.weight(1, *filters, axis=3), w.bias(filters[-1])]
    given = {**STRIDES, **UNDILATED, "depthMultiplier": filters[-1] // sides[-1], **options}
    w.op("DEPTHWISE_CONV_2D", inputs, w.map(1, *out, scale=0.2, zero=-9), **given)
    return w


CONVOLUTIONS = {
    "3x3 same": conv((6, 5, 3), (4, 3, 3, 3), (6, 5, 4), padding=SAME),
    "3x3 valid": conv((6, 5, 3), (4, 3, 3, 3), (4, 3, 4), padding=VALID),
    "stride 2 on odd sides": conv((7, 5, 2), (3, 3, 3, 2), (4, 3, 3), padding=SAME, strideH=2, strideW=2),
    "stride 2 on even sides": conv((8, 6, 2), (3, 3, 3, 2), (4, 3, 3), padding=SAME, strideH=2, strideW=2),
    "strides of 3 and 1": conv((9, 5, 2), (3, 2, 4, 2), (3, 2, 3), padding=VALID, strideH=3, strideW=1),
    "1x1": conv((3, 3, 5), (6, 1, 1, 5), (3, 3, 6), padding=VALID),
    "long kernel": conv((10, 1, 2), (3, 5, 1, 2), (5, 1, 3), padding=SAME, strideH=2, strideW=2),
    "kernel beyond the map": conv((2, 3, 2), (3, 5, 7, 2), (2, 3, 3), padding=SAME),
    "two groups": conv((4, 4, 6), (4, 3, 3, 3), (4, 4, 4), padding=SAME),
    "a group for each channel": conv((4, 4, 3), (6, 3, 3, 1), (4, 4, 6), padding=SAME),
    "dilated same": conv((9, 8, 2), (3, 3, 3, 2), (9, 8, 3), padding=SAME, dilationHFactor=2, dilationWFactor=3),
    "dilated valid": conv((9, 8, 2), (3, 3, 2, 2), (5, 4, 3), padding=VALID, dilationHFactor=2, dilationWFactor=4),
    "dilated with groups": conv((7, 7, 4), (2, 3, 3, 2), (7, 7, 2), padding=SAME, dilationHFactor=2, dilationWFactor=2),
    "relu": conv((4, 4, 2), (3, 3, 3, 2), (4, 4, 3), padding=SAME, fusedActivationFunction=RELU),
    "relu6": conv((4, 4, 2), (3, 3, 3, 2), (4, 4, 3), padding=SAME, fusedActivationFunction=RELU6),
    "relu -1 to 1": conv((4, 4, 2), (3, 3, 3, 2), (4, 4, 3), padding=SAME, fusedActivationFunction=RELU_N1_TO_1),
    "depthwise": depthwise((5, 6, 3), (3, 3, 3), (5, 6, 3), padding=SAME),
    "depthwise, multiplier 4": depthwise((5, 6, 2), (3, 2, 8), (5, 6, 8), padding=SAME),
    "depthwise, multiplier 8 of one channel": depthwise(
        (9, 8, 1), (5, 4, 8), (5, 4, 8), padding=SAME, strideH=2, strideW=2
    ),
    "depthwise, stride 2": depthwise((7, 7, 3), (3, 3, 3), (4, 4, 3), padding=SAME, strideH=2, strideW=2),
    "depthwise, dilated": depthwise(
        (9, 9, 2), (3, 3, 2), (5, 5, 2), padding=VALID, dilationHFactor=2, dilationWFactor=2
    ),
    "depthwise, relu6": depthwise((5, 5, 2), (3, 3, 2), (3, 3, 2), padding=VALID, fusedActivationFunction=RELU6),
}


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_a_convolution_gives_the_same_maps(case: str) -> None:
    assert assert_equal_maps(CONVOLUTIONS[case].content()) > 0


def test_a_layer_with_one_scale_and_no_bias_gives_the_same_maps() -> None:
    w = Written()
    x = w.input(1, 4, 4, 3, zero=3)
    y = w.map(1, 4, 4, 5, scale=0.2)
    w.op("CONV_2D", [x, w.weight(5, 1, 1, 3, per_channel=False)], y, padding=SAME, **STRIDES, **UNDILATED)
    flat = w.op("FULLY_CONNECTED", [y, w.weight(4, 80, per_channel=False), -1], w.map(1, 4, scale=0.6))
    graph = graph_of(w.content(flat))
    assert assert_equal_maps(w.content(flat)) > 0
    assert [op.bias.any() for op in graph.weighted] == [False, False]
    assert isinstance(graph.ops[-1], FullyConnected)


@pytest.mark.parametrize(
    "sides, keep, out", [((1, 12), False, (1, 5)), ((1, 2, 2, 3), False, (1, 5)), ((1, 1, 1, 12), True, (1, 1, 1, 5))]
)
@pytest.mark.parametrize("per_channel", [False, True])
def test_a_fully_connected_layer_reads_a_map_as_it_lies(
    sides: tuple[int, ...], keep: bool, out: tuple[int, ...], per_channel: bool
) -> None:
    w = Written()
    inputs = [w.input(*sides, zero=9), w.weight(5, 12, per_channel=per_channel), w.bias(5)]
    w.op("FULLY_CONNECTED", inputs, w.map(*out, scale=0.1), keepNumDims=keep, fusedActivationFunction=RELU)
    assert assert_equal_maps(w.content(), 20) > 0
    assert isinstance(graph_of(w.content()).ops[-1], FullyConnected)


@pytest.mark.parametrize("per_channel", [False, True])
def test_a_fully_connected_layer_over_rows_is_a_convolution(per_channel: bool) -> None:
    w = Written()
    inputs = [w.input(1, 7, 6), w.weight(5, 6, per_channel=per_channel), w.bias(5)]
    w.op("FULLY_CONNECTED", inputs, w.map(1, 7, 5, scale=0.2), keepNumDims=True)
    assert assert_equal_maps(w.content(), 20) > 0
    assert isinstance(graph_of(w.content()).ops[-1], Conv2d)


@pytest.mark.parametrize("per_channel", [False, True])
def test_the_product_of_scales_is_taken_in_double(per_channel: bool) -> None:
    """Sums that lie where a product in float32 gives another output: large biases show the last bits of a factor."""
    s_x, s_w, s_y = (float(np.float32(scale)) for scale in (0.0637, 3.3e-8, 0.0715))
    near = fixed.real(float(np.float32(s_x * s_w)) / s_y), fixed.real(s_x * s_w / s_y)
    around = np.concatenate([round((k + 0.5) * s_y / s_x / s_w) + np.arange(-99, 100) for k in range(-30, 30)])
    telling = around[fixed.scale(around, near[0]) != fixed.scale(around, near[1])]
    w = Written()
    weight = w.constant(
        np.zeros((len(telling), 1), np.int8), scales=[s_w] * len(telling if per_channel else [0]), zeros=[0]
    )
    inputs = [w.input(1, 1, scale=s_x), weight, w.constant(telling.astype(np.int32), scales=[s_x * s_w], zeros=[0])]
    w.op("FULLY_CONNECTED", inputs, w.map(1, len(telling), scale=s_y))
    assert len(telling) > 100
    assert assert_equal_maps(w.content(), 1) > 100


def reshaped(w: Written, sides: tuple[int, ...], zero: int = 0) -> int:
    """A map of any sides, also those that no input has: a batch of more than 1."""
    count = int(np.prod(sides))
    return w.op("RESHAPE", [w.input(1, count, zero=zero), w.whole(sides)], w.map(*sides, zero=zero))


POOLS = {
    "whole map": ((4, 3, 5), (4, 3), 1, VALID, (1, 1, 5)),
    "2x2": ((6, 4, 3), (2, 2), 2, VALID, (3, 2, 3)),
    "3x3 over the border": ((5, 6, 3), (3, 3), 2, SAME, (3, 3, 3)),
    "window beyond the map": ((3, 2, 2), (5, 5), 1, SAME, (3, 2, 2)),
}


@pytest.mark.parametrize("activation", [NONE, RELU6])
@pytest.mark.parametrize("code", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
@pytest.mark.parametrize("case", POOLS)
def test_a_pool_gives_the_same_maps(case: str, code: str, activation: int) -> None:
    sides, (high, wide), stride, padding, out = POOLS[case]
    w = Written()
    y = w.map(1, *out, scale=0.05, zero=4)
    options = {"filterHeight": high, "filterWidth": wide, "strideH": stride, "strideW": stride, "padding": padding}
    w.op(code, [w.input(1, *sides, scale=0.05, zero=4)], y, fusedActivationFunction=activation, **options)
    assert assert_equal_maps(w.content()) > 0
    whole = case == "whole map" and activation == NONE and code == "AVERAGE_POOL_2D"
    assert isinstance(graph_of(w.content()).ops[0], GlobalAveragePool) == whole


@pytest.mark.parametrize("code", ["ADD", "MUL"])
@pytest.mark.parametrize(
    "sides, other", [((4, 3, 5), (4, 3, 5)), ((4, 3, 5), (1, 1, 5)), ((1, 1, 5), (4, 3, 5)), ((4, 3, 5), (4, 3, 1))]
)
def test_sums_and_products_repeat_sides_of_one(code: str, sides: tuple[int, ...], other: tuple[int, ...]) -> None:
    w = Written()
    inputs = [w.input(1, *sides, zero=3), w.input(1, *other, scale=0.02, zero=-100)]
    w.op(code, inputs, w.map(1, 4, 3, 5, scale=0.06, zero=-2), fusedActivationFunction=RELU6)
    assert assert_equal_maps(w.content()) > 0


@pytest.mark.parametrize("code", ["ADD", "MUL"])
@pytest.mark.parametrize("sides", [(5,), (1, 1, 1, 5), (), (1, 4, 3, 5), (3, 5)])
@pytest.mark.parametrize("first", [False, True])
def test_one_side_of_a_sum_or_product_may_be_a_constant(code: str, sides: tuple[int, ...], first: bool) -> None:
    w = Written()
    values = np.resize(np.array([-128, 127, 3, 0, -9, 55], dtype=np.int8), sides)
    pair = [w.input(1, 4, 3, 5, zero=3), w.constant(values, scales=[0.03], zeros=[7])]
    w.op(code, pair[::-1] if first else pair, w.map(1, 4, 3, 5, scale=0.06, zero=-2))
    assert assert_equal_maps(w.content()) > 0


MEANS: dict[str, tuple[tuple[int, ...], list[int], tuple[int, ...]]] = {
    "height and width": ((1, 4, 3, 5), [1, 2], (5,)),
    "width and height": ((1, 4, 3, 5), [2, 1], (5,)),
    "counted from the end": ((1, 4, 3, 5), [-2, -3], (5,)),
    "height": ((1, 4, 3, 5), [1], (3, 5)),
    "width": ((1, 4, 3, 5), [2], (4, 5)),
    "channels": ((1, 4, 3, 5), [3], (4, 3)),
    "width and channels": ((1, 4, 3, 5), [2, 3], (4,)),
    "height and channels": ((1, 4, 3, 5), [1, 3], (3,)),
    "all": ((1, 4, 3, 5), [1, 2, 3], ()),
    "time": ((1, 6, 5), [1], (5,)),
    "features": ((1, 6), [1], ()),
    "a map of one place": ((1, 1, 1, 5), [1, 2], (5,)),
}
MEANS_OF_BATCHES: dict[str, tuple[tuple[int, ...], list[int], tuple[int, ...]]] = {
    "height and width": ((2, 4, 3, 5), [1, 2], (2, 5)),
    "channels": ((2, 4, 3, 5), [3], (2, 4, 3)),
    "the batch": ((2, 4, 3, 5), [0], (4, 3, 5)),
}


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("case", MEANS)
def test_a_mean_over_any_axes_gives_the_same_maps(case: str, keep: bool) -> None:
    sides, axes, left = MEANS[case]
    w = Written()
    kept = tuple(1 if at in [axis % len(sides) for axis in axes] else side for at, side in enumerate(sides))
    out = kept if keep else (1, *left)
    w.op("MEAN", [w.input(*sides, zero=3), w.whole(axes)], w.map(*out, scale=0.02, zero=-20), keepDims=keep)
    assert assert_equal_maps(w.content(), 20) > 0


@pytest.mark.parametrize("sides, axes", [((4, 3, 5), [1, 2]), ((4, 3, 5), [1]), ((4, 3, 5), [-2]), ((1, 3, 5), [2])])
@pytest.mark.parametrize("keep", [False, True])
def test_the_largest_over_a_map_gives_the_same_maps(sides: tuple[int, ...], axes: list[int], keep: bool) -> None:
    w = Written()
    gone = [axis % 4 for axis in axes]
    kept = [1 if at in gone else side for at, side in enumerate((1, *sides))]
    left = [side for at, side in enumerate((1, *sides)) if at not in gone]
    w.op("REDUCE_MAX", [w.input(1, *sides), w.whole(axes)], w.map(*(kept if keep else left)), keepDims=keep)
    assert assert_equal_maps(w.content()) > 0


@pytest.mark.parametrize("case", MEANS_OF_BATCHES)
def test_a_mean_over_a_map_with_more_rows_gives_the_same_maps(case: str) -> None:
    sides, axes, left = MEANS_OF_BATCHES[case]
    w = Written()
    y = w.op("MEAN", [reshaped(w, sides), w.whole(axes)], w.map(*left, scale=0.04, zero=3), keepDims=False)
    w.op("RESHAPE", [y, w.whole([1, -1])], w.map(1, int(np.prod(left)), scale=0.04, zero=3))
    assert assert_equal_maps(w.content(), 10) > 0


PADS: dict[str, tuple[tuple[int, ...], list[list[int]]]] = {
    "all three axes": ((1, 3, 2, 4), [[0, 0], [1, 2], [0, 1], [2, 0]]),
    "height and width": ((1, 3, 2, 4), [[0, 0], [1, 1], [2, 2], [0, 0]]),
    "channels": ((1, 3, 2, 4), [[0, 0], [0, 0], [0, 0], [1, 3]]),
    "time": ((1, 5, 4), [[0, 0], [2, 1], [0, 0]]),
    "features": ((1, 5), [[0, 0], [3, 1]]),
    "the batch": ((2, 3, 4, 2), [[1, 0], [0, 0], [0, 0], [2, 1]]),
}


@pytest.mark.parametrize("value", [None, 17])
@pytest.mark.parametrize("case", PADS)
def test_a_border_gives_the_same_maps(case: str, value: int | None) -> None:
    sides, border = PADS[case]
    w = Written()
    inputs = [reshaped(w, sides, zero=-3), w.whole(border)]
    if value is not None:
        inputs.append(w.constant(np.array([value], dtype=np.int8), scales=[0.05], zeros=[-3]))
    out = [side + before + after for side, (before, after) in zip(sides, border, strict=True)]
    w.op("PAD" if value is None else "PADV2", inputs, w.map(*out, zero=-3))
    assert assert_equal_maps(w.content()) > 0


TRANSPOSED: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((1, 3, 4, 5), (0, *order)) for order in permutations((1, 2, 3))
]
TRANSPOSED += [((1, 4, 5), (0, 2, 1)), ((1, 3, 4, 2, 3), (0, 1, 2, 4, 3)), ((4, 6), (1, 0)), ((1, 1, 7), (0, 2, 1))]
TRANSPOSED += [
    ((1, 4, 5), (1, 0, 2)),
    ((1, 4, 5), (2, 1, 0)),
    ((1, 3, 4, 5), (3, 0, 1, 2)),
    ((1, 4, 1, 6), (0, 3, 2, 1)),
]


@pytest.mark.parametrize("sides, order", TRANSPOSED)
def test_axes_in_another_order_give_the_same_maps(sides: tuple[int, ...], order: tuple[int, ...]) -> None:
    w = Written()
    count = int(np.prod(sides))
    turned = w.op("TRANSPOSE", [reshaped(w, sides), w.whole(order)], w.map(*(sides[axis] for axis in order)))
    w.op("RESHAPE", [turned, w.whole([1, count])], w.map(1, count))
    assert assert_equal_maps(w.content()) > 0


JOINED: list[tuple[tuple[int, ...], int]] = [((1, 3, 2, 4), axis) for axis in (1, 2, 3, -1)]
JOINED += [((1, 5, 4), 1), ((1, 6), 1), ((1, 6), 0), ((2, 3, 2, 4), 0), ((2, 3, 2, 4), 1), ((2, 3, 2, 4), 3)]


@pytest.mark.parametrize("sides, axis", JOINED)
def test_maps_one_after_the_other_give_the_same_maps(sides: tuple[int, ...], axis: int) -> None:
    along = axis % len(sides)
    longer = tuple(side + 2 * (at == along) for at, side in enumerate(sides))
    out = tuple(2 * side + longer[at] if at == along else side for at, side in enumerate(sides))
    w = Written()
    fixed = w.constant(np.resize(np.arange(-9, 9, dtype=np.int8), sides), scales=[0.05], zeros=[0])
    joined = w.op("CONCATENATION", [reshaped(w, sides), reshaped(w, longer), fixed], w.map(*out), axis=axis)
    w.op("RESHAPE", [joined, w.whole([1, -1])], w.map(1, int(np.prod(out))))
    assert assert_equal_maps(w.content()) > 0
    assert sum(isinstance(op, Concat) for op in graph_of(w.content()).ops) == 1


@pytest.mark.parametrize("flags", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("size", [(8, 6), (5, 9), (2, 2), (4, 3)])
def test_the_nearest_places_are_the_same(size: tuple[int, int], flags: tuple[bool, bool]) -> None:
    w = Written()
    inputs = [w.input(1, 4, 3, 2), w.whole(size)]
    options = {"alignCorners": flags[0], "halfPixelCenters": flags[1]}
    w.op("RESIZE_NEAREST_NEIGHBOR", inputs, w.map(1, *size, 2), **options)
    assert assert_equal_maps(w.content()) > 0


CURVES: dict[str, dict[str, Any]] = {
    "RELU": {"scale": 0.03, "zero": -128},
    "RELU6": {"scale": 0.05, "zero": 3},
    "LOGISTIC": {"scale": 1 / 256, "zero": -128},
    "HARD_SWISH": {"scale": 0.04, "zero": -60},
}


@pytest.mark.parametrize("code", CURVES)
@pytest.mark.parametrize("sides", [(1, 4, 4, 16), (1, 256), (1, 16, 16)])
def test_an_activation_of_its_own_gives_the_same_maps(code: str, sides: tuple[int, ...]) -> None:
    w = Written()
    w.op(code, [w.input(*sides, scale=0.05, zero=3)], w.map(*sides, **CURVES[code]))
    assert assert_equal_maps(w.content(), 4) > 0


@pytest.mark.parametrize(
    "code, before, after",
    [("RELU", 0.11, 0.2), ("RELU", 0.07, 0.1), ("HARD_SWISH", 0.0708, 0.083), ("HARD_SWISH", 0.0803, 0.097)],
)
def test_the_quotient_of_scales_is_taken_in_double(code: str, before: float, after: float) -> None:
    """Scales for which a quotient in float32 gives other outputs, found by search."""
    w = Written()
    x = w.input(1, 256, scale=before)
    w.op(code, [x], w.map(1, 256, scale=after, zero=-100))
    every = np.arange(-128, 128, dtype=np.int8).reshape(1, 1, 256)
    assert assert_equal_maps(w.content(), [{"t0": every}]) == 512


@pytest.mark.parametrize("sides", [(1, 12), (1, 3, 4), (1, 2, 3, 5), (7,)])
@pytest.mark.parametrize("beta", [1.0, 0.5])
def test_softmax_over_the_last_axis_gives_the_same_maps(sides: tuple[int, ...], beta: float) -> None:
    w = Written()
    w.op("SOFTMAX", [w.input(*sides, scale=0.1, zero=5)], w.map(*sides, scale=1 / 256, zero=-128), beta=beta)
    assert assert_equal_maps(w.content(), 20) > 0


EDGES = {
    "float32 in": ("FLOAT32", "INT8"),
    "from one scale to another": ("INT8", "INT8"),
    "uint8 in": ("UINT8", "INT8"),
    "uint8 out": ("INT8", "UINT8"),
}


@pytest.mark.parametrize("case", EDGES)
@pytest.mark.parametrize("scale", [0.05, 0.0517, 0.2])
def test_a_change_of_format_gives_the_same_maps(case: str, scale: float) -> None:
    before, after = EDGES[case]
    w = Written()
    zeros = {"INT8": -4, "UINT8": 131, "FLOAT32": 0}
    x = w.input(1, 16, 16, kind=before, scale=0.05, zero=zeros[before])
    w.op("QUANTIZE", [x], w.map(1, 16, 16, kind=after, scale=scale, zero=zeros[after] + 3))
    assert assert_equal_maps(w.content(), 4) > 0


def test_a_network_between_float_edges_keeps_them() -> None:
    w = Written()
    x = w.op("QUANTIZE", [w.input(1, 4, 4, 2, kind="FLOAT32")], w.map(1, 4, 4, 2, zero=3))
    flat = w.op("RESHAPE", [x, w.whole([1, 32])], w.map(1, 32, zero=3))
    y = w.op("FULLY_CONNECTED", [flat, w.weight(5, 32), w.bias(5)], w.map(1, 5, scale=0.3))
    out = w.op("DEQUANTIZE", [y], w.map(1, 5, kind="FLOAT32"))
    graph = graph_of(w.content(out))
    assert assert_equal_maps(w.content(out), 20) > 0
    assert [graph.tensor(name).form.value for name in (*graph.inputs, *graph.outputs)] == ["float32", "float32"]


def test_another_shape_of_real_numbers_stays_at_the_edge() -> None:
    w = Written()
    flat = w.op("RESHAPE", [w.input(1, 2, 3, kind="FLOAT32"), w.whole([1, 6])], w.map(1, 6, kind="FLOAT32"))
    x = w.op("QUANTIZE", [flat], w.map(1, 6, zero=3))
    y = w.op("DEQUANTIZE", [w.op("RELU", [x], w.map(1, 6, zero=3))], w.map(1, 6, kind="FLOAT32"))
    w.op("RESHAPE", [y, w.whole([1, 3, 2])], w.map(1, 3, 2, kind="FLOAT32"))
    assert assert_equal_maps(w.content()) > 0


def test_a_map_may_be_added_to_itself_and_read_twice() -> None:
    w = Written()
    x = w.input(1, 3, 2, zero=3)
    twice = w.op("ADD", [x, x], w.map(1, 3, 2, scale=0.1, zero=3))
    square = w.op("MUL", [x, x], w.map(1, 3, 2, scale=0.1))
    both = w.op("ADD", [twice, square], w.map(1, 3, 2, scale=0.2))
    assert assert_equal_maps(w.content(twice, both)) > 0
    assert len(graph_of(w.content(twice, both)).outputs) == 2


def test_a_softmax_in_float_behind_the_network_is_left_out_and_named() -> None:
    w = Written()
    y = w.op("FULLY_CONNECTED", [w.input(1, 6), w.weight(5, 6), w.bias(5)], w.map(1, 5, scale=0.3))
    logits = w.op("DEQUANTIZE", [y], w.map(1, 5, kind="FLOAT32", name="logits"))
    w.op("LOG_SOFTMAX", [logits], w.map(1, 5, kind="FLOAT32", name="answer"))
    found = imported(w.content(), "file.tflite", "file")
    assert found.left_out == ("operator 2 LOG_SOFTMAX (makes 'answer')",)
    assert found.graph.outputs == ("logits",)


def flattened(batch: int) -> Written:
    """A Flatten of a model with an open batch, as TensorFlow's converter writes it."""
    w = Written()
    x = w.input(1, 4, 3, 2, signature=[batch, 4, 3, 2])
    sides = w.op("SHAPE", [x], w.map(4, kind="INT32"))
    bounds = [w.whole([0]), w.whole([1]), w.whole([1])]
    first = w.op("STRIDED_SLICE", [sides, *bounds], w.map(kind="INT32"), shrinkAxisMask=1)
    wish = w.op("PACK", [first, w.whole(24)], w.map(2, kind="INT32"), valuesCount=2)
    flat = w.op("RESHAPE", [x, wish], w.map(1, 24, signature=[batch, 24]))
    w.op("FULLY_CONNECTED", [flat, w.weight(5, 24), w.bias(5)], w.map(1, 5, scale=0.3, signature=[batch, 5]))
    return w


def test_a_shape_computed_from_shapes_is_a_constant() -> None:
    content = flattened(-1).content()
    assert assert_equal_maps(content) > 0
    assert [type(op) for op in graph_of(content).ops] == [Reshape, FullyConnected]


def test_shapes_are_worked_out_through_products_and_gathers() -> None:
    w = Written()
    x = w.input(1, 4, 3, 2)
    sides = w.op("SHAPE", [x], w.map(4, kind="INT32"))
    tail = w.op("GATHER", [sides, w.whole([1, 2, 3])], w.map(3, kind="INT32"), axis=0)
    count = w.op("REDUCE_PROD", [tail, w.whole([0])], w.map(kind="INT32"))
    wish = w.op("PACK", [w.whole(1), count], w.map(2, kind="INT32"), valuesCount=2)
    w.op("RESHAPE", [x, wish], w.map(1, 24))
    graph = graph_of(w.content())
    assert graph.tensor(graph.outputs[0]).shape == (1, 1, 24)


@pytest.mark.parametrize(
    "code, sides, constant, out",
    [
        ("RESHAPE", (1, 4, 6), [-1, 24], (1, 24)),
        ("RESHAPE", (1, 24), [1, 2, 3, 4], (1, 2, 3, 4)),
        ("EXPAND_DIMS", (1, 6, 4), 1, (1, 1, 6, 4)),
        ("EXPAND_DIMS", (1, 6, 4), -1, (1, 6, 4, 1)),
        ("SQUEEZE", (1, 1, 6, 4), None, (6, 4)),
    ],
)
def test_another_shape_keeps_the_bytes(code: str, sides: Any, constant: Any, out: tuple[int, ...]) -> None:
    w = Written()
    inputs = [w.input(*sides), *([] if constant is None else [w.whole(constant)])]
    w.op(code, inputs, w.map(*out), **({"squeezeDims": []} if code == "SQUEEZE" else {}))
    assert assert_equal_maps(w.content()) > 0


def test_the_name_of_a_map_is_that_of_the_first_layer_fused_into_it() -> None:
    w = Written()
    x = w.input(1, 6, name="serving input:0")
    w.op("RELU", [x], w.map(1, 6, name="net/relu;net/bn;net/conv"))
    graph = graph_of(w.content())
    assert [t.name for t in graph.tensors] == ["serving_input:0", "net/relu"]
    assert [op.name for op in graph.ops] == ["0.relu"]


def test_two_tensors_of_one_name_are_two_maps() -> None:
    w = Written()
    first = w.op("RELU", [w.input(1, 6, name="x")], w.map(1, 6, name="x"))
    w.op("RELU6", [first], w.map(1, 6, name="x"))
    assert [t.name for t in graph_of(w.content()).tensors] == ["x", "x.2", "x.3"]
