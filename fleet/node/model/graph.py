"""The one description of an int8 network: operators in order, tensors with scales, weights as stored.

Letters used everywhere: H W C height, width, channels of a map; O I outputs and inputs of a layer;
K taps of a kernel (KH * KW); P positions of a map (H * W). Batch is always one.
Quantisation is TFLite's: real = scale * (q - zero_point); weights symmetric in [-127, 127], one scale
per output channel; biases int32 at scale_x * scale_w.
Source: "TensorFlow Lite 8-bit quantization specification".
"""

from dataclasses import dataclass, field, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

Int8 = NDArray[np.int8]
Int32 = NDArray[np.int32]
Float32 = NDArray[np.float32]

BIAS_LIMIT = 2**30  # |bias| above this could overflow an accumulator: SPEC.md, section "Bounds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An int8 map. shape: (H, W, C). scale: a float32 value. zero_point: -128 to 127."""

    name: str
    shape: tuple[int, int, int]
    scale: float
    zero_point: int

    @property
    def size(self) -> int:
        """Elements, which for int8 is bytes."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv2d:
    """Convolution; clipping to int8 is its only activation (ReLU: the output's zero point is -128).

    weight: int8 [O, KH, KW, I]. bias: int32 [O]. weight_scale: float32 [O].
    stride: (down, right). pad: (top, left, bottom, right), filled with the input's zero point.
    """

    name: str
    x: str
    y: str
    weight: Int8
    bias: Int32
    weight_scale: Float32
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Depthwise:
    """Depthwise convolution, multiplier 1. weight: int8 [KH, KW, C]. bias: int32 [C]. weight_scale: float32 [C]."""

    name: str
    x: str
    y: str
    weight: Int8
    bias: Int32
    weight_scale: Float32
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """Classifier head. weight: int8 [O, I]. bias: int32 [O]. weight_scale: float32 [O], all equal.

    Its output is not requantised to int8: the loss reads Q8 logits made from the accumulators.
    """

    name: str
    x: str
    y: str
    weight: Int8
    bias: Int32
    weight_scale: Float32


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    """Elementwise sum of two maps of one shape, each with its own scale."""

    name: str
    x: str
    x2: str
    y: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalAveragePool:
    """Mean over all positions; output scale and zero point are the input's."""

    name: str
    x: str
    y: str


Weighted = Conv2d | Depthwise | Dense
Op = Conv2d | Depthwise | Dense | Add | GlobalAveragePool


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Operators in execution order. tensors[0] is the input; the last operator is the Dense head."""

    name: str
    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    _by_name: dict[str, Tensor] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {t.name: t for t in self.tensors})

    def tensor(self, name: str) -> Tensor:
        return self._by_name[name]

    @property
    def input(self) -> Tensor:
        return self.tensors[0]

    @property
    def head(self) -> Dense:
        last = self.ops[-1]
        assert isinstance(last, Dense), "a Graph ends in its Dense head"
        return last

    @property
    def classes(self) -> int:
        return int(self.head.bias.size)

    def op(self, name: str) -> Op:
        return next(op for op in self.ops if op.name == name)

    @property
    def weighted(self) -> tuple[Weighted, ...]:
        """Operators that own weights, in order."""
        return tuple(op for op in self.ops if isinstance(op, Weighted))

    @property
    def parameters(self) -> int:
        """Weights and biases, counted once each."""
        return sum(op.weight.size + op.bias.size for op in self.weighted)

    def with_weights(self, changed: dict[str, tuple[Int8, Int32]]) -> "Graph":
        """The same network with other weights and biases for the named operators."""
        ops = tuple(
            replace(op, weight=changed[op.name][0], bias=changed[op.name][1])
            if isinstance(op, Weighted) and op.name in changed
            else op
            for op in self.ops
        )
        return replace(self, ops=ops)


def macs(graph: Graph, op: Op) -> int:
    """Multiply-accumulates of one forward execution of this operator."""
    match op:
        case Conv2d():
            return positions(graph.tensor(op.y)) * op.weight.size
        case Depthwise():
            return positions(graph.tensor(op.y)) * op.weight.size
        case Dense():
            return op.weight.size
        case _:
            return 0


def positions(tensor: Tensor) -> int:
    """P: places of the map."""
    return tensor.shape[0] * tensor.shape[1]
