"""One lite residual module: its operators, maps, first weights and scales. `lite_residual.py` says what it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Final

import numpy as np

from fleet.base import rng
from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Add, AveragePool, Conv2d, GlobalAveragePool, Graph, Op, ResizeNearest, Tensor
from fleet.node.model.reference.operators import raw_output
from fleet.node.model.reference.values import Maps
from fleet.node.model.schemes.insertion import inserted
from fleet.node.model.schemes.outline import LITE

GROUPS: Final = 2
LARGEST_KERNEL: Final = 5
DIVISOR: Final = 8  # of the channels between the two convolutions
HIDDEN_TOP: Final = 6.0  # what normalised values behind the ReLU reach: six standard deviations
ASSUMED_SPREAD: Final = 64.0  # standard deviation of int8 values where no window is measured: a quarter of their range


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A chain of layers between two maps. last: its last operator. stride: of the whole chain."""

    name: str
    x: str
    y: str
    last: str
    stride: tuple[int, int]


def with_module(graph: Graph, block: Block, traces: Sequence[Maps], key: int) -> Graph:
    """The network with a module around one block. traces: maps of windows. key: of the first weights."""
    module = _Module(graph, block)
    module.pool()
    module.convolution(traces, key)
    module.pointwise()
    module.enlarge()
    module.sum()
    return inserted(graph, block.last, module.ops, module.maps, {block.y: module.newest.name})


