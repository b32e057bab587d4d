"""A network as schemes and memory counts see it: which operator reads which maps, of a Graph or of a zoo's structure.

Published accounts need shapes alone, so that they can be computed before any weight exists.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from math import prod
from typing import Final

from fleet.node.model.graph import (
    WHOLE_RANGE,
    Activation,
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Curve,
    Dense,
    Depthwise,
    FullyConnected,
    GlobalAveragePool,
    Graph,
    MaxPool,
    Mean,
    Mul,
    Op,
    Pad,
    Reshape,
    ResizeNearest,
    Transpose,
    Weighted,
    inputs,
)
from fleet.node.model.zoo.structure import INPUT, WEIGHTED, Clip, Kind, Layer, NetSpec, Shape

Net = Graph | NetSpec

LITE: Final = "lite"  # in the name of an operator: part of a lite residual module
SCALE: Final = "bn"  # in the name of an operator: a layer of scales that stands for a batch norm
KINDS: Final[dict[type, Kind]] = {
    Conv2d: Kind.CONV, Depthwise: Kind.DEPTHWISE, FullyConnected: Kind.FULLY_CONNECTED, Dense: Kind.DENSE,
    Add: Kind.ADD, Mul: Kind.MUL, GlobalAveragePool: Kind.POOL, AveragePool: Kind.AVERAGE_POOL,
    MaxPool: Kind.MAX_POOL, Mean: Kind.MEAN, Concat: Kind.CONCAT, Pad: Kind.PAD, Reshape: Kind.RESHAPE,
    Transpose: Kind.TRANSPOSE, ResizeNearest: Kind.RESIZE, Activation: Kind.CURVE,
}  # fmt: skip


class After(Enum):
    """What follows an operator's sums: it decides what a backward pass must remember of them."""

    NOTHING = "nothing"
    RELU = "relu"  # one bit per value
    SMOOTH = "smooth"  # the value itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An operator. kind: None for those that only stand at the ends. weight_shape: as a Graph stores it, () for none.

    kernel, pad: of convolutions and depthwise layers. pad: (top, left, bottom, right).
    """

    op: str
    kind: Kind | None
    xs: tuple[str, ...]
    y: str
    weight_shape: tuple[int, ...] = ()
    groups: int = 1
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    after: After = After.NOTHING

    @property
    def x(self) -> str:
        return self.xs[0]

    @property
    def depthwise(self) -> bool:
        return self.kind is Kind.DEPTHWISE

    @property
    def dense(self) -> bool:
        return self.kind in (Kind.DENSE, Kind.FULLY_CONNECTED)

    @property
    def channels(self) -> int:
        """Length of the weight's last axis: what a scheme's share is of."""
        return self.weight_shape[-1]

    @property
    def outputs(self) -> int:
        """Output channels, each with a bias."""
        return self.weight_shape[-1] if self.depthwise else self.weight_shape[0]

    @property
    def kernel(self) -> tuple[int, int]:
        """Height and width; 1 by 1 for dense layers."""
        sides = () if self.dense else self.weight_shape[:2] if self.depthwise else self.weight_shape[1:3]
        return (sides[0], sides[1]) if sides else (1, 1)

    @property
    def added(self) -> bool:
        """Whether a scheme put this operator into the network."""
        return bool({LITE, SCALE} & set(self.op.split(".")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """parts: operators in order. shapes: (H, W, C) of every map by name. inputs: maps that a caller fills."""

    name: str
    inputs: tuple[str, ...]
    parts: tuple[Part, ...]
    shapes: Mapping[str, Shape]

    @property
    def weighted(self) -> tuple[Part, ...]:
        """Operators that own weights, in order."""
        return tuple(part for part in self.parts if part.weight_shape)

    @property
    def head(self) -> Part:
        """The classifier, or the last layer with weights in its place."""
        return self.weighted[-1]

    @property
    def layers(self) -> tuple[Part, ...]:
        """Layers with weights below the head, in the order in which published schemes number them from 0.

        What a scheme put into the network has no number.
        """
        return tuple(part for part in self.weighted[:-1] if not part.added)

    def size(self, tensor: str) -> int:
        """Values of a map."""
        return prod(self.shapes[tensor])

    def positions(self, tensor: str) -> int:
        """Places of a map."""
        return self.shapes[tensor][0] * self.shapes[tensor][1]


def outline(net: Net) -> Outline:
    """The network without its values."""
    if isinstance(net, NetSpec):
        parts = tuple(_of_layer(layer) for layer in net.layers if layer.kind is not Kind.CONSTANT)
        return Outline(name=net.name, inputs=(INPUT,), parts=parts, shapes=net.shapes)
    shapes = {tensor.name: tensor.shape for tensor in net.tensors}
    parts = tuple(_of_op(net, op) for op in net.ops)
    return Outline(name=net.name, inputs=net.inputs, parts=parts, shapes=shapes)


def _of_layer(layer: Layer) -> Part:
    smooth = layer.kind is Kind.CURVE and layer.curve not in (Curve.RELU, Curve.RELU6, Curve.REQUANTIZE)
    relu = layer.clip is not Clip.NONE or layer.curve in (Curve.RELU, Curve.RELU6)
    return Part(
        op=layer.name, kind=layer.kind, xs=layer.xs, y=layer.name,
        weight_shape=layer.weight_shape if layer.kind in WEIGHTED else (),
        groups=layer.groups, pad=layer.pad, after=After.SMOOTH if smooth else After.RELU if relu else After.NOTHING,
    )  # fmt: skip


def _of_op(graph: Graph, op: Op) -> Part:
    return Part(
        op=op.name, kind=KINDS.get(type(op)), xs=inputs(op), y=op.y,
        weight_shape=op.weight.shape if isinstance(op, Weighted) else (),
        groups=op.groups if isinstance(op, Conv2d) else 1,
        pad=op.pad if isinstance(op, Conv2d | Depthwise) else (0, 0, 0, 0),
        after=_after(graph, op),
    )  # fmt: skip


def _after(graph: Graph, op: Op) -> After:
    """A ReLU is an output that ends where real 0 lies."""
    if isinstance(op, Activation) and op.curve is not Curve.REQUANTIZE:
        return After.RELU if op.curve in (Curve.RELU, Curve.RELU6) else After.SMOOTH
    if not isinstance(op, Conv2d | Depthwise | FullyConnected | Add | Mul):
        return After.NOTHING
    zero = graph.tensor(op.y).zero_point
    return After.RELU if zero == WHOLE_RANGE[0] or op.clip[0] >= zero else After.NOTHING
