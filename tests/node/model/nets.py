"""Small int8 networks for tests: of any shape hypothesis thinks of, and the quickstart's with random weights."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import prod, sqrt

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.base.rng import draws32, key
from fleet.node.model.graph import (
    BIAS_LIMIT,
    WHOLE_RANGE,
    Add,
    Conv2d,
    Dense,
    Depthwise,
    Float32,
    FullyConnected,
    GlobalAveragePool,
    Graph,
    Int8,
    Int32,
    Op,
    Tensor,
)
from fleet.node.model.recipe import Gradients, Loss, Recipe, Rule
from fleet.node.model.scheme import Scheme, Trained, head_of
from fleet.node.model.zoo import Kind, zoo_net

TYPICAL = 74  # standard deviation of int8 values that fill their range
DEAD = (0.0, 1e-9)  # weight scales of channels that never train
SPANS = ((0.0, np.inf), (0.0, 6.0), (-1.0, 1.0))  # of the activations inside TFLite's operators
Shape = tuple[int, int, int]


def sides(values: Iterable[int]) -> Shape:
    """Height, width and channels."""
    height, width, channels = values
    return height, width, channels


def repeated(x: Tensor, x2: Tensor) -> Shape:
    """The shape of a sum or product of two maps, sides of 1 repeated."""
    return sides(max(pair) for pair in zip(x.shape, x2.shape, strict=True))


Span = tuple[float, float] | None  # real values that an output may take; None: all that int8 holds


def clip_to(tensor: Tensor, span: Span) -> tuple[int, int]:
    """The int8 of a span. Source: TFLite, CalculateActivationRangeQuantized; halves away from zero, in float32."""
    if span is None:
        return WHOLE_RANGE
    steps = [float(np.float32(edge) / np.float32(tensor.scale)) for edge in span]
    low, high = (int(np.sign(v) * np.floor(min(abs(v), 999) + 0.5)) + tensor.zero_point for v in steps)
    return max(-128, low), min(127, high)


@dataclass
class Builder:
    """Grows a network operator by operator, with scales that keep its maps busy; a seed names the same one for ever."""

    seed: int
    tensors: list[Tensor] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    odd: bool = False  # dead channels, and biases at their limits
    drawn: int = 0

    def input(self, shape: Shape, zero: int = 0, scale: float = 1 / 64) -> Tensor:
        return self._tensor("input", shape, scale, zero)

    def conv(
        self,
        x: Tensor,
        outputs: int,
        kernel: tuple[int, int],
        stride=(1, 1),
        pad=(0, 0, 0, 0),
        zero=-128,
        *,
        groups=1,
        span: Span = None,
    ) -> Tensor:
        weight = self._weight(outputs, *kernel, x.shape[2] // groups)
        scales, bias = self._scales(outputs), self._bias(outputs)
        y = self._output(x, (*_out(x, kernel, stride, pad), outputs), weight[0].size, zero)
        where = {"name": f"op{len(self.ops)}", "x": x.name, "y": y.name, "stride": stride, "pad": pad}
        self.ops.append(
            Conv2d(**where, clip=clip_to(y, span), weight=weight, bias=bias, weight_scale=scales, groups=groups)
        )
        return y

    def depthwise(
        self,
        x: Tensor,
        kernel: tuple[int, int],
        stride=(1, 1),
        pad=(0, 0, 0, 0),
        zero=-128,
        *,
        multiplier=1,
        span: Span = None,
    ) -> Tensor:
        channels = x.shape[2] * multiplier
        weight = self._weight(*kernel, channels)
        scales, bias = self._scales(channels), self._bias(channels)
        y = self._output(x, (*_out(x, kernel, stride, pad), channels), kernel[0] * kernel[1], zero)
        where = {"name": f"op{len(self.ops)}", "x": x.name, "y": y.name, "stride": stride, "pad": pad}
        self.ops.append(Depthwise(**where, clip=clip_to(y, span), weight=weight, bias=bias, weight_scale=scales))
        return y

    def fully_connected(
        self, x: Tensor, outputs: int, zero: int = -128, *, per_tensor: bool = True, span: Span = None
    ) -> Tensor:
        """per_tensor: one scale for all weights, for which TFLite Micro rounds a product differently."""
        weight, bias = self._weight(outputs, x.size), self._bias(outputs)
        scales = np.full(outputs, np.float32(0.0037)) if per_tensor else self._scales(outputs)
        y = self._output(x, (1, 1, outputs), x.size, zero)
        self.ops.append(
            FullyConnected(
                name=f"op{len(self.ops)}",
                x=x.name,
                y=y.name,
                weight=weight,
                bias=bias,
                weight_scale=scales.astype(np.float32),
                clip=clip_to(y, span),
            )
        )
        return y

    def add(self, x: Tensor, x2: Tensor, zero: int = -20, *, span: Span = None) -> Tensor:
        y = self._tensor(f"map{len(self.ops)}", repeated(x, x2), max(x.scale, x2.scale) * 1.3, zero)
        self.ops.append(Add(name=f"op{len(self.ops)}", x=x.name, x2=x2.name, y=y.name, clip=clip_to(y, span)))
        return y

    def pool(self, x: Tensor) -> Tensor:
        y = self._tensor(f"map{len(self.ops)}", (1, 1, x.shape[2]), x.scale, x.zero_point)
        self.ops.append(GlobalAveragePool(name=f"op{len(self.ops)}", x=x.name, y=y.name))
        return y

    def graph(self) -> Graph:
        """What has grown, without a head."""
        return Graph(name="test", tensors=tuple(self.tensors), ops=tuple(self.ops))

    def head(self, x: Tensor, classes: int) -> Graph:
        scale = np.float32(2 / (x.scale * TYPICAL**2 * sqrt(x.size)))
        self._tensor("logits", (1, 1, classes), 1 / 256, 0)
        self.ops.append(
            Dense(
                name="head",
                x=x.name,
                y="logits",
                weight=self._weight(classes, x.size),
                bias=self._whole(900, classes).astype(np.int32),
                weight_scale=np.full(classes, scale, dtype=np.float32),
            )
        )
        return self.graph()

    def _tensor(self, name: str, shape: Shape, scale: float, zero: int) -> Tensor:
        self.tensors.append(Tensor(name=name, shape=shape, scale=float(np.float32(scale)), zero_point=zero))
        return self.tensors[-1]

    def _output(self, x: Tensor, shape: Shape, products: int, zero: int) -> Tensor:
        """A map whose scale fits what `products` random weights of scale 0.004 make of x."""
        return self._tensor(f"map{len(self.ops)}", shape, x.scale * 0.004 * TYPICAL * sqrt(products), zero)

    def _weight(self, *shape: int) -> Int8:
        return self._whole(127, prod(shape)).astype(np.int8).reshape(shape)

    def _scales(self, count: int) -> Float32:
        scales = 0.002 + 0.004 * self._uniform(count)
        if self.odd:
            scales[self._uniform(count) < 0.2] = DEAD[self.seed % 2]
        return scales.astype(np.float32)

    def _bias(self, count: int) -> Int32:
        bias = self._whole(9000, count)
        if self.odd:
            bias[self._uniform(count) < 0.1] = BIAS_LIMIT if self.seed % 3 else -BIAS_LIMIT
        return bias.astype(np.int32)

    def _whole(self, most: int, count: int) -> NDArray[np.int64]:
        """Whole numbers from -most to most."""
        return np.floor(self._uniform(count) * (2 * most + 1)).astype(np.int64) - most

    def _uniform(self, count: int) -> NDArray[np.float64]:
        self.drawn += count
        return draws32(key(self.seed), self.drawn - count, count) / 2**32


def _out(
    x: Tensor, kernel: tuple[int, int], stride: tuple[int, int], pad: tuple[int, int, int, int]
) -> tuple[int, int]:
    down = (x.shape[0] + pad[0] + pad[2] - kernel[0]) // stride[0] + 1
    right = (x.shape[1] + pad[1] + pad[3] - kernel[1]) // stride[1] + 1
    return down, right


PLAIN = ("conv", "pointwise", "depthwise", "add")  # all that version 1 had
WEIGHTED = (*PLAIN, "grouped", "multiplied", "fully_connected", "broadcast")  # with every form of weights and sums


@st.composite
def graphs(draw: st.DrawFn, *, odd: bool = True, kinds: Sequence[str] = PLAIN, head: bool = True) -> Graph:
    """Networks of one to five operators and a head, with branches that meet again in an Add.

    odd: some have dead channels and biases at their limits. kinds: what they are made of; any but the plain ones
    bring narrower clips as well. Without a head, they end in a fully connected layer.
    """
    build = Builder(draw(st.integers(0, 2**32 - 1)), odd=odd and draw(st.booleans()))
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 5), st.integers(1, 5)))
    maps = [build.input(shape, zero=draw(st.integers(-128, 127)))]
    for _ in range(draw(st.integers(1, 5))):
        maps.append(_grown(draw, build, maps, kinds))
    last = build.pool(maps[-1]) if draw(st.booleans()) else maps[-1]
    if head:
        return build.head(last, classes=draw(st.integers(2, 9)))
    build.fully_connected(
        last, draw(st.integers(1, 9)), zero=draw(st.integers(-128, 127)), per_tensor=draw(st.booleans())
    )
    return build.graph()


def _grown(draw: st.DrawFn, build: Builder, maps: Sequence[Tensor], kinds: Sequence[str] = PLAIN) -> Tensor:
    """One more map: of the newest one, or of two that have one shape (perhaps the same one twice)."""
    x = maps[-1]
    zero = draw(st.sampled_from([-128, -128, -128, -30, 0, 127]))
    kind = draw(st.sampled_from(kinds))
    span = draw(st.sampled_from([None, None, *SPANS])) if kinds != PLAIN else None
    match kind:
        case "add":
            return build.add(x, draw(st.sampled_from([m for m in maps if m.shape == x.shape])), zero, span=span)
        case "broadcast":
            return build.add(x, _repeatable(draw, build, x), zero, span=span)
        case "pointwise":
            return build.conv(x, draw(st.sampled_from([x.shape[2], 1, 3, 9])), (1, 1), zero=zero, span=span)
        case "fully_connected":
            return build.fully_connected(x, draw(st.integers(1, 9)), zero, per_tensor=draw(st.booleans()), span=span)
    kernel, stride, pad = _window(draw, x)
    if kind in ("depthwise", "multiplied"):
        multiplier = draw(st.integers(2, 3)) if kind == "multiplied" else 1
        return build.depthwise(x, kernel, stride, pad, zero, multiplier=multiplier, span=span)
    divisors = [n for n in range(1, x.shape[2] + 1) if x.shape[2] % n == 0]
    groups = draw(st.sampled_from(divisors)) if kind == "grouped" else 1
    return build.conv(x, groups * draw(st.integers(1, 9)), kernel, stride, pad, zero, groups=groups, span=span)


def _repeatable(draw: st.DrawFn, build: Builder, x: Tensor) -> Tensor:
    """A map that an Add repeats along x: one value per channel, or per row and column."""
    if draw(st.booleans()):
        return build.conv(build.pool(x), x.shape[2], (1, 1))
    return build.conv(x, 1, (1, 1))


def _window(draw: st.DrawFn, x: Tensor) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int, int, int]]:
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 4)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 2)))
    top, left = draw(st.integers(0, kernel[0])), draw(st.integers(0, kernel[1]))
    bottom = max(draw(st.integers(0, kernel[0])), kernel[0] - top - x.shape[0])
    right = max(draw(st.integers(0, kernel[1])), kernel[1] - left - x.shape[1])
    return kernel, stride, (top, left, bottom, right)


@st.composite
def schemes(draw: st.DrawFn, graph: Graph, recipe: Recipe | None = None) -> Scheme:
    """Any part of any operator, the head always."""
    parts = [
        Trained(op=op.name, channels=draw(st.integers(0, op.weight.shape[-1])), bias=draw(st.booleans()))
        for op in graph.weighted[:-1]
    ]
    head = Trained(op=head_of(graph).name, channels=head_of(graph).weight.shape[-1], bias=True)
    trained = (*(p for p in parts if p.channels or p.bias), head)
    return Scheme(name="drawn", trained=trained, recipe=recipe if recipe is not None else Recipe())


def imu_net(seed: int = 0, skip: bool = False) -> Graph:
    """The quickstart's network with random weights. skip: block 4 keeps its width and adds its input to its output."""
    build = Builder(seed)
    spec = zoo_net("imu-ds-cnn", 7)
    x, entry = build.input(spec.input_shape), None
    for layer in spec.layers[:-2]:
        pad = layer.pad
        if layer.name == "block4.dw":
            entry = x
        outputs = x.shape[2] if skip and layer.name == "block4.pw" else layer.outputs
        if layer.kind is Kind.CONV:
            x = build.conv(x, outputs, layer.kernel, layer.stride, pad)
        else:
            x = build.depthwise(x, layer.kernel, layer.stride, pad)
    if skip and entry is not None:
        x = build.add(x, entry)
    return _named(build.head(build.pool(x), spec.classes), [layer.name for layer in spec.layers], skip=skip)


