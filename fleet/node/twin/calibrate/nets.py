"""A small network of every operator that has no weights, for counting: built, not trained."""

from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Any

import numpy as np

from fleet.base import rng
from fleet.node.model.graph import (
    Activation,
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Curve,
    Dense,
    Depthwise,
    Dequantize,
    Form,
    Graph,
    Int8,
    MaxPool,
    Mean,
    Mul,
    Op,
    Pad,
    Quantize,
    ResizeNearest,
    Softmax,
    Tensor,
    Transpose,
    Weighted,
)

Shape = tuple[int, int, int]
SCALE = 1 / 32


@dataclass(slots=True)
class _Net:
    """Operators one after the other."""

    tensors: list[Tensor] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)

    def map(self, shape: Shape, *, scale: float = SCALE, zero: int = -20, form: Form = Form.INT8) -> Tensor:
        """A new map."""
        tensor = Tensor(name=f"map{len(self.tensors)}", shape=shape, scale=scale, zero_point=zero, form=form)
        self.tensors.append(tensor)
        return tensor

    def add(self, op: Op, y: Tensor) -> Tensor:
        self.ops.append(replace(op, name=f"op{len(self.ops)}", y=y.name))
        return y

    def conv(self, x: Tensor, outputs: int) -> Tensor:
        """A layer of one tap in front of an operator, so that a gradient arrives there."""
        y = self.map((*x.shape[:2], outputs))
        weight = _whole(len(self.ops), outputs * x.shape[2]).reshape(outputs, 1, 1, x.shape[2])
        bias, scales = np.zeros(outputs, dtype=np.int32), np.full(outputs, 2.0**-7, dtype=np.float32)
        return self.add(Conv2d(name="", x=x.name, y="", weight=weight, bias=bias, weight_scale=scales), y)

    def graph(self, name: str, x: Tensor, classes: int) -> Graph:
        """The network with a classifier behind it."""
        y = self.map((1, 1, classes), scale=1 / 256, zero=0)
        weight = _whole(len(self.ops), classes * x.size).reshape(classes, x.size)
        bias, scales = np.zeros(classes, dtype=np.int32), np.full(classes, 2.0**-8, dtype=np.float32)
        self.add(Dense(name="", x=x.name, y="", weight=weight, bias=bias, weight_scale=scales), y)
        return Graph(name=name, tensors=tuple(self.tensors), ops=tuple(self.ops))


def _whole(part: int, count: int) -> Int8:
    """int8 [count] from -127 to 127."""
    return ((rng.draws32(rng.key(part), 0, count) % np.uint32(255)).astype(np.int16) - 127).astype(np.int8)


def map_net(side: int, channels: int) -> Graph:
    """Every operator without weights but softmax, each behind a layer whose weights train."""
    net = _Net()
    real = net.map((side, side, channels), scale=1.0, zero=0, form=Form.FLOAT32)
    x = net.add(Quantize(name="", x=real.name, y=""), net.map(real.shape))
    first = net.conv(x, channels)
    pair = (first.name, net.conv(first, channels).name)
    x = net.add(Concat(name="", xs=pair, y="", axis=2), net.map((side, side, 2 * channels)))
    x = net.add(Add(name="", x=net.conv(x, channels).name, x2=first.name, y=""), net.map(first.shape))
    gate = net.add(Mean(name="", x=first.name, y="", axes=(0, 1)), net.map((1, 1, channels)))
    sharp = net.map(gate.shape, scale=1 / 256, zero=-128)
    gate = net.add(Activation(name="", x=gate.name, y="", curve=Curve.LOGISTIC), sharp)
    x = net.add(Mul(name="", x=x.name, x2=gate.name, y=""), net.map(first.shape))
    x = net.conv(net.add(Activation(name="", x=x.name, y="", curve=Curve.HARD_SWISH), net.map(x.shape)), channels)
    window: dict[str, Any] = {"kernel": (3, 3), "stride": (1, 1), "pad": (1, 1, 1, 1)}
    pools: tuple[Op, ...] = (
        AveragePool(name="", x=x.name, y="", **window),
        MaxPool(name="", x=x.name, y="", **window),
    )
    both = [net.add(pool, net.map(x.shape)) for pool in pools]
    wide = net.map((side, side, 2 * channels))
    x = net.conv(net.add(Concat(name="", xs=tuple(b.name for b in both), y="", axis=2), wide), channels)
    border = net.map((side + 2, side + 2, channels))
    x = net.add(Pad(name="", x=x.name, y="", before=(1, 1, 0), after=(1, 1, 0), value=-20), border)
    x = net.conv(net.add(Transpose(name="", x=x.name, y="", order=(1, 0, 2)), net.map(x.shape)), channels)
    x = net.conv(net.add(ResizeNearest(name="", x=x.name, y=""), net.map((2 * side, 2 * side, channels))), 4)
    x = net.add(Mean(name="", x=x.name, y="", axes=(0, 1)), net.map((1, 1, 4)))
    return net.graph("maps", x, 3)


def answering_net(side: int, channels: int) -> Graph:
    """A softmax and a way back to real numbers, which only an inference computes."""
    net = _Net()
    x = net.conv(net.map((side, side, channels)), channels)
    x = net.add(Softmax(name="", x=x.name, y=""), net.map(x.shape, scale=1 / 256, zero=-128))
    net.add(Dequantize(name="", x=x.name, y=""), net.map(x.shape, scale=1.0, zero=0, form=Form.FLOAT32))
    return Graph(name="answers", tensors=tuple(net.tensors), ops=tuple(net.ops))


def lively(graph: Graph) -> Graph:
    """The network with random weights of He's size, so that maps are neither dead nor clipped throughout.

    K. He et al., "Delving Deep into Rectifiers", ICCV 2015: a variance of 2 / (inputs of an output).
    """
    ops = tuple(_random(i, op) if isinstance(op, Weighted) else op for i, op in enumerate(graph.ops))
    return replace(graph, ops=ops)


def _random(number: int, op: Weighted) -> Op:
    inputs = op.weight.shape[0] * op.weight.shape[1] if isinstance(op, Depthwise) else op.weight[0].size
    weight = _whole(number, op.weight.size).reshape(op.weight.shape)
    scale = np.float32(sqrt(2 / inputs) / (127 / sqrt(3)))  # of the uniform distribution
    return replace(op, weight=weight, weight_scale=np.full(op.bias.size, scale, dtype=np.float32))
