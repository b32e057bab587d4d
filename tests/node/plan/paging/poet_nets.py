"""The networks, the flop counts and the boards of POET's evaluation, written down from ShishirPatil/poet @ 6e63098.

Numbers: poet/chipsets.py. Flops by layer: poet/power_computation.py, odd ones among them as they are there. Layers:
poet/architectures/{linear,resnet,vgg}.py at batch 1, CIFAR-10.
"""

from dataclasses import dataclass, field
from math import prod

from fleet.node.plan.paging.problem import Node, Problem, Value

Shape = tuple[int, ...]
FLOAT_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class Board:
    """flop_per_j; flops: per second. Paging: latency in s, throughput in B/s, power of the memory in W."""

    flop_per_j: float
    flops: float
    in_s: float
    in_bps: float
    out_s: float
    out_bps: float
    power_w: float


CARD = {"in_s": 0.109e-3, "in_bps": 4616.51e3, "out_s": 0.113e-3, "out_bps": 4440e3, "power_w": 0.1 * 3.3}
BOARDS = {
    "m0": Board(flop_per_j=2000 / (0.012 * 0.020 * 3.3), flops=2000 / 0.012, **CARD),
    "m4": Board(flop_per_j=16283e5 / (255.6237 * 0.003328 * 3.3), flops=16283e5 / 255.6237, **CARD),
    "a72": Board(
        flop_per_j=16283e5 / (13.53 * 0.6 * 5), flops=2e9, in_s=0.00509561e-3, in_bps=45.5e6, out_s=0.0185314e-3,
        out_bps=24.5e6, power_w=0.03 * 5,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """A node of the forward pass. inputs: numbers of layers."""

    shape: Shape
    flop: int
    inputs: tuple[int, ...]


@dataclass
class Net:
    """Layers in order; each call returns the number of the one it adds."""

    layers: list[Layer] = field(default_factory=list)

    def add(self, shape: Shape, flop: int, *inputs: int) -> int:
        self.layers.append(Layer(shape, flop, inputs))
        return len(self.layers) - 1

    def shape(self, x: int) -> Shape:
        return self.layers[x].shape

    def same(self, x: int, *others: int, per: int = 1) -> int:
        return self.add(self.shape(x), per * prod(self.shape(x)), x, *others)

    def linear(self, x: int, out: int) -> int:
        return self.add((out,), 2 * (self.shape(x)[-1] + 1) * out + out, x)

    def conv(self, x: int, out: int, stride: int = 1) -> int:
        """3 by 3, padded by 1."""
        c, h, w = self.shape(x)
        shape = (out, (h - 1) // stride + 1, (w - 1) // stride + 1)
        return self.add(shape, 2 * 9 * c * h * w * out + prod(shape), x)

    def pool(self, x: int, kernel: int, stride: int) -> int:
        c, h, w = self.shape(x)
        shape = (c, (h - kernel) // stride + 1, (w - kernel) // stride + 1)
        return self.add(shape, 2 * kernel**2 * prod(shape), x)

    def flat(self, x: int) -> int:
        return self.add((prod(self.shape(x)),), prod(self.shape(x)), x)

    def loss(self, x: int, classes: int = 10) -> int:
        return self.add((classes,), prod(self.shape(x)) * classes, x)


def linear() -> Net:
    net = Net()
    x = net.add((784,), 0)
    for out in (10, 120, 100, 200, 10, 10):
        x = net.same(net.linear(x, out))
    net.loss(x)
    return net


def resnet18_cifar() -> Net:
    net = Net()
    x = net.same(net.conv(net.add((3, 32, 32), 0), 16), per=2)
    for out, stride in ((16, 1), (16, 1), (32, 2), (32, 1), (64, 2), (64, 1)):
        y = net.same(net.same(net.conv(x, out, stride), per=2))
        y = net.same(net.same(net.conv(y, out), per=2))
        x = net.same(net.same(y, net.same(net.conv(x, out, stride), per=2)))
    net.loss(net.linear(net.flat(net.pool(x, 8, 1)), 10))
    return net


def vgg16_cifar() -> Net:
    net = Net()
    x = net.add((3, 32, 32), 0)
    for out, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            x = net.same(net.conv(x, out))
        x = net.pool(x, 2, 2)
    x = net.flat(x)
    for _ in range(2):
        x = net.same(net.same(net.linear(x, 4096)))
    net.loss(net.linear(x, 10))
    return net


def problem(net: Net, board: Board) -> Problem:
    """Forward layers, then a gradient for each but the last, which reads its layer, the next one and the gradient."""
    layers = [*net.layers]
    for i in reversed(range(len(net.layers) - 1)):
        layer, behind = net.layers[i], net.layers[i + 1]
        layers.append(Layer(behind.shape, 2 * layer.flop, (i, i + 1, len(layers) - 1)))
    return Problem(
        nodes=tuple(
            Node(name=f"{i}", reads=tuple(f"y{j}" for j in dict.fromkeys(layer.inputs)), makes=(f"y{i}",),
                 energy_j=layer.flop / board.flop_per_j, time_s=layer.flop / board.flops)
            for i, layer in enumerate(layers)
        ),
        values=tuple(_value(f"y{i}", FLOAT_BYTES * prod(layer.shape), board) for i, layer in enumerate(layers)),
    )  # fmt: skip


def _value(name: str, size_bytes: int, board: Board) -> Value:
    out_j = (board.out_s + size_bytes / board.out_bps) * board.power_w
    in_j = (board.in_s + size_bytes / board.in_bps) * board.power_w
    return Value(name=name, size_bytes=size_bytes, out_j=out_j, in_j=in_j)
