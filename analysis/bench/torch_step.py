"""One training step of a net without branches in torch: float32, the tensors that the scheme trains, any batch.

Functions on plain tensors, ReLU in place, softmax over the node's classes, SGD without momentum: nothing is computed
that the engine does not compute. Signals, whose maps have one column, run as `conv1d` on [N, C, L]; pictures as
`conv2d`, in either memory layout. Tried and not faster with torch 2.13 on one x86-64 machine: `conv2d` for signals,
pointwise layers as matrix products, oneDNN off.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from fleet.node.model.graph import (
    AveragePool,
    Conv2d,
    Dense,
    Depthwise,
    GlobalAveragePool,
    Graph,
    Int8,
    Op,
    Weighted,
)
from fleet.node.model.scheme import Scheme

SPLITS = ("joined", "summed")
LAYOUTS = ("planes", "channels last")
Function = Callable[[Tensor], Tensor]


@dataclass(slots=True, kw_only=True)
class Layer:
    """A convolution [O, I, K] or [O, I, KH, KW], or the head [O, I].

    weight: the trained leading inputs, or all where nothing is frozen. frozen: the other inputs' weights, None where
    there are none. stride, pad: along each axis; pad_sides: of an uneven padding, as functional.pad wants it.
    """

    weight: Tensor
    frozen: Tensor | None
    bias: Tensor
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    pad_sides: tuple[int, ...]
    groups: int


class TorchStep:
    """The graph's real weights; trained ones are leaves, the rest constants.

    split: how a layer with frozen input channels runs. 'joined': one convolution over the trained and the frozen part,
    concatenated at each step. 'summed': two convolutions, one over each part's channels, added.
    layout: how maps of pictures lie in memory.
    """

    def __init__(
        self, graph: Graph, scheme: Scheme, own: Collection[int], rate: float, *, split: str, layout: str = "planes"
    ) -> None:
        assert split in SPLITS
        assert layout in LAYOUTS
        self.split, self.layout = split, layout
        self.flat = all(t.shape[1] == 1 for t in graph.tensors)
        assert layout == "planes" or not self.flat, "signals lie in planes"
        self.graph = graph
        layers = {op.name: self._layer(scheme, op) for op in graph.weighted}
        trained = [op.name in layers and _trains(layers[op.name]) for op in graph.ops]
        functions = [self._function(op, layers.get(op.name)) for op in graph.ops]
        first = trained.index(True)
        self.prefix, self.rest = functions[:first], functions[first:]
        leaves = [t for layer in layers.values() for t in (layer.weight, layer.bias) if t.requires_grad]
        self.trained = sum(t.numel() for t in leaves)
        self.optimiser = torch.optim.SGD(leaves, lr=rate)
        self.classes = torch.tensor(sorted(own))
        self.whole = len(own) == graph.classes
        self._index = {label: i for i, label in enumerate(sorted(own))}

    def inputs(self, windows: Int8) -> Tensor:
        """float32 [N, C, H, W], or [N, C, L], of windows int8 [N, H, W, C]."""
        source = self.graph.input
        real = (windows.astype(np.float32) - source.zero_point) * np.float32(source.scale)
        planes = torch.from_numpy(np.moveaxis(real, 3, 1).copy())
        return planes[..., 0].contiguous() if self.flat else self._laid(planes)

    def targets(self, labels: NDArray[np.uint8]) -> Tensor:
        """Where each label stands among the node's classes."""
        return torch.tensor([self._index[int(label)] for label in labels])

    def frozen_part(self, x: Tensor) -> Tensor:
        """The map before the first layer that trains."""
        with torch.no_grad():
            for function in self.prefix:
                x = function(x)
        return x

    def step(self, x: Tensor, targets: Tensor) -> None:
        """One step of SGD from the map before the first layer that trains."""
        logits = self.logits(x)
        loss = functional.cross_entropy(logits if self.whole else logits[:, self.classes], targets)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()

    def logits(self, x: Tensor) -> Tensor:
        """[N, classes] from the map before the first layer that trains."""
        for function in self.rest:
            x = function(x)
        return x

    def _function(self, op: Op, layer: Layer | None) -> Function:
        match op:
            case GlobalAveragePool():
                return lambda x: x.mean(dim=2 if self.flat else (2, 3))
            case AveragePool():
                assert not any(op.pad), "torch counts padding"
                return lambda x: functional.avg_pool2d(x, op.kernel, op.stride)
            case Dense():
                assert layer is not None
                return lambda x: functional.linear(x.flatten(1), layer.weight, layer.bias)
            case _:
                assert layer is not None, f"{op.name}: convolutions, means and a head only"
                return lambda x: self._convolved(layer, x)

    def _convolved(self, layer: Layer, x: Tensor) -> Tensor:
        convolution: Callable[..., Tensor] = functional.conv1d if self.flat else functional.conv2d
        if layer.pad_sides:
            x = functional.pad(x, layer.pad_sides)
        if layer.frozen is None:
            y = convolution(x, layer.weight, layer.bias, layer.stride, layer.pad, groups=layer.groups)
        elif self.split == "joined":
            weight = torch.cat((layer.weight, layer.frozen), dim=1)
            y = convolution(x, weight, layer.bias, layer.stride, layer.pad)
        else:
            count = layer.weight.shape[1]
            y = convolution(x[:, :count], layer.weight, layer.bias, layer.stride, layer.pad)
            y = y + convolution(x[:, count:], layer.frozen, None, layer.stride, layer.pad)
        return functional.relu_(y)

    def _laid(self, planes: Tensor) -> Tensor:
        return planes.contiguous(memory_format=torch.channels_last) if self.layout == LAYOUTS[1] else planes

    def _layer(self, scheme: Scheme, op: Weighted) -> Layer:
        part = scheme.of(op.name)
        weight, scale = _channels_first(op, self.flat), op.weight_scale.astype(np.float32)
        real = torch.from_numpy(weight * scale.reshape(-1, *[1] * (weight.ndim - 1)))
        bias = torch.from_numpy(op.bias * scale * np.float32(self.graph.tensor(op.x).scale)).float()
        groups = weight.shape[0] if isinstance(op, Depthwise) else 1
        sliced = 0 < part.channels < real.shape[1]
        assert groups == 1 or part.channels in (0, op.weight.shape[-1]), f"{op.name}: a depthwise layer trains whole"
        split = part.channels if sliced else real.shape[1]
        stride, pad, sides = _padding(op, self.flat)
        laid = self._laid if real.ndim == 4 else torch.Tensor.contiguous
        return Layer(
            weight=laid(real[:, :split].clone()).requires_grad_(part.channels > 0),
            frozen=laid(real[:, split:].clone()) if sliced else None,
            bias=bias.requires_grad_(part.bias),
            stride=stride,
            pad=pad,
            pad_sides=sides,
            groups=groups,
        )


def _trains(layer: Layer) -> bool:
    return layer.weight.requires_grad or layer.bias.requires_grad


def _padding(op: Weighted, flat: bool) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Strides, even padding, sides of an uneven one."""
    if not isinstance(op, Conv2d | Depthwise):
        return (), (), ()
    top, left, bottom, right = op.pad
    axes = 1 if flat else 2
    if (top, left) == (bottom, right):
        return op.stride[:axes], (top, left)[:axes], ()
    return op.stride[:axes], (0, 0)[:axes], (top, bottom) if flat else (left, right, top, bottom)


def _channels_first(op: Weighted, flat: bool) -> Int8:
    """[O, I, KH, KW] of a convolution, [C, 1, KH, KW] of a depthwise one, no KW for signals; [O, I] of the head."""
    match op:
        case Conv2d():
            weight = op.weight.transpose(0, 3, 1, 2)
        case Depthwise():
            weight = op.weight.transpose(2, 0, 1)[:, None]
        case _:
            return op.weight
    return weight[..., 0] if flat else weight
