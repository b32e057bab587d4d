"""Float pretraining: from int8 windows of a few people to a folded network. The only training in float.

Everything random (weights, order, jitter, noise) is drawn from counters, none from torch's generators, and all runs
on one thread, in double precision unless the recipe says otherwise. Matrix kernels differ between processors in the
last bits of a sum; in double these bits stay far below a step of int8. Tried on one x86-64 machine with torch 2.13:
all ten shipped models come out byte for byte with AVX2 kernels and with the baseline ones
(ATEN_CPU_CAPABILITY=default, MKL_CBWR=COMPATIBLE). That is an observation, not a promise: torch does not guarantee
equal bits across releases or platforms (PyTorch documentation, "Reproducibility").
"""

from collections.abc import Callable, Iterator
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
from fleet.node.model.graph import Graph, Int8
from fleet.node.model.quantize import quantize
from fleet.node.model.torch.exact import exact
from fleet.node.model.torch.layers import clipped, combined, products
from fleet.node.model.zoo.structure import INPUT, Kind, Layer, NetSpec

BN_EPSILON: Final = 1e-5
BN_MOMENTUM: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """AdamW under a one-cycle rate; amplitude jitter per window and noise per sample, both normal.

    jitter: standard deviation of the factor. noise: standard deviation in real input units (int8 / 64).
    single: single precision, several times faster, for studies: its bits depend on the processor.

    passes: 12, 18 and 25 were compared on seglearn-watch, draws 0 to 9, each time with one of the four people who
    pretrain left out and asked: 87.9, 86.6 and 87.0 % recognised. The differences are within the noise of ten draws.
    """

    passes: int = 12
    batch: int = 48
    peak_rate: float = 3e-3
    decay: float = 1e-2
    jitter: float = 0.15
    noise: float = 0.05
    single: bool = False


class _Purpose(IntEnum):
    """Third part of a pretraining key. Numbers are part of the format: never renumber, only append."""

    WEIGHTS = 0
    ORDER = 1
    JITTER = 2
    NOISE = 3
    CALIBRATION = 4


def pretrain(
    spec: NetSpec,
    windows: Int8,
    labels: NDArray[np.uint8],
    *,
    seed: int,
    input_scale: float,
    input_zero: int = 0,
    recipe: Recipe = Recipe(),
    progress: Callable[[int, float], None] | None = None,
) -> FloatNet:
    """The net trained on these windows, batch norm folded.

    windows: int8 [N, H, W, C], real = input_scale * (x - input_zero). labels: uint8 [N]. The softmax runs over all
    outputs of the head, so that outputs of classes not among the labels learn to stay low. progress: called after
    each pass with its number from 1 and the share of windows recognised during it.
    """
    x = input_scale * (windows.astype(np.float64) - input_zero)
    kind = torch.float32 if recipe.single else torch.float64
    with exact():
        net = _TrainableNet(spec, seed, kind)
        optimiser = torch.optim.AdamW(net.parameters, lr=recipe.peak_rate, weight_decay=recipe.decay)
        batches = max(len(x) // recipe.batch, 1)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.peak_rate, total_steps=batches * recipe.passes)
        for number in range(recipe.passes):
            right = 0
            for batch_x, batch_y in _batches(x, labels, recipe, seed, number):
                optimiser.zero_grad()
                logits = net.logits(batch_x.to(kind), training=True)
                functional.cross_entropy(logits, batch_y).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
                right += int((logits.argmax(dim=1) == batch_y).sum())
            if progress:
                progress(number + 1, right / min(batches * recipe.batch, len(x)))
        return net.folded()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretrained:
    """A trained network in double precision, batch norm folded, and its int8 form."""

    net: FloatNet
    graph: Graph


def pretrained(
    spec: NetSpec,
    windows: Int8,
    labels: NDArray[np.uint8],
    *,
    seed: int,
    input_scale: float,
    input_zero: int = 0,
    recipe: Recipe = Recipe(single=True),
    calibration: int = 512,
) -> Pretrained:
    """The net trained on these windows, folded and quantised: what studies start from.

    calibration: how many windows, drawn by seed, set the activation ranges. The rest as in `pretrain`.
    """
    net = pretrain(
        spec, windows, labels, seed=seed, input_scale=input_scale, input_zero=input_zero, recipe=recipe
    )  # fmt: skip
    drawn = permutation(key(seed, Stream.PRETRAIN, _Purpose.CALIBRATION), len(windows))[:calibration]
    graph = quantize(net, windows[drawn], input_scale=input_scale, input_zero=input_zero)
    return Pretrained(net=net, graph=graph)


class _TrainableNet:
    """Weights in the Graph's layouts, maps as [N, H, W, C], batch norm after every weighted layer but the last."""

    def __init__(self, spec: NetSpec, seed: int, kind: torch.dtype = torch.float64) -> None:
        self.spec = spec
        self.weight = {
            layer.name: _leaf(_initial(layer, key(seed, Stream.PRETRAIN, _Purpose.WEIGHTS, number)), kind)
            for number, layer in enumerate(spec.weighted)
        }
        self.normed = {layer.name: layer for layer in spec.weighted[:-1]}
        outputs = {name: layer.outputs for name, layer in self.normed.items()}
        self.gain = {name: _leaf(np.ones(count), kind) for name, count in outputs.items()}
        self.shift = {name: _leaf(np.zeros(count), kind) for name, count in outputs.items()}
        self.mean = {name: torch.zeros(count, dtype=kind) for name, count in outputs.items()}
        self.variance = {name: torch.ones(count, dtype=kind) for name, count in outputs.items()}
        self.head_bias = _leaf(np.zeros(spec.weighted[-1].outputs), kind)

    @property
    def parameters(self) -> list[torch.Tensor]:
        return [*self.weight.values(), *self.gain.values(), *self.shift.values(), self.head_bias]

    def logits(self, x: torch.Tensor, *, training: bool) -> torch.Tensor:
        """[N, classes] of a batch [N, H, W, C]; in training, batch norm uses and records the batch's statistics."""
        maps = {INPUT: x}
        for layer in self.spec.layers:
            xs = [maps[name] for name in layer.xs]
            if not layer.weight_shape:
                y = combined(self.spec, layer, xs).to(x.dtype)
            elif layer.name in self.normed:
                y = self._normed(layer.name, products(layer, xs[0], self.weight[layer.name]), training)
            else:
                y = products(layer, xs[0], self.weight[layer.name]) + self.head_bias
            maps[layer.name] = clipped(layer, y)
        return y.flatten(1)

    def folded(self) -> FloatNet:
        """The same function as evaluation, with batch norm inside weights and biases."""
        weights = {name: _doubles(weight) for name, weight in self.weight.items()}
        biases = {self.spec.weighted[-1].name: _doubles(self.head_bias)}
        for name, layer in self.normed.items():
            factor = _doubles(self.gain[name] / torch.sqrt(self.variance[name] + BN_EPSILON))
            axes = 1 if layer.kind is Kind.DEPTHWISE else len(layer.weight_shape)
            weights[name] = weights[name] * factor.reshape(-1, *[1] * (axes - 1))
            biases[name] = _doubles(self.shift[name]) - _doubles(self.mean[name]) * factor
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


def _leaf(values: Float64, kind: torch.dtype) -> torch.Tensor:
    return torch.from_numpy(values).to(kind).requires_grad_()


def _doubles(values: torch.Tensor) -> Float64:
    return np.asarray(values.detach().numpy(), np.float64).copy()
