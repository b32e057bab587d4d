"""Whole networks as converters write them, drawn operator by operator, against TensorFlow Lite Micro."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("tflite_micro", reason="TensorFlow Lite Micro comes as a wheel for Linux on x86-64 only")

from fleet.base.rng import below, key
from tests.node.model.tflite.micro import assert_equal_maps
from tests.node.model.tflite.written import NONE, RELU, RELU6, SAME, VALID, Written

NETWORKS = 120
LONGEST = 8
Sides = tuple[int, int, int]


@dataclass
class Grower:
    """A network under construction: the map at its end, with its sides, scale and zero point."""

    number: int
    w: Written = field(default_factory=Written)
    drawn: int = 0
    at: int = 0
    sides: Sides = (1, 1, 1)
    scale: float = 0.05
    zero: int = 0

    def choose(self, *options: Any) -> Any:
        self.drawn += 1
        return options[below(key(11, self.number), self.drawn, len(options))]

    def go(self, at: int, sides: Sides, scale: float, zero: int) -> None:
        self.at, self.sides, self.scale, self.zero = at, sides, scale, zero

    def map(self, sides: Sides, scale: float, zero: int) -> int:
        return self.w.map(1, *sides, scale=scale, zero=zero)

    def step(
        self, code: str, more: list[int], sides: Sides, encoding: tuple[float, int] | None = None, **options: Any
    ) -> None:
        """One operator at the end; encoding: of its output, the input's unless it is given."""
        scale, zero = encoding or (self.scale, self.zero)
        self.go(self.w.op(code, [self.at, *more], self.map(sides, scale, zero), **options), sides, scale, zero)

    def fresh(self) -> tuple[float, int]:
        return self.choose(0.03, 0.11, 0.2), self.choose(-128, -128, -10, 0, 37)


