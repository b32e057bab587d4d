"""The one description of an int8 network: operators in order, tensors with scales, weights as stored.

Letters used everywhere: H W C height, width, channels of a map; O I outputs and inputs of a layer;
K taps of a kernel (KH * KW); P positions of a map (H * W). Batch is always one.
Quantisation is TFLite's: real = scale * (q - zero_point); weights symmetric in [-127, 127], one scale
per output channel; biases int32 at scale_x * scale_w.
Source: "TensorFlow Lite 8-bit quantization specification".
"""

from dataclasses import dataclass, field, replace
from enum import Enum
from math import prod

import numpy as np
from numpy.typing import NDArray

Int8 = NDArray[np.int8]
Int32 = NDArray[np.int32]
Float32 = NDArray[np.float32]

BIAS_LIMIT = 2**30  # |bias| above this could overflow an accumulator: SPEC.md, section "Bounds"
WHOLE_RANGE = (-128, 127)
LOGIT_STEPS = 256  # of a head's logits per natural unit: Q8
DEAD_SCALE = 1e-7  # weight scales below it are noise around zero: such channels do not train


class Form(Enum):
    """How the values of a tensor are stored. Inside a network all are INT8; the others stand at its edges."""

    INT8 = "int8"
    UINT8 = "uint8"
    FLOAT32 = "float32"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A map. shape: (H, W, C). scale: a float32 value. zero_point: -128 to 127, or 0 to 255 for uint8.

    A float32 map has scale 1 and zero point 0. value: int8 [H, W, C] of a constant, None for what is computed.
    """

    name: str
    shape: tuple[int, int, int]
    scale: float
    zero_point: int
    form: Form = Form.INT8
    value: Int8 | None = field(default=None, compare=False)

    @property
    def size(self) -> int:
        """Elements, which for int8 is bytes."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv2d:
    """Convolution; clipping is its only activation (ReLU: the output's zero point is -128, or clip starts at it).

    weight: int8 [O, KH, KW, I / groups]. bias: int32 [O]. weight_scale: float32 [O]. groups: output o reads the
    input channels of group o // (O / groups). clip: least and largest int8 of the output.
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
    groups: int = 1
    clip: tuple[int, int] = WHOLE_RANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Depthwise:
    """Depthwise convolution. weight: int8 [KH, KW, C * M], M outputs per channel: output o reads channel o // M.

    bias: int32 [C * M]. weight_scale: float32 [C * M]. The rest as in Conv2d.
    """

    name: str
    x: str
    y: str
    weight: Int8
    bias: Int32
    weight_scale: Float32
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    clip: tuple[int, int] = WHOLE_RANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class FullyConnected:
    """Dense layer inside a network: y int8 (1, 1, O) from the map as it lies. weight: int8 [O, I].

    bias: int32 [O]. weight_scale: float32 [O].
    """

    name: str
    x: str
    y: str
    weight: Int8
    bias: Int32
    weight_scale: Float32
    clip: tuple[int, int] = WHOLE_RANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Dense:
    """Classifier head. weight: int8 [O, I]. bias: int32 [O]. weight_scale: float32 [O].

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
    """Elementwise sum of two maps, each with its own scale. A side of 1 in x or x2 is repeated along the other's."""

    name: str
    x: str
    x2: str
    y: str
    clip: tuple[int, int] = WHOLE_RANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Mul:
    """Elementwise product of two maps (squeeze-excite). A side of 1 in x or x2 is repeated along the other's."""

    name: str
    x: str
    x2: str
    y: str
    clip: tuple[int, int] = WHOLE_RANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalAveragePool:
    """Mean over all positions; output scale and zero point are the input's."""

    name: str
    x: str
    y: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePool:
    """Mean over a window, of the places on the map only; output scale and zero point are the input's."""

    name: str
    x: str
    y: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    clip: tuple[int, int] = WHOLE_RANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxPool:
    """Largest value of a window; output scale and zero point are the input's."""

    name: str
    x: str
    y: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    clip: tuple[int, int] = WHOLE_RANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """Mean over some of the axes 0 H, 1 W, 2 C, with a scale of its own; these sides of y are 1."""

    name: str
    x: str
    y: str
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad:
    """A border of one value around a map. before, after: places added along H, W, C. value: int8 as stored."""

    name: str
    x: str
    y: str
    before: tuple[int, int, int]
    after: tuple[int, int, int]
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshape:
    """The same values in the same order under another shape."""

    name: str
    x: str
    y: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transpose:
    """Axes in another order: axis i of y is axis order[i] of x."""

    name: str
    x: str
    y: str
    order: tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat:
    """Maps one after the other along an axis, their bytes unchanged. xs: names of the maps."""

    name: str
    xs: tuple[str, ...]
    y: str
    axis: int

    @property
    def x(self) -> str:
        return self.xs[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeNearest:
    """A map of another height and width, each place a copy of the nearest one. Flags as TFLite's."""

    name: str
    x: str
    y: str
    align_corners: bool = False
    half_pixel_centers: bool = False


class Curve(Enum):
    """Functions of one variable that an Activation applies."""

    RELU = "relu"
    RELU6 = "relu6"
    LOGISTIC = "logistic"
    HARD_SWISH = "hard_swish"
    REQUANTIZE = "requantize"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """A function of each value alone, from the scale of x to that of y. x may be uint8 for REQUANTIZE."""

    name: str
    x: str
    y: str
    curve: Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax:
    """Softmax over channels, for answers only: training reads a head's logits. y: scale 1/256, zero point -128."""

    name: str
    x: str
    y: str
    beta: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantize:
    """float32 to int8 or uint8, at the way in."""

    name: str
    x: str
    y: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dequantize:
    """int8 or uint8 to float32, at the way out."""

    name: str
    x: str
    y: str


Weighted = Conv2d | Depthwise | FullyConnected | Dense
Pool = AveragePool | MaxPool
Edge = Quantize | Dequantize
Op = (
    Weighted | Add | Mul | GlobalAveragePool | Pool | Mean | Pad | Reshape | Transpose | Concat | ResizeNearest
    | Activation | Softmax | Edge
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Operators in execution order. tensors[0] is the input, unless inputs says otherwise.

    A network that learns classes ends in its Dense head. outputs: what a caller reads, the last operator's map
    unless said otherwise.
    """

    name: str
    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    _by_name: dict[str, Tensor] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {t.name: t for t in self.tensors})
        object.__setattr__(self, "inputs", self.inputs or (self.tensors[0].name,))
        object.__setattr__(self, "outputs", self.outputs or ((self.ops[-1].y,) if self.ops else ()))

    def tensor(self, name: str) -> Tensor:
        return self._by_name[name]

    @property
    def input(self) -> Tensor:
        """The first input, which for most networks is the only one."""
        return self._by_name[self.inputs[0]]

    @property
    def has_head(self) -> bool:
        """Whether the network ends in a classifier that training can read."""
        return isinstance(self.ops[-1], Dense)

    @property
    def head(self) -> Dense:
        last = self.ops[-1]
        assert isinstance(last, Dense), "a Graph that learns classes ends in its Dense head"
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


def inputs(op: Op) -> tuple[str, ...]:
    """Names of the maps an operator reads, constants included."""
    match op:
        case Add() | Mul():
            return (op.x, op.x2)
        case Concat():
            return op.xs
        case _:
            return (op.x,)


def macs(graph: Graph, op: Op) -> int:
    """Multiply-accumulates of one forward execution of this operator."""
    match op:
        case Conv2d() | Depthwise():
            return positions(graph.tensor(op.y)) * op.weight.size
        case FullyConnected() | Dense():
            return op.weight.size
        case _:
            return 0


def positions(tensor: Tensor) -> int:
    """P: places of the map."""
    return tensor.shape[0] * tensor.shape[1]
