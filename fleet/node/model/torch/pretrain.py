"""Float pretraining: from int8 windows of a few people to a folded network. The only training in float.

Everything random (weights, order, jitter, noise) is drawn from counters, none from torch's generators, and all
arithmetic is double precision on one thread. Matrix kernels differ between processors in the last bits of a sum;
in double these bits stay far below a step of int8. Tried on one x86-64 machine with torch 2.13: all ten shipped
models come out byte for byte with AVX2 kernels and with the baseline ones (ATEN_CPU_CAPABILITY=default,
MKL_CBWR=COMPATIBLE). That is an observation, not a promise: torch does not guarantee equal bits across releases or
platforms (PyTorch documentation, "Reproducibility").
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from math import prod, sqrt
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from fleet.base.rng import Stream, draws32, key, permutation
from fleet.node.model.float_net import Float64, FloatNet
from fleet.node.model.graph import Int8
from fleet.node.model.zoo import Kind, Layer, NetSpec

BN_EPSILON: Final = 1e-5
BN_MOMENTUM: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """AdamW under a one-cycle rate; amplitude jitter per window and noise per sample, both normal.

    jitter: standard deviation of the factor. noise: standard deviation in real input units (int8 / 64).

    passes: 12, 18 and 25 were compared on seglearn-watch, draws 0 to 9, each time with one of the four people who
    pretrain left out and asked: 87.9, 86.6 and 87.0 % recognised. The differences are within the noise of ten draws.
    """

    passes: int = 12
    batch: int = 48
    peak_rate: float = 3e-3
    decay: float = 1e-2
    jitter: float = 0.15
    noise: float = 0.05


class _Purpose(IntEnum):
    """Third part of a pretraining key. Numbers are part of the format: never renumber, only append."""

    WEIGHTS = 0
    ORDER = 1
    JITTER = 2
    NOISE = 3


def pretrain(
    spec: NetSpec,
    windows: Int8,
    labels: NDArray[np.uint8],
    *,
    seed: int,
    input_scale: float,
    recipe: Recipe = Recipe(),
    progress: Callable[[int, float], None] | None = None,
) -> FloatNet:
    """The net trained on these windows, batch norm folded.

    windows: int8 [N, H, W, C], zero point 0. labels: uint8 [N]. The softmax runs over all outputs of the head, so
    that outputs of classes not among the labels learn to stay low. progress: called after each pass with its
    number from 1 and the share of windows recognised during it.
    """
    x = input_scale * windows.astype(np.float64)
    with _exact():
        net = _TrainableNet(spec, seed)
        optimiser = torch.optim.AdamW(net.parameters, lr=recipe.peak_rate, weight_decay=recipe.decay)
        batches = max(len(x) // recipe.batch, 1)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.peak_rate, total_steps=batches * recipe.passes)
        for number in range(recipe.passes):
            right = 0
            for batch_x, batch_y in _batches(x, labels, recipe, seed, number):
                optimiser.zero_grad()
                logits = net.logits(batch_x, training=True)
                functional.cross_entropy(logits, batch_y).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
                right += int((logits.argmax(dim=1) == batch_y).sum())
            if progress:
                progress(number + 1, right / min(batches * recipe.batch, len(x)))
        return net.folded()


class _TrainableNet:
    """Weights in the Graph's layouts, maps as [N, H, W, C], batch norm after every convolution.

    Written with slices and matrix products: torch's own convolutions in double are several times slower on maps this
    small, and these need no change of layout on the way to the Graph.
    """

    def __init__(self, spec: NetSpec, seed: int) -> None:
        self.spec = spec
        self.weight = {
            layer.name: _leaf(_initial(layer, key(seed, Stream.PRETRAIN, _Purpose.WEIGHTS, number)))
            for number, layer in enumerate(spec.weighted)
        }
        normed = [layer for layer in spec.weighted if layer.kind is not Kind.DENSE]
        self.gain = {layer.name: _leaf(np.ones(layer.outputs)) for layer in normed}
        self.shift = {layer.name: _leaf(np.zeros(layer.outputs)) for layer in normed}
        self.mean = {layer.name: torch.zeros(layer.outputs, dtype=torch.float64) for layer in normed}
        self.variance = {layer.name: torch.ones(layer.outputs, dtype=torch.float64) for layer in normed}
        self.head_bias = _leaf(np.zeros(spec.classes))

    @property
    def parameters(self) -> list[torch.Tensor]:
        return [*self.weight.values(), *self.gain.values(), *self.shift.values(), self.head_bias]

    def logits(self, x: torch.Tensor, *, training: bool) -> torch.Tensor:
        """[N, classes] of a batch [N, H, W, C]; in training, batch norm uses and records the batch's statistics."""
        for layer in self.spec.layers:
            match layer.kind:
                case Kind.POOL:
                    x = x.mean(dim=(1, 2))
                case Kind.DENSE:
                    x = functional.linear(x, self.weight[layer.name], self.head_bias)
                case _:
                    x = functional.relu(
                        self._normed(layer.name, _convolved(layer, x, self.weight[layer.name]), training)
                    )
        return x

    def folded(self) -> FloatNet:
        """The same function as evaluation, with batch norm inside weights and biases."""
        weights = {name: weight.detach().numpy().copy() for name, weight in self.weight.items()}
        biases = {self.spec.layers[-1].name: self.head_bias.detach().numpy().copy()}
        for layer in self.spec.weighted[:-1]:
            name = layer.name
            factor = (self.gain[name] / torch.sqrt(self.variance[name] + BN_EPSILON)).detach()
            by_output = factor.numpy() if layer.kind is Kind.DEPTHWISE else factor.numpy()[:, None, None, None]
            weights[name] = weights[name] * by_output
            biases[name] = (self.shift[name] - self.mean[name] * factor).detach().numpy()
        return FloatNet(spec=self.spec, weights=weights, biases=biases)

    def _normed(self, name: str, x: torch.Tensor, training: bool) -> torch.Tensor:
        flat = functional.batch_norm(
            x.flatten(0, 2),
            self.mean[name],
            self.variance[name],
            self.gain[name],
            self.shift[name],
            training=training,
            momentum=BN_MOMENTUM,
            eps=BN_EPSILON,
        )
        return flat.view(x.shape)


