"""A float network as a torch module that trains on: as it is, or aware of what int8 will do to it.

Quantisation-aware training rounds weights, biases and maps in the forward pass exactly as the int8 network will, and
lets gradients through as if nothing had been rounded; only where a map ends do they end.
Source: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
2018; the straight-through estimator: Bengio et al., 2013.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from fleet.base.rng import Stream, key, permutation
from fleet.node.model.float_net import FloatNet
from fleet.node.model.graph import WHOLE_RANGE, Graph, Int8
from fleet.node.model.quantize import clip_of, fitting_scales, quantized_biases, quantized_weights, with_ranges
from fleet.node.model.ranges import Encoding, Range, encodings, float32, observed, real_values, requantised
from fleet.node.model.torch.exact import exact
from fleet.node.model.torch.layers import clipped, combined, products
from fleet.node.model.zoo.structure import INPUT, Kind, Layer


class Twin(nn.Module):
    """The folded float network in single precision. Reads real windows [N, H, W, C], gives what the last layer makes.

    weight, bias: parameters by the layer's place among those that own weights.
    """

    def __init__(self, net: FloatNet) -> None:
        super().__init__()
        self.net = net
        self.place = {layer.name: place for place, layer in enumerate(net.spec.weighted)}
        self.weight = nn.ParameterList([_parameter(net.weights[name]) for name in self.place])
        self.bias = nn.ParameterList([_parameter(net.biases[name]) for name in self.place])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, outputs] of a batch [N, H, W, C] in real units."""
        spec, maps = self.net.spec, {INPUT: self.entered(x)}
        for layer in spec.layers:
            xs = [self.read(layer, maps[name], name) for name in layer.xs]
            if layer.weight_shape:
                place = self.place[layer.name]
                weight, bias = self.values(layer, self.weight[place], self.bias[place])
                y = products(layer, xs[0], weight) + bias
            else:
                y = combined(spec, layer, xs)
            maps[layer.name] = self.left(layer, y)
        return y.flatten(1)

    def entered(self, x: torch.Tensor) -> torch.Tensor:
        """The input as the first layer reads it."""
        return x

    def read(self, _layer: Layer, x: torch.Tensor, _name: str) -> torch.Tensor:
        """The map of this name as a layer reads it."""
        return x

    def values(self, _layer: Layer, weight: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias that the layer computes with."""
        return weight, bias

    def left(self, layer: Layer, y: torch.Tensor) -> torch.Tensor:
        """The map that the layer leaves."""
        return clipped(layer, y)

    def float_net(self) -> FloatNet:
        """What it has become."""
        weights, biases = (
            {name: values[place].detach().numpy().astype(np.float64) for name, place in self.place.items()}
            for values in (self.weight, self.bias)
        )
        return FloatNet(spec=self.net.spec, weights=weights, biases=biases)


class AwareTwin(Twin):
    """The same with every value on its int8 grid. ranges: real values of the maps, which stay what they are."""

    def __init__(self, net: FloatNet, ranges: dict[str, Range], source: Encoding) -> None:
        super().__init__(net)
        self.ranges = ranges
        self.source = Encoding(scale=float32(source.scale), zero_point=source.zero_point)
        self.codes = encodings(net.spec, ranges, self.source)

    def graph(self) -> Graph:
        """The int8 network it has become."""
        return with_ranges(self.float_net(), self.ranges, self.source)

    def entered(self, x: torch.Tensor) -> torch.Tensor:
        return _rounded(x, self.source, WHOLE_RANGE)

    def read(self, layer: Layer, x: torch.Tensor, name: str) -> torch.Tensor:
        joined = name in requantised(layer, self.codes)
        return _rounded(x, self.codes[layer.name], WHOLE_RANGE) if joined else x

    def values(self, layer: Layer, weight: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        w, b = weight.detach().numpy().astype(np.float64), bias.detach().numpy().astype(np.float64)
        x_scale = self.codes[layer.xs[0]].scale
        scales = fitting_scales(layer, w, b, x_scale)
        by_output = scales if layer.kind is Kind.DEPTHWISE else scales.reshape(-1, *[1] * (w.ndim - 1))
        stored_w = quantized_weights(layer, w, scales).astype(np.float64) * by_output
        stored_b = quantized_biases(layer, b, x_scale, scales) * (x_scale * scales.astype(np.float64))
        return _straight(weight, stored_w), _straight(bias, stored_b)

    def left(self, layer: Layer, y: torch.Tensor) -> torch.Tensor:
        if layer.kind in (Kind.DENSE, Kind.CONSTANT):
            return y
        code = self.codes[layer.name]
        return _rounded(y, code, clip_of(layer, code))


def quantization_aware(
    net: FloatNet, windows: Int8, *, input_scale: float, input_zero: int, percentile: float = 100.0
) -> AwareTwin:
    """A twin of the network that trains on knowing its int8 form; `graph()` gives that. `from_torch` makes nets.

    windows, percentile: what sets the ranges of the maps, as in `quantize`.
    """
    source = Encoding(scale=input_scale, zero_point=input_zero)
    return AwareTwin(net, observed(net, real_values(windows, source), percentile), source)


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuning:
    """AdamW, its rate falling to 0 along half a cosine."""

    passes: int = 5
    batch: int = 32
    rate: float = 1e-3
    decay: float = 0.0


def fine_tune(
    twin: Twin, windows: Int8, labels: NDArray[np.uint8], *, seed: int, source: Encoding,
    how: FineTuning = FineTuning(),
) -> None:  # fmt: skip
    """Trains the twin on. windows: int8 [N, H, W, C] in the units of the source. The same seed gives the same bits."""
    x = torch.from_numpy(real_values(windows, source).astype(np.float32))
    y = torch.from_numpy(labels.astype(np.int64))
    with exact():
        optimiser = torch.optim.AdamW(twin.parameters(), lr=how.rate, weight_decay=how.decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, how.passes * -(-len(x) // how.batch))
        for chosen in _batches(len(x), seed, how):
            optimiser.zero_grad()
            functional.cross_entropy(twin(x[chosen]), y[chosen]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()


def _batches(count: int, seed: int, how: FineTuning) -> Iterator[torch.Tensor]:
    for number in range(how.passes):
        order = torch.from_numpy(permutation(key(seed, Stream.ORDER, number), count))
        yield from (order[first : first + how.batch] for first in range(0, count, how.batch))


def _rounded(x: torch.Tensor, code: Encoding, clip: tuple[int, int]) -> torch.Tensor:
    """Real values on the grid of a map; gradients pass where the map does not end."""
    steps = torch.clamp(x / code.scale + code.zero_point, *clip)
    return (_straight(steps, torch.round(steps.detach())) - code.zero_point) * code.scale


def _straight(x: torch.Tensor, value: torch.Tensor | NDArray[np.float64]) -> torch.Tensor:
    """The value, with the gradient of x."""
    return x + (torch.as_tensor(value).to(x.dtype) - x.detach())


def _parameter(values: NDArray[np.float64]) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(values.astype(np.float32)))
