"""The int8 net as torch sees it: real weights, maps rounded as the int8 net rounds them, gradients straight through.

Every map takes the value that the reference's int8 map stands for; its gradient passes as if nothing had been rounded,
but for places where int8 clipped, where it is zero (straight-through estimator: Bengio, Léonard, Courville,
arXiv:1308.3432; with clipping as in Jacob et al., CVPR 2018). What is left between the two sides is the rounding of
gradients to int8, and that is what a comparison measures.
"""

from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from fleet.node.model import reference as ref
from fleet.node.model.graph import Add, Conv2d, Dense, Depthwise, FullyConnected, GlobalAveragePool, Graph, Op, Weighted
from fleet.node.model.recipe import Loss
from fleet.node.model.scheme import Scheme

Gradients = dict[tuple[str, str], NDArray[np.float64]]


class Twin:
    """Leaves in double precision, in the graph's layouts. Knows the operators that own weights, sums and the pool."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.weight = {op.name: _leaf(_real_weight(op)) for op in graph.weighted}
        self.bias = {op.name: _leaf(op.bias * _s_x(graph, op) * op.weight_scale.astype(float)) for op in graph.weighted}

    def output(self, trace: ref.Trace) -> Tensor:
        """The last map, or [classes] logits in natural units: the trace's values, with a way back to the leaves."""
        maps = {self.graph.input.name: self._rounded(trace, self.graph.input.name)}
        for op in self.graph.ops:
            value = self._value(op, maps)
            if isinstance(op, Dense):
                return _straight_through(value, torch.from_numpy(trace.logits / ref.LOGIT_STEPS))
            kept = torch.ones_like(value) if isinstance(op, GlobalAveragePool) else _double(trace.kept[op.name])
            maps[op.y] = _straight_through(value, self._rounded(trace, op.y), kept)
        return maps[self.graph.ops[-1].y]

    def loss(self, trace: ref.Trace, target: ref.Target, own: Collection[int], loss: Loss) -> Tensor:
        """Of the softmax over the own classes, in nats; or the mean of squared differences in real units."""
        output = self.output(trace)
        if loss is Loss.CROSS_ENTROPY:
            classes = sorted(own)
            return functional.cross_entropy(output[classes][None], torch.tensor([classes.index(int(target))]))
        last = self.graph.tensor(self.graph.ops[-1].y)
        wanted = (np.asarray(target, dtype=np.float64).reshape(last.shape) - last.zero_point) * last.scale
        return functional.mse_loss(output, torch.from_numpy(wanted))

    def gradients(
        self, trace: ref.Trace, target: ref.Target, own: Collection[int], scheme: Scheme
    ) -> tuple[float, Gradients]:
        """The loss, and its gradients for all that the scheme trains."""
        loss = self.loss(trace, target, own, scheme.recipe.loss)
        names = [op.name for op in self.graph.weighted]
        leaves = [*(self.weight[n] for n in names), *(self.bias[n] for n in names)]
        found = [g.numpy() for g in torch.autograd.grad(loss, leaves)]
        weights, biases = dict(zip(names, found, strict=False)), dict(zip(names, found[len(names) :], strict=True))
        return float(loss.detach()), _trained(scheme, weights, biases)

    def _rounded(self, trace: ref.Trace, name: str) -> Tensor:
        tensor = self.graph.tensor(name)
        return _double((trace.maps[name] - tensor.zero_point) * float(np.float32(tensor.scale)))

    def _value(self, op: Op, maps: dict[str, Tensor]) -> Tensor:
        """[H, W, C], or [classes] of the head; zeros around a map are its zero point."""
        x = maps[op.x]
        match op:
            case Conv2d():
                weight = self.weight[op.name].permute(0, 3, 1, 2)
                return _convolved(op, x, weight, self.bias[op.name], groups=op.groups)
            case Depthwise():
                weight = self.weight[op.name].permute(2, 0, 1)[:, None]
                return _convolved(op, x, weight, self.bias[op.name], groups=x.shape[2])
            case GlobalAveragePool():
                return x.mean(dim=(0, 1), keepdim=True)
            case Dense():
                return functional.linear(x.flatten(), self.weight[op.name], self.bias[op.name])
            case FullyConnected():
                return functional.linear(x.flatten(), self.weight[op.name], self.bias[op.name])[None, None]
            case Add():
                return x + maps[op.x2]
            case _:
                raise NotImplementedError(f"{op.name}: a subclass says what this operator computes")


def real_gradients(graph: Graph, scheme: Scheme, grads: ref.Backward | ref.FloatBackward) -> Gradients:
    """The reference's gradients in real units: s_x G of weights, B of biases, times 2^-k of integers."""
    weights: dict[str, NDArray[np.float64]] = {}
    biases: dict[str, NDArray[np.float64]] = {}
    for op in graph.weighted:
        unit = 2.0 ** -grads.outputs[op.name].k if isinstance(grads, ref.Backward) and op.name in grads.outputs else 1.0
        if op.name in grads.weights:
            weights[op.name] = grads.weights[op.name].astype(np.float64) * (_s_x(graph, op) * unit)
        if op.name in grads.biases:
            biases[op.name] = grads.biases[op.name].astype(np.float64) * unit
    return _trained(scheme, weights, biases)


def _trained(
    scheme: Scheme, weights: dict[str, NDArray[np.float64]], biases: dict[str, NDArray[np.float64]]
) -> Gradients:
    found: Gradients = {}
    for part in scheme.trained:
        if part.channels:
            found[part.op, "weight"] = weights[part.op][..., : part.channels]
        if part.bias:
            found[part.op, "bias"] = biases[part.op]
    return found


def _straight_through(value: Tensor, rounded: Tensor, kept: Tensor | float = 1.0) -> Tensor:
    """The rounded value; the gradient of the unrounded one where it is kept."""
    return rounded + kept * (value - value.detach())


def _convolved(op: Conv2d | Depthwise, x: Tensor, weight: Tensor, bias: Tensor, *, groups: int) -> Tensor:
    top, left, bottom, right = op.pad
    padded = functional.pad(x.permute(2, 0, 1)[None], (left, right, top, bottom))
    return functional.conv2d(padded, weight, bias, op.stride, groups=groups)[0].permute(1, 2, 0)


def _real_weight(op: Weighted) -> NDArray[np.float64]:
    scale = op.weight_scale.astype(np.float64)
    by_output = scale if isinstance(op, Depthwise) else scale.reshape(-1, *[1] * (op.weight.ndim - 1))
    return op.weight * by_output


def _s_x(graph: Graph, op: Weighted) -> float:
    return float(np.float32(graph.tensor(op.x).scale))


def _leaf(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values).requires_grad_()


def _double(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(values.astype(np.float64))
