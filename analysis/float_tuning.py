"""The peer of every int8 method: the same network in float32, tuned by torch on the same windows in the same order."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from fleet.node.model.float_net import FloatNet
from fleet.node.model.graph import Int8
from fleet.node.model.scheme import Scheme
from fleet.node.model.torch.twin import Twin


class FloatTuning:
    """Streaming SGD, one window per step, no momentum, batch norm folded: what the int8 engine does, in float32.

    real value of a window: scale * (x - zero_point).
    """

    def __init__(self, net: FloatNet, scheme: Scheme, *, scale: float, zero_point: int) -> None:
        self._twin, self._scale, self._zero = Twin(net), scale, zero_point
        place = self._twin.place
        weights = [(self._twin.weight[place[part.op]], part.channels) for part in scheme.trained if part.channels]
        biases = [self._twin.bias[place[part.op]] for part in scheme.trained if part.bias]
        self._trained = [*weights, *((bias, len(bias)) for bias in biases)]

    def train(self, windows: Int8, labels: NDArray[np.uint8], order: NDArray[np.int64], rates: Sequence[float]) -> None:
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
        real = np.float32(self._scale) * (windows.astype(np.float32) - np.float32(self._zero))
        logits: torch.Tensor = self._twin(torch.from_numpy(real))
        return logits

    def _step(self, rate: float) -> None:
        with torch.no_grad():
            for leaf, channels in self._trained:
                assert leaf.grad is not None, "every trained value reaches the loss"
                leaf[..., :channels].sub_(rate * leaf.grad[..., :channels])
            for parameter in self._twin.parameters():
                parameter.grad = None