def strided(g: Grower, window: tuple[int, int]) -> tuple[Sides, dict[str, Any]]:
    """Height and width of what a window leaves, and its options; channels as they are."""
    (height, width, channels), (high, wide) = g.sides, window
    step = g.choose(1, 1, 2)
    fits = high <= height and wide <= width
    padding = g.choose(SAME, VALID) if fits else SAME
    down = -(-height // step) if padding == SAME else (height - high) // step + 1
    right = -(-width // step) if padding == SAME else (width - wide) // step + 1
    return (down, right, channels), {"padding": padding, "strideH": step, "strideW": step}


def conv(g: Grower) -> None:
    window = g.choose((1, 1), (3, 3), (5, 1), (2, 3))
    groups = g.choose(1, 1, *(n for n in (2, 3) if g.sides[2] % n == 0))
    outputs = groups * g.choose(1, 2, 3, 5)
    (down, right, channels), options = strided(g, window)
    inputs = [g.w.weight(outputs, *window, channels // groups, per_channel=g.choose(True, False)), g.w.bias(outputs)]
    options |= {"dilationHFactor": 1, "dilationWFactor": 1, "fusedActivationFunction": g.choose(NONE, RELU, RELU6)}
    g.step("CONV_2D", inputs, (down, right, outputs), g.fresh(), **options)


def depthwise(g: Grower) -> None:
    window, multiplier = g.choose((3, 3), (1, 5), (2, 2)), g.choose(1, 1, 2)
    (down, right, channels), options = strided(g, window)
    outputs = channels * multiplier
    inputs = [g.w.weight(1, *window, outputs, axis=3), g.w.bias(outputs)]
    options |= {"dilationHFactor": 1, "dilationWFactor": 1, "fusedActivationFunction": g.choose(NONE, RELU, RELU6)}
    g.step("DEPTHWISE_CONV_2D", inputs, (down, right, outputs), g.fresh(), depthMultiplier=multiplier, **options)


def pool(g: Grower) -> None:
    window = g.choose((2, 2), (3, 3), g.sides[:2])
    sides, options = strided(g, window)
    options |= {"filterHeight": window[0], "filterWidth": window[1], "fusedActivationFunction": g.choose(NONE, RELU)}
    g.step(g.choose("AVERAGE_POOL_2D", "MAX_POOL_2D"), [], sides, **options)


def skip(g: Grower) -> None:
    """A branch of its own, and the sum with what was there."""
    before = (g.at, g.sides, g.scale, g.zero)
    inputs = [g.w.weight(g.sides[2], 1, 1, g.sides[2]), g.w.bias(g.sides[2])]
    options = {"padding": SAME, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    g.step("CONV_2D", inputs, g.sides, g.fresh(), **options)
    g.step(g.choose("ADD", "MUL"), [before[0]], g.sides, g.fresh(), fusedActivationFunction=g.choose(NONE, RELU))


def gate(g: Grower) -> None:
    """Squeeze and excite: each channel times a number from its mean."""
    before, channels = (g.at, g.sides, g.scale, g.zero), g.sides[2]
    g.step("MEAN", [g.w.whole([1, 2])], (1, 1, channels), g.fresh(), keepDims=True)
    options = {"padding": SAME, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    g.step(
        "CONV_2D", [g.w.weight(channels, 1, 1, channels), g.w.bias(channels)], (1, 1, channels), (0.05, 3), **options
    )
    g.step("LOGISTIC", [], g.sides, (1 / 256, -128))
    excited = g.at
    g.go(*before)
    g.step("MUL", [excited], g.sides, g.fresh())


def curve(g: Grower) -> None:
    code = g.choose("RELU", "RELU6", "LOGISTIC", "HARD_SWISH", "QUANTIZE")
    encodings = {"LOGISTIC": (1 / 256, -128), "RELU6": (g.scale, g.zero), "HARD_SWISH": (g.scale, -60)}
    g.step(code, [], g.sides, encodings.get(code) or g.fresh())


def border(g: Grower) -> None:
    sides = [[0, 0], *(list(g.choose((0, 0), (1, 1), (0, 1), (2, 0))) for _ in range(3))]
    after = [side + sum(pair) for side, pair in zip(g.sides, sides[1:], strict=True)]
    g.step("PAD", [g.w.whole(sides)], (after[0], after[1], after[2]))


def turned(g: Grower) -> None:
    order = g.choose((0, 2, 1, 3), (0, 3, 1, 2), (0, 2, 3, 1), (0, 1, 3, 2))
    first, second, third = (g.sides[axis - 1] for axis in order[1:])
    g.step("TRANSPOSE", [g.w.whole(order)], (first, second, third))


def joined(g: Grower) -> None:
    """The map beside a rectified copy of itself."""
    before, axis = g.at, g.choose(1, 2, 3)
    g.step("RELU", [], g.sides)
    sides = [side * (2 if at == axis - 1 else 1) for at, side in enumerate(g.sides)]
    g.step("CONCATENATION", [before], (sides[0], sides[1], sides[2]), axis=axis)


def enlarged(g: Grower) -> None:
    high, wide = 2 * g.sides[0], g.sides[1] + 1
    options = {"alignCorners": g.choose(True, False), "halfPixelCenters": False}
    g.step("RESIZE_NEAREST_NEIGHBOR", [g.w.whole([high, wide])], (high, wide, g.sides[2]), **options)


def scaled(g: Grower) -> None:
    """What is left of a batch norm that nothing could absorb: a factor and a term for each channel."""
    for code in ("MUL", "ADD"):
        channels = g.w.weight(g.sides[2], per_channel=False)
        g.step(code, [channels], g.sides, g.fresh())


STEPS: tuple[Callable[[Grower], None], ...] = (
    conv, conv, depthwise, pool, skip, gate, curve, border, turned, joined, enlarged, scaled,
)  # fmt: skip


def network(number: int) -> bytes:
    """Eight operators at most, a classifier behind a mean or a flattened map, float edges or none."""
    g = Grower(number)
    sides = (g.choose(4, 7, 9), g.choose(1, 4, 6), g.choose(1, 3, 4))
    edged = g.choose(False, True)
    source = g.w.input(1, *sides, kind="FLOAT32") if edged else g.w.input(1, *sides)
    g.go(g.w.op("QUANTIZE", [source], g.map(sides, 0.05, 0)) if edged else source, sides, 0.05, 0)
    for _ in range(g.choose(*range(2, LONGEST + 1))):
        if max(g.sides) <= 24:
            g.choose(*STEPS)(g)
    features = g.sides[2]
    if g.choose(True, False):
        flat = g.w.op("MEAN", [g.at, g.w.whole([1, 2])], g.w.map(1, features, scale=0.06), keepDims=False)
    else:
        features = g.sides[0] * g.sides[1] * g.sides[2]
        flat = g.w.map(1, features, scale=g.scale, zero=g.zero)
        g.w.op("RESHAPE", [g.at, g.w.whole([-1, features])], flat)
    classes = g.w.map(1, 5, scale=0.4, zero=12)
    g.w.op("FULLY_CONNECTED", [flat, g.w.weight(5, features, per_channel=g.choose(True, False)), g.w.bias(5)], classes)
    last = g.w.op("SOFTMAX", [classes], g.w.map(1, 5, scale=1 / 256, zero=-128), beta=1.0)
    if edged:
        g.w.op("DEQUANTIZE", [last], g.w.map(1, 5, kind="FLOAT32"))
    return g.w.content()


def test_any_network_gives_the_maps_of_tflite_micro() -> None:
    compared = 0
    for number in range(NETWORKS):
        try:
            compared += assert_equal_maps(network(number), 2)
        except Exception as fault:
            fault.add_note(f"network number {number}")
            raise
    assert compared > 1000 * NETWORKS