def residual_net(seed: int = 0, *, head: bool = True) -> Graph:
    """Two inverted bottlenecks with skips, a grouped layer, a depthwise multiplier, a gate's sum and a dense layer.

    Without a head, the dense layer's map is what the network says.
    """
    build = Builder(seed)
    x = build.input((9, 8, 4), zero=-3)
    x = build.conv(x, 12, (3, 3), (1, 1), (1, 1, 1, 1), zero=-20)
    for stride in ((1, 1), (1, 1)):
        entry = x
        x = build.conv(x, 24, (1, 1), span=(-1, 1))
        x = build.depthwise(x, (3, 3), stride, (1, 1, 1, 1), span=(-1, 1))
        x = build.add(build.conv(x, 12, (1, 1), zero=4), entry)
    x = build.conv(x, 16, (3, 2), (2, 1), (1, 0, 1, 1), zero=-40, groups=4)
    x = build.add(x, build.conv(build.pool(x), 16, (1, 1), zero=9))
    x = build.depthwise(x, (3, 3), (2, 2), (1, 1, 1, 1), zero=-60, multiplier=2)
    x = build.fully_connected(build.pool(x), 20, zero=-90)
    return build.head(x, 5) if head else build.graph()


@st.composite
def recipes(draw: st.DrawFn, *, loss: Loss = Loss.CROSS_ENTROPY) -> Recipe:
    """Any way to train but static exponents, which `calibrated` makes of it."""
    return Recipe(
        gradients=draw(st.sampled_from(Gradients)),
        rule=draw(st.sampled_from(Rule)),
        loss=loss,
        scaled=draw(st.booleans()),
        momentum=draw(st.sampled_from([0.0, 0.0, 0.5, 0.9])),
        batch=draw(st.sampled_from([1, 1, 2, 3])),
    )


def _named(graph: Graph, names: list[str], *, skip: bool) -> Graph:
    wanted = [*names[:-2], "block4.add", *names[-2:]] if skip else names
    return replace(graph, ops=tuple(replace(op, name=name) for op, name in zip(graph.ops, wanted, strict=True)))


def windows(graph: Graph, count: int, seed: int = 0) -> Int8:
    """int8 [count, H, W, C] over the whole range."""
    size = count * graph.input.size
    return (
        (draws32(key(seed, 1), 0, size) >> np.uint32(24))
        .astype(np.uint8)
        .view(np.int8)
        .reshape(count, *graph.input.shape)
    )
