"""The peer of every int8 method: the same network in float32, tuned by torch on the same windows in the same order."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from fleet.node.model.float_net import FloatNet
from fleet.node.model.graph import Int8
from fleet.node.model.scheme import Scheme
from fleet.node.model.torch.layers import clipped, combined, products
from fleet.node.model.zoo.structure import INPUT


class FloatTuning:
    """Streaming SGD, one window per step, no momentum, batch norm folded: what the int8 engine does, in float32.

    real value of a window: scale * (x - zero_point).
    """

    def __init__(self, net: FloatNet, scheme: Scheme, *, scale: float, zero_point: int) -> None:
        self._spec, self._scheme, self._scale, self._zero = net.spec, scheme, scale, zero_point
        self._weights = {name: torch.tensor(w, dtype=torch.float32) for name, w in net.weights.items()}
        self._biases = {name: torch.tensor(b, dtype=torch.float32) for name, b in net.biases.items()}
        self._weight_leaves = {part.op: self._weights[part.op] for part in scheme.trained if part.channels}
        self._bias_leaves = {part.op: self._biases[part.op] for part in scheme.trained if part.bias}
        for leaf in (*self._weight_leaves.values(), *self._bias_leaves.values()):
            leaf.requires_grad_()

    def train(
        self, windows: Int8, labels: NDArray[np.uint8], order: NDArray[np.int64], rates: Sequence[float]
    ) -> None:
        """One step on windows[i] for each i of order, each at its rate."""
        for index, rate in zip(order, rates, strict=True):
            target = torch.tensor([int(labels[index])])
            functional.cross_entropy(self._logits(windows[index : index + 1]), target).backward()  # type: ignore[no-untyped-call]
            self._step(rate)

    def recognised(self, windows: Int8, labels: NDArray[np.uint8]) -> float:
        """Share of windows whose largest logit is that of their label."""
        with torch.no_grad():
            found = self._logits(windows).argmax(dim=1).numpy()
        return float((found == labels).mean())

    def _logits(self, windows: Int8) -> torch.Tensor:
        maps = {INPUT: torch.from_numpy(self._scale * (windows.astype(np.float32) - self._zero)).float()}
        for layer in self._spec.layers:
            xs = [maps[name] for name in layer.xs]
            if layer.weight_shape:
                y = products(layer, xs[0], self._weights[layer.name]) + self._biases[layer.name]
            else:
                y = combined(self._spec, layer, xs)
            maps[layer.name] = clipped(layer, y)
        return maps[self._spec.layers[-1].name].flatten(1)

    def _step(self, rate: float) -> None:
        with torch.no_grad():
            for name, leaf in self._weight_leaves.items():
                channels = self._scheme.of(name).channels
                leaf[..., :channels].sub_(rate * _gradient(leaf)[..., :channels])
            for leaf in self._bias_leaves.values():
                leaf.sub_(rate * _gradient(leaf))
            for leaf in (*self._weight_leaves.values(), *self._bias_leaves.values()):
                leaf.grad = None


def _gradient(leaf: torch.Tensor) -> torch.Tensor:
    assert leaf.grad is not None, "every trained value reaches the loss"
    return leaf.grad