class _Module:
    """Operators of one module while they are made."""

    def __init__(self, graph: Graph, block: Block) -> None:
        self.graph, self.block = graph, block
        self.source, self.target = graph.tensor(block.x), graph.tensor(block.y)
        self.maps: list[Tensor] = []
        self.ops: list[Op] = []
        self.newest = self.source

    def pool(self) -> None:
        """Halves of the map, or its mean where a half would be a single place."""
        height, width, channels = self.source.shape
        halves = (max(height // 2, 1), max(width // 2, 1))
        if halves == (1, 1):
            x, y = self._map("pool", (1, 1, channels), self.source)
            self.ops.append(GlobalAveragePool(name=y.name, x=x, y=y.name))
            return
        window = min(height, 2), min(width, 2)
        x, y = self._map("pool", (*halves, channels), self.source)
        self.ops.append(AveragePool(name=y.name, x=x, y=y.name, kernel=window, stride=window))

    def convolution(self, traces: Sequence[Maps], key: int) -> None:
        """Random weights, their sums normalised per output, a ReLU."""
        height, width, channels = self.newest.shape
        middle, groups = _divisible(channels), GROUPS if channels % GROUPS == 0 else 1
        kernel = _odd(height), _odd(width)
        stride = tuple(1 if side == 1 else step for side, step in zip((height, width), self.block.stride, strict=True))
        pad = (kernel[0] // 2, kernel[1] // 2) * 2
        size = middle * kernel[0] * kernel[1] * channels // groups
        drawn = rng.draws32(key, 0, size).astype(np.int64) % 255 - 127
        weight = drawn.astype(np.int8).reshape(middle, *kernel, channels // groups)
        sides = [(side - 1) // step + 1 for side, step in zip((height, width), stride, strict=True)]
        hidden = Tensor(name="", shape=(1, 1, 1), scale=float(np.float32(HIDDEN_TOP / 255)), zero_point=-128)
        x, y = self._map("conv1", (sides[0], sides[1], middle), hidden)
        op = Conv2d(
            name=y.name, x=x, y=y.name, weight=weight, bias=np.zeros(middle, dtype=np.int32), groups=groups,
            weight_scale=np.ones(middle, dtype=np.float32), stride=(stride[0], stride[1]), pad=pad,
        )  # fmt: skip
        self.ops.append(self._normalised(op, traces))

    def pointwise(self) -> None:
        """Weights of zero, with a scale at which typical ones would make a map as wide as the block's."""
        height, width, middle = self.newest.shape
        outputs = self.target.shape[2]
        scale = np.float32(self.target.scale * sqrt(2 / middle))  # a ReLU of normal values has a mean square of 1/2
        x, y = self._map("conv2", (height, width, outputs), self.target, zero_point=0)
        self.ops.append(
            Conv2d(
                name=y.name, x=x, y=y.name, weight=np.zeros((outputs, 1, 1, middle), dtype=np.int8),
                bias=np.zeros(outputs, dtype=np.int32), weight_scale=np.full(outputs, scale, dtype=np.float32),
            )
        )  # fmt: skip

    def enlarge(self) -> None:
        """To the block's height and width; a single place is repeated by the sum itself."""
        if self.newest.shape in (self.target.shape, (1, 1, self.target.shape[2])):
            return
        x, y = self._map("resize", self.target.shape, self.newest)
        self.ops.append(ResizeNearest(name=y.name, x=x, y=y.name))

    def sum(self) -> None:
        x, y = self._map("sum", self.target.shape, self.target)
        self.ops.append(Add(name=y.name, x=self.target.name, x2=x, y=y.name))

    def _map(
        self, name: str, shape: tuple[int, int, int], like: Tensor, zero_point: int | None = None
    ) -> tuple[str, Tensor]:
        """The newest map's name and the new one."""
        x, zero = self.newest.name, like.zero_point if zero_point is None else zero_point
        full = f"{self.block.name}.{LITE}.{name}"
        self.newest = Tensor(name=full, shape=shape, scale=like.scale, zero_point=zero)
        self.maps.append(self.newest)
        return x, self.newest

    def _normalised(self, op: Conv2d, traces: Sequence[Maps]) -> Conv2d:
        """The convolution with scales and biases at which its outputs have mean 0 and variance 1."""
        if traces:
            sums = np.concatenate([self._sums(op, trace) for trace in traces]).astype(np.float64)
            mean, spread = sums.mean(axis=0), np.maximum(sums.std(axis=0), 1)
        else:
            squares = (op.weight.astype(np.float64) ** 2).reshape(len(op.bias), -1).sum(axis=1)
            mean, spread = np.zeros(len(op.bias)), ASSUMED_SPREAD * np.sqrt(np.maximum(squares, 1))
        scale = (1 / (self.source.scale * spread)).astype(np.float32)
        return replace(op, bias=np.rint(-mean).astype(np.int32), weight_scale=scale)

    def _sums(self, op: Conv2d, trace: Maps) -> Int64:
        """Accumulators [places, O] of a convolution without biases over one window."""
        view = Graph(name="module", tensors=(self.source, *self.maps), ops=())
        pooled = raw_output(view, self.ops[0], {self.source.name: trace[self.source.name]})
        centred = np.asarray(pooled, dtype=np.int64) - self.source.zero_point
        return accumulators(centred, op).reshape(-1, len(op.bias))


def accumulators(centred: Int64, op: Conv2d) -> Int64:
    """Sums [H', W', O] of a convolution over x - z [H, W, C], before its bias."""
    top, left, bottom, right = op.pad
    padded = np.pad(centred, ((top, bottom), (left, right), (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(padded, op.weight.shape[1:3], axis=(0, 1))
    views = views[:: op.stride[0], :: op.stride[1]]  # [H', W', C, KH, KW]
    each = op.weight.shape[0] // op.groups, op.weight.shape[3]
    parts = [
        np.einsum(
            "hwcij,oijc->hwo",
            views[:, :, g * each[1] : (g + 1) * each[1]],
            op.weight[g * each[0] : (g + 1) * each[0]].astype(np.int64),
        )
        for g in range(op.groups)
    ]
    return np.concatenate(parts, axis=2)


def _divisible(channels: int) -> int:
    """Channels to the nearest multiple of 8, but not below nine tenths. Source: TinyTL's make_divisible."""
    near = max(DIVISOR, (channels + DIVISOR // 2) // DIVISOR * DIVISOR)
    return near + DIVISOR if near * 10 < channels * 9 else near


def _odd(side: int) -> int:
    """The largest kernel that fits."""
    return min(LARGEST_KERNEL, side - 1 + side % 2)
