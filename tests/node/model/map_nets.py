"""Networks with operators that have no weights: of any shape hypothesis thinks of, and small ones as they are built."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np
from hypothesis import strategies as st

from fleet.node.model.graph import (
    WHOLE_RANGE,
    Activation,
    AveragePool,
    Concat,
    Curve,
    Form,
    Graph,
    MaxPool,
    Mean,
    Mul,
    Pad,
    Quantize,
    Reshape,
    ResizeNearest,
    Tensor,
    Transpose,
)
from tests.node.model.nets import TYPICAL, Builder, Shape, _out, _window, repeated, sides

KINDS = ("mul", "gate", "average", "max", "mean", "pad", "transpose", "reshape", "concat", "resize", "curve")


class MapBuilder(Builder):
    """A builder that knows operators without weights as well."""

    def mul(self, x: Tensor, x2: Tensor, zero: int = -20, *, clip=WHOLE_RANGE) -> Tensor:
        y = self._map(repeated(x, x2), x.scale * x2.scale * TYPICAL, zero)
        self.ops.append(Mul(name=self._name(), x=x.name, x2=x2.name, y=y.name, clip=clip))
        return y

    def window(
        self, make: type[AveragePool] | type[MaxPool], x: Tensor, kernel, stride, pad, clip=WHOLE_RANGE
    ) -> Tensor:
        y = self._map((*_out(x, kernel, stride, pad), x.shape[2]), x.scale, x.zero_point)
        self.ops.append(make(name=self._name(), x=x.name, y=y.name, kernel=kernel, stride=stride, pad=pad, clip=clip))
        return y

    def mean(self, x: Tensor, axes: tuple[int, ...], zero: int = 0) -> Tensor:
        shape = sides(1 if axis in axes else side for axis, side in enumerate(x.shape))
        y = self._map(shape, x.scale, zero)
        self.ops.append(Mean(name=self._name(), x=x.name, y=y.name, axes=axes))
        return y

    def pad(self, x: Tensor, before: Shape, after: Shape, value: int | None = None) -> Tensor:
        y = self._map(sides(map(sum, zip(before, x.shape, after, strict=True))), x.scale, x.zero_point)
        border = x.zero_point if value is None else value
        self.ops.append(Pad(name=self._name(), x=x.name, y=y.name, before=before, after=after, value=border))
        return y

    def transpose(self, x: Tensor, order: Shape) -> Tensor:
        y = self._map(sides(x.shape[axis] for axis in order), x.scale, x.zero_point)
        self.ops.append(Transpose(name=self._name(), x=x.name, y=y.name, order=order))
        return y

    def reshape(self, x: Tensor, shape: Shape) -> Tensor:
        y = self._map(shape, x.scale, x.zero_point)
        self.ops.append(Reshape(name=self._name(), x=x.name, y=y.name))
        return y

    def concat(self, xs: Sequence[Tensor], axis: int = 2) -> Tensor:
        """All maps on the scale of the first: an activation brings the others to it."""
        first = xs[0]
        fitting = [x if _same_scale(x, first) else self.curve(x, Curve.REQUANTIZE, like=first) for x in xs]
        shape = sides(sum(x.shape[axis] for x in xs) if at == axis else side for at, side in enumerate(first.shape))
        y = self._map(shape, first.scale, first.zero_point)
        self.ops.append(Concat(name=self._name(), xs=tuple(x.name for x in fitting), y=y.name, axis=axis))
        return y

    def resize(self, x: Tensor, height: int, width: int, *, align_corners=False, half_pixel_centers=False) -> Tensor:
        y = self._map((height, width, x.shape[2]), x.scale, x.zero_point)
        flags = {"align_corners": align_corners, "half_pixel_centers": half_pixel_centers}
        self.ops.append(ResizeNearest(name=self._name(), x=x.name, y=y.name, **flags))
        return y

    def curve(self, x: Tensor, curve: Curve, zero: int = -20, like: Tensor | None = None) -> Tensor:
        """like: the scale that REQUANTIZE goes to."""
        scale, at = (like.scale, like.zero_point) if like else (x.scale * 1.4, zero)
        if curve is Curve.LOGISTIC:
            scale, at = 1 / 256, -128
        if curve is Curve.RELU6:
            scale, at = x.scale, x.zero_point
        y = self._map(x.shape, scale, at)
        self.ops.append(Activation(name=self._name(), x=x.name, y=y.name, curve=curve))
        return y

    def rescaled(self, x: Tensor, scale: float) -> Tensor:
        """The same map with another scale, so that a curve is bent where its values lie."""
        self.tensors[self.tensors.index(x)] = replace(x, scale=float(np.float32(scale)))
        return self.tensors[[t.name for t in self.tensors].index(x.name)]

    def _map(self, shape: Shape, scale: float, zero: int) -> Tensor:
        return self._tensor(f"map{len(self.ops)}", shape, scale, zero)

    def _name(self) -> str:
        return f"op{len(self.ops)}"


def _same_scale(x: Tensor, other: Tensor) -> bool:
    return (x.scale, x.zero_point) == (other.scale, other.zero_point)


@st.composite
def map_graphs(draw: st.DrawFn, *, kinds: Sequence[str] = KINDS) -> Graph:
    """A convolution, then one to four operators without weights, each perhaps behind one more convolution; a head."""
    build = MapBuilder(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 4)))
    maps = [
        build.conv(build.input(shape, zero=draw(st.integers(-128, 127))), draw(st.integers(1, 6)), (1, 1), zero=-10)
    ]
    for _ in range(draw(st.integers(1, 4))):
        maps.append(_grown(draw, build, maps, draw(st.sampled_from(kinds))))
        if draw(st.booleans()):
            x, zero = maps[-1], draw(st.sampled_from([-128, -10, 60]))
            maps.append(build.conv(x, draw(st.sampled_from([x.shape[2], 3])), (1, 1), zero=zero))
    return build.head(maps[-1], classes=draw(st.integers(2, 5)))


def _grown(draw: st.DrawFn, build: MapBuilder, maps: Sequence[Tensor], kind: str) -> Tensor:
    x = maps[-1]
    clip = draw(st.sampled_from([WHOLE_RANGE, (-100, 90)]))
    match kind:
        case "mul":
            return build.mul(x, draw(st.sampled_from([m for m in maps if m.shape == x.shape])), clip=clip)
        case "gate":
            one, other = draw(st.permutations([x, _gate(draw, build, x)]))
            return build.mul(one, other, clip=clip)
        case "average" | "max":
            make = AveragePool if kind == "average" else MaxPool
            kernel, stride, pad = _pool_window(draw, x)
            return build.window(make, x, kernel, stride, pad, clip=clip)
        case "curve":
            curve = draw(st.sampled_from(list(Curve)))
            return build.curve(x, curve, draw(st.integers(-128, 127)))
        case "mean":
            axes = draw(st.sets(st.integers(0, 2), min_size=1).map(sorted))
            return build.mean(x, tuple(axes), draw(st.integers(-60, 60)))
        case _:
            return _moved(draw, build, maps, kind)


def _moved(draw: st.DrawFn, build: MapBuilder, maps: Sequence[Tensor], kind: str) -> Tensor:
    x = maps[-1]
    match kind:
        case "pad":
            border = st.tuples(*[st.integers(0, 2)] * 3)
            return build.pad(x, draw(border), draw(border), draw(st.sampled_from([None, 7])))
        case "transpose":
            return build.transpose(x, sides(draw(st.permutations(range(3)))))
        case "reshape":
            first = draw(st.sampled_from([n for n in range(1, x.size + 1) if x.size % n == 0]))
            return build.reshape(x, (first, 1, x.size // first))
        case "concat":
            axis = draw(st.integers(0, 2))
            fits = (axis + 1) % 3, (axis + 2) % 3
            rest = [m for m in maps[:-1] if all(m.shape[side] == x.shape[side] for side in fits)]
            return build.concat([x, *rest[-2:], build.curve(x, Curve.RELU)], axis)
        case _:
            size = draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
            aligned, half = draw(st.sampled_from([(False, False), (True, False), (False, True)]))
            return build.resize(x, *size, align_corners=aligned, half_pixel_centers=half)


def _gate(draw: st.DrawFn, build: MapBuilder, x: Tensor) -> Tensor:
    """What a Mul repeats along x: a value per channel, per row and column, or one for all."""
    axes = draw(st.sampled_from([(0, 1), (2,), (0,), (0, 1, 2)]))
    return build.curve(build.mean(x, axes), Curve.LOGISTIC)


def _pool_window(draw: st.DrawFn, x: Tensor):
    """A window that hangs over the border at most so far that it still holds a place of the map."""
    kernel, stride, (top, left, bottom, right) = _window(draw, x)
    top, left = min(top, kernel[0] - 1), min(left, kernel[1] - 1)
    bottom = min(max(bottom, kernel[0] - top - x.shape[0]), kernel[0] - 1)
    right = min(max(right, kernel[1] - left - x.shape[1]), kernel[1] - 1)
    return kernel, stride, (top, left, max(bottom, 0), max(right, 0))


# --- networks as they are built ---------------------------------------------------------------------------------


def squeeze_excite_net(seed: int = 0) -> Graph:
    """A hard-swish bottleneck whose channels are scaled by a gate of their means, and a skip around it."""
    build = MapBuilder(seed)
    x = build.conv(build.input((9, 7, 3), zero=-5), 8, (3, 3), (2, 2), (1, 1, 1, 1), zero=-10)
    inner = build.curve(build.rescaled(build.conv(x, 12, (1, 1), zero=3), 0.04), Curve.HARD_SWISH, zero=-110)
    inner = build.depthwise(inner, (3, 3), pad=(1, 1, 1, 1), zero=-100)
    gate = build.conv(build.mean(inner, (0, 1), zero=-100), 4, (1, 1))
    gate = build.curve(build.rescaled(build.conv(gate, 12, (1, 1), zero=10), 0.03), Curve.LOGISTIC)
    inner = build.mul(inner, gate, zero=-100)
    x = build.add(build.conv(inner, 8, (1, 1), zero=4), x)
    return build.head(build.pool(build.curve(x, Curve.RELU, zero=-128)), 4)


def concat_net(seed: int = 0) -> Graph:
    """Branches of two kernels and a pool, put together by channel, halved, enlarged and put together again."""
    build = MapBuilder(seed)
    x = build.conv(build.input((8, 9, 2), zero=4), 5, (3, 3), pad=(1, 1, 1, 1), zero=-20)
    branches = [build.conv(x, 4, (1, 1), zero=-60), build.conv(x, 3, (3, 3), pad=(1, 1, 1, 1), zero=-60)]
    branches.append(build.window(MaxPool, x, (3, 3), (1, 1), (1, 1, 1, 1)))
    wide = build.concat(branches)
    small = build.window(AveragePool, wide, (2, 2), (2, 2), (0, 0, 0, 1))
    small = build.conv(small, wide.shape[2], (1, 1), zero=-30)
    both = build.concat([wide, build.resize(small, *wide.shape[:2])])
    return build.head(build.pool(build.conv(both, 6, (1, 1))), 3)


def fork_net(seed: int = 0) -> Graph:
    """Two branches, wide inside and narrow at their ends, given layer by layer: all wide maps at once."""
    build = MapBuilder(seed)
    x = build.conv(build.input((8, 8, 3), zero=-7), 4, (3, 3), pad=(1, 1, 1, 1), zero=-20)
    wide = [build.conv(x, channels, (1, 1), zero=-40) for channels in (24, 20)]
    inner = [build.curve(each, Curve.RELU) for each in wide]
    ends = [build.conv(each, 3, (1, 1), zero=5) for each in inner]
    return build.head(build.pool(build.conv(build.concat(ends), 6, (1, 1))), 4)


def padded_net(seed: int = 0) -> Graph:
    """Convolutions behind pads of their own, as converters write them, a transpose and a reshape."""
    build = MapBuilder(seed)
    x = build.input((11, 6, 3), zero=12)
    x = build.conv(build.pad(x, (0, 1, 0), (1, 1, 0)), 6, (3, 3), (2, 2), zero=-50)
    x = build.depthwise(build.pad(x, (1, 1, 0), (1, 1, 0), value=-128), (3, 3), zero=-40)
    x = build.conv(build.transpose(x, (1, 0, 2)), 7, (1, 1), zero=-30)
    x = build.conv(build.reshape(x, (1, prod(x.shape[:2]), x.shape[2])), 5, (1, 3), (1, 2), zero=-60)
    return build.head(build.mean(x, (0, 1), zero=-60), 3)


def lenet(seed: int = 0) -> Graph:
    """Two convolutions with max pools on odd sizes, two dense layers."""
    build = MapBuilder(seed)
    x = build.conv(build.input((15, 13, 1), zero=-128), 6, (5, 5), pad=(2, 2, 2, 2))
    x = build.window(MaxPool, x, (2, 2), (2, 2), (0, 0, 1, 1))
    x = build.window(MaxPool, build.conv(x, 9, (3, 3)), (3, 3), (2, 2), (0, 1, 1, 1))
    return build.head(build.fully_connected(x, 16, zero=-80), 5)


def autoencoder(seed: int = 0) -> Graph:
    """A map made small, enlarged again and bent into 0 to 1: what it says is compared with what it should."""
    build = MapBuilder(seed)
    x = build.conv(build.input((6, 5, 2), zero=7), 6, (3, 3), (2, 2), (1, 1, 1, 1), zero=-40)
    x = build.resize(build.conv(x, 5, (1, 1), zero=-70), 6, 5, half_pixel_centers=True)
    x = build.rescaled(build.conv(x, 2, (3, 3), pad=(1, 1, 1, 1), zero=10), 0.03)
    build.curve(x, Curve.LOGISTIC)
    return build.graph()


def edged(form: Form, seed: int = 0) -> Graph:
    """A small network whose input comes as real numbers or as uint8."""
    build = MapBuilder(seed)
    scale, zero = (1.0, 0) if form is Form.FLOAT32 else (1 / 64, 130)
    source = Tensor(name="input", shape=(5, 4, 3), scale=scale, zero_point=zero, form=form)
    build.tensors.append(source)
    x = build._tensor("whole", source.shape, 1 / 60, 2)
    enter = {"name": "enter", "x": "input", "y": "whole"}
    build.ops.append(Quantize(**enter) if form is Form.FLOAT32 else Activation(**enter, curve=Curve.REQUANTIZE))
    return build.head(build.window(MaxPool, build.conv(x, 6, (3, 3)), (2, 1), (2, 2), (0, 0, 1, 0)), 3)


NETS = {"squeeze excite": squeeze_excite_net, "concat": concat_net, "padded": padded_net, "lenet": lenet}
