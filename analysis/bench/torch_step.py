"""One training step of the quickstart's net in torch: batch 1, float32, the tensors that the scheme trains.

Plain `conv1d` and `linear` on [1, C, L] maps, ReLU in place, softmax over the node's classes, SGD without momentum.
Tried and not faster with torch 2.13 on one x86-64 machine: `conv2d`, pointwise layers as matrix products, oneDNN off.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fleet.node.model.graph import Conv2d, Dense, Depthwise, GlobalAveragePool, Graph, Int8, Weighted
from fleet.node.model.scheme import Scheme

SPLITS = ("joined", "summed")


@dataclass(slots=True, kw_only=True)
class Layer:
    """A convolution [O, I, K] or the head [O, I]. weight: the trained leading inputs, or all where nothing is frozen.

    frozen: the other inputs' weights, None where there are none.
    """

    name: str
    weight: Tensor
    frozen: Tensor | None
    bias: Tensor
    stride: int
    pad: int
    groups: int


class TorchStep:
    """The graph's real weights; trained ones are leaves, the rest constants.

    split: how a layer with frozen input channels runs. 'joined': one convolution over the trained and the frozen part,
    concatenated at each step. 'summed': two convolutions, one over each part's channels, added.
    """

    def __init__(self, graph: Graph, scheme: Scheme, own: Collection[int], rate: float, *, split: str) -> None:
        assert split in SPLITS
        assert all(t.shape[1] == 1 for t in graph.tensors), "maps of one column: conv1d"
        self.split = split
        self.layers = [_layer(graph, scheme, op) for op in graph.weighted]
        first = min(i for i, layer in enumerate(self.layers) if layer.weight.requires_grad or layer.bias.requires_grad)
        self.prefix, self.rest = self.layers[:first], self.layers[first:-1]
        leaves = [t for layer in self.layers for t in (layer.weight, layer.bias) if t.requires_grad]
        self.trained = sum(t.numel() for t in leaves)
        self.optimiser = torch.optim.SGD(leaves, lr=rate)
        self.classes = torch.tensor(sorted(own))
        self.whole = len(own) == graph.classes
        self.target_of = {label: torch.tensor([i]) for i, label in enumerate(sorted(own))}

    def frozen_part(self, x: Tensor) -> Tensor:
        """The map before the first layer that trains."""
        with torch.no_grad():
            for layer in self.prefix:
                x = self._convolved(layer, x)
        return x

    def step(self, x: Tensor, target: Tensor) -> None:
        """One step of SGD from the map before the first layer that trains. target: of target_of."""
        logits = self.logits(x)
        loss = functional.cross_entropy(logits if self.whole else logits[:, self.classes], target)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()

    def logits(self, x: Tensor) -> Tensor:
        """[1, classes] from the map before the first layer that trains."""
        for layer in self.rest:
            x = self._convolved(layer, x)
        head = self.layers[-1]
        return functional.linear(x.mean(dim=2), head.weight, head.bias)

    def _convolved(self, layer: Layer, x: Tensor) -> Tensor:
        if layer.frozen is None:
            y = functional.conv1d(x, layer.weight, layer.bias, layer.stride, layer.pad, groups=layer.groups)
        elif self.split == "joined":
            weight = torch.cat((layer.weight, layer.frozen), dim=1)
            y = functional.conv1d(x, weight, layer.bias, layer.stride, layer.pad)
        else:
            count = layer.weight.shape[1]
            y = functional.conv1d(x[:, :count], layer.weight, layer.bias, layer.stride, layer.pad)
            y = y + functional.conv1d(x[:, count:], layer.frozen, None, layer.stride, layer.pad)
        return functional.relu_(y)


def real_windows(graph: Graph, windows: Int8) -> list[Tensor]:
    """[1, C, L] float32 of each window int8 [n, L, 1, C]."""
    real = (windows[:, :, 0].astype(np.float32) - graph.input.zero_point) * np.float32(graph.input.scale)
    return [torch.from_numpy(window.T[None].copy()) for window in real]


def _layer(graph: Graph, scheme: Scheme, op: Weighted) -> Layer:
    assert all(isinstance(o, Conv2d | Depthwise | GlobalAveragePool | Dense) for o in graph.ops), "no skips"
    part = scheme.of(op.name)
    weight, scale = _channels_first(op), op.weight_scale.astype(np.float32)
    real = torch.from_numpy(weight * scale.reshape(-1, *[1] * (weight.ndim - 1)))
    bias = torch.from_numpy(op.bias * scale * np.float32(graph.tensor(op.x).scale)).float()
    groups = weight.shape[0] if isinstance(op, Depthwise) else 1
    sliced = 0 < part.channels < real.shape[1]
    assert groups == 1 or part.channels in (0, op.weight.shape[-1]), f"{op.name}: a depthwise layer trains whole"
    split = part.channels if sliced else real.shape[1]
    return Layer(
        name=op.name,
        weight=real[:, :split].clone().requires_grad_(part.channels > 0),
        frozen=real[:, split:].clone() if sliced else None,
        bias=bias.requires_grad_(part.bias),
        stride=1 if isinstance(op, Dense) else op.stride[0],
        pad=0 if isinstance(op, Dense) else op.pad[0],
        groups=groups,
    )


def _channels_first(op: Weighted) -> Int8:
    """[O, I, K] of a convolution, [C, 1, K] of a depthwise one, [O, I] of the head."""
    match op:
        case Conv2d():
            return op.weight[:, :, 0].transpose(0, 2, 1)
        case Depthwise():
            return op.weight[:, 0].T[:, None]
        case Dense():
            return op.weight