def _convolved(layer: Layer, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Convolution or depthwise convolution of [N, H, W, C], weight in the Graph's layout, no bias."""
    (pad_down, pad_right), (down, right) = layer.pad, layer.stride
    height, width = layer.out_size(x.shape[1], x.shape[2])
    padded = functional.pad(x, (0, 0, pad_right, pad_right, pad_down, pad_down))
    taps = [
        padded[:, i : i + down * (height - 1) + 1 : down, j : j + right * (width - 1) + 1 : right]
        for i in range(layer.kernel[0])
        for j in range(layer.kernel[1])
    ]
    if layer.kind is Kind.DEPTHWISE:
        products = [tap * of_tap for tap, of_tap in zip(taps, weight.flatten(0, 1), strict=True)]
        return torch.stack(products).sum(dim=0)
    return functional.linear(torch.cat(taps, dim=3) if len(taps) > 1 else taps[0], weight.flatten(1))


def _batches(
    x: Float64, labels: NDArray[np.uint8], recipe: Recipe, seed: int, number: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The batches of one pass: every window once in a new order, but for a remainder smaller than a batch."""
    order = permutation(key(seed, Stream.PRETRAIN, _Purpose.ORDER, number), len(x))
    factor = 1 + recipe.jitter * _normals(key(seed, Stream.PRETRAIN, _Purpose.JITTER, number), (len(x), 1, 1, 1))
    varied = x * factor + recipe.noise * _normals(key(seed, Stream.PRETRAIN, _Purpose.NOISE, number), x.shape)
    for first in range(0, max(len(x) - recipe.batch, 0) + 1, recipe.batch):
        chosen = order[first : first + recipe.batch]
        yield torch.from_numpy(varied[chosen]), torch.from_numpy(labels[chosen].astype(np.int64))


def _initial(layer: Layer, layer_key: int) -> Float64:
    """Starting weights, uniform within ±1/sqrt(inputs of one output), which is torch's own default."""
    shape = layer.weight_shape
    inputs = prod(layer.kernel) * (1 if layer.kind is Kind.DEPTHWISE else layer.inputs)
    unit = draws32(layer_key, 0, prod(shape)) / 2**32
    return ((2 * unit - 1) / sqrt(inputs)).reshape(shape)


def _normals(normal_key: int, shape: tuple[int, ...]) -> Float64:
    """Standard normal numbers by Box and Muller, "A note on the generation of random normal deviates", 1958."""
    count = prod(shape)
    radius = np.sqrt(-2 * np.log((draws32(normal_key, 0, count) + 1.0) / 2**32))
    angle = 2 * np.pi * (draws32(normal_key, count, count) / 2**32)
    return np.asarray(radius * np.cos(angle), np.float64).reshape(shape)


def _leaf(values: Float64) -> torch.Tensor:
    return torch.from_numpy(values).requires_grad_()


@contextmanager
def _exact() -> Iterator[None]:
    """One thread and deterministic kernels inside; what was set before is set again afterwards."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
