"""The input channels that a scheme trains, chosen by magnitude: they are moved to the front of their layer.

A scheme trains the first channels, which the engine reads and saves as one run. So channels are chosen by another
order of the same network: whoever makes a map and whoever reads it are permuted alike, and nothing that comes out of
the network changes by a bit, for integer sums do not depend on their order. Maps that one operator ties together (a
sum, a depthwise layer, a pool) have one order; where an operator sees the order itself, it must stay.
Source of the rule: mit-han-lab/tiny-training, algorithm/core/utils/partial_backward.py, `magnitude+`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import Fault, InputError
from fleet.node.model.fixed import Int64
from fleet.node.model.graph import (
    Add,
    Concat,
    Conv2d,
    Dense,
    Depthwise,
    FullyConnected,
    Graph,
    Mean,
    Mul,
    Op,
    Pad,
    Reshape,
    Tensor,
    Transpose,
    Weighted,
    inputs,
)
from fleet.node.model.scheme import Scheme, head_of

CHANNELS: Final = 2  # the axis of a map


def by_magnitude(graph: Graph, scheme: Scheme, *, joint: bool = False, stored: bool = False) -> Graph:
    """The same function with the largest input channels of the layers that a scheme trains in part at the front.

    A channel's magnitude is the L2 norm of its real weights; stored: of the int8 values, as published, where a dead
    output with tiny scale counts as much as a live one. joint: layers that read one stream of a residual network and
    want different channels share an order, by the sum of their shares; otherwise that is refused, with every other
    layer whose channels cannot move.
    """
    ties = _ties(graph)
    wanted: dict[str, list[Weighted]] = {}
    for op in graph.weighted:
        part = scheme.of(op.name)
        if 0 < part.channels < op.weight.shape[-1] and op.name != head_of(graph).name:
            wanted.setdefault(ties.root(op.x), []).append(op)
    faults: list[Fault] = []
    orders: dict[str, Int64] = {}
    for root, layers in wanted.items():
        fixed = {op.name: reason for op in layers if (reason := ties.held.get(root) or _flattened(graph, op))}
        if fixed:
            faults += [
                Fault(name, f"expected channels that can be put in order, got {reason}; {_FIRST}")
                for name, reason in fixed.items()
            ]
            continue
        order = _order(layers, scheme, joint=joint, stored=stored)
        if order is None:
            names = ", ".join(op.name for op in layers[1:])
            text = f"expected channels that no other layer orders otherwise, got the same map read by {names}"
            faults.append(Fault(layers[0].name, f"{text}; order them jointly or {_FIRST}"))
        else:
            orders[root] = order
    if faults:
        raise InputError(faults)
    return _permuted(graph, ties, orders)


_FIRST: Final = "train its first channels"


def _flattened(graph: Graph, op: Weighted) -> str:
    """Why the inputs of a dense layer over several places are no channels; empty for any other layer."""
    height, width, channels = graph.tensor(op.x).shape
    if isinstance(op, FullyConnected | Dense) and op.weight.shape[-1] != channels:
        return f"{op.weight.shape[-1]} inputs from {height} x {width} places of {channels} channels"
    return ""


# --- orders ----------------------------------------------------------------------------------------------------


def magnitudes(op: Weighted, *, stored: bool = False) -> NDArray[np.float64]:
    """float64 [channels]: the L2 norm of the weights of each entry of the weight's last axis."""
    weight = op.weight.astype(np.float64)
    if not stored:
        shape = (-1,) if isinstance(op, Depthwise) else (-1, *[1] * (weight.ndim - 1))
        weight = weight * op.weight_scale.astype(np.float64).reshape(shape)
    norms: NDArray[np.float64] = np.sqrt((weight.reshape(-1, weight.shape[-1]) ** 2).sum(axis=0))
    return norms


def _order(layers: Sequence[Weighted], scheme: Scheme, *, joint: bool, stored: bool) -> Int64 | None:
    """Old channels in their new order; None where no order puts the largest of each layer first."""
    norms = {op.name: magnitudes(op, stored=stored) for op in layers}
    if joint and len(layers) > 1:
        shares = sum(norm**2 / max(float((norm**2).sum()), np.finfo(np.float64).tiny) for norm in norms.values())
        return np.argsort(-np.asarray(shares), kind="stable")
    order: list[int] = []
    for op in sorted(layers, key=lambda op: scheme.of(op.name).channels):
        largest = np.argsort(-norms[op.name], kind="stable")[: scheme.of(op.name).channels].tolist()
        if not set(order) <= set(largest):
            return None
        order += [channel for channel in largest if channel not in order]
    order += [channel for channel in range(len(norms[layers[0].name])) if channel not in set(order)]
    return np.array(order, dtype=np.int64)


# --- ties between maps -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Ties:
    """Maps whose channels have one order. held: roots whose order must stay, with the reason."""

    parents: dict[str, str]
    held: dict[str, str] = field(default_factory=dict)

    def root(self, name: str) -> str:
        while self.parents[name] != name:
            name = self.parents[name]
        return name

    def tie(self, names: Sequence[str]) -> None:
        first = self.root(names[0])
        for name in names[1:]:
            other = self.root(name)
            if other != first:
                self.parents[other] = first
                if other in self.held:
                    self.held.setdefault(first, self.held.pop(other))

    def hold(self, names: Sequence[str], reason: str) -> None:
        for name in names:
            self.held.setdefault(self.root(name), reason)


def _ties(graph: Graph) -> _Ties:
    ties = _Ties({tensor.name: tensor.name for tensor in graph.tensors})
    for op in graph.ops:
        _tie(graph, op, ties)
    ties.hold(graph.inputs, "an input of the network")
    ties.hold(graph.outputs, "an output of the network")
    return ties


def _tie(graph: Graph, op: Op, ties: _Ties) -> None:
    maps = (*inputs(op), op.y)
    match op:
        case Conv2d(groups=1) | FullyConnected() | Dense():
            return
        case Conv2d() | Depthwise() if isinstance(op, Conv2d) or graph.tensor(op.x).shape != _like(graph, op):
            ties.hold(maps, f"'{op.name}', which reads channels in groups")
        case Mean() if CHANNELS in op.axes:
            return
        case Add() | Mul():
            ties.tie(
                [name for name in maps if graph.tensor(name).shape[CHANNELS] == graph.tensor(op.y).shape[CHANNELS]]
            )
        case _ if _sees_order(graph, op):
            ties.hold(maps, f"'{op.name}', which moves channels")
        case _:
            ties.tie(maps)


def _like(graph: Graph, op: Conv2d | Depthwise) -> tuple[int, int, int]:
    """The input's shape if it had as many channels as the output."""
    height, width, _ = graph.tensor(op.x).shape
    return height, width, graph.tensor(op.y).shape[CHANNELS]


def _sees_order(graph: Graph, op: Op) -> bool:
    match op:
        case Concat():
            return op.axis == CHANNELS
        case Transpose():
            return op.order[CHANNELS] != CHANNELS
        case Pad():
            return bool(op.before[CHANNELS] or op.after[CHANNELS])
        case Reshape():
            return graph.tensor(op.x).shape[CHANNELS] != graph.tensor(op.y).shape[CHANNELS]
        case _:
            return False


# --- the network in its new order ------------------------------------------------------------------------------


def _permuted(graph: Graph, ties: _Ties, orders: dict[str, Int64]) -> Graph:
    def order_of(name: str) -> Int64 | None:
        return orders.get(ties.root(name))

    tensors = tuple(_constant(tensor, order_of(tensor.name)) for tensor in graph.tensors)
    ops = tuple(
        _made(_read(op, order_of(op.x)), order_of(op.y)) if isinstance(op, Weighted) else op for op in graph.ops
    )
    return replace(graph, tensors=tensors, ops=ops)


def _constant(tensor: Tensor, order: Int64 | None) -> Tensor:
    if tensor.value is None or order is None or tensor.shape[CHANNELS] != len(order):
        return tensor
    return replace(tensor, value=np.ascontiguousarray(tensor.value[..., order]))


def _read(op: Weighted, order: Int64 | None) -> Weighted:
    """Weights for an input in its new order; those of a depthwise layer belong to its output as well."""
    if order is None or isinstance(op, Depthwise):
        return op
    split = op.weight.reshape(*op.weight.shape[:-1], -1, len(order))
    return replace(op, weight=np.ascontiguousarray(split[..., order].reshape(op.weight.shape)))


def _made(op: Weighted, order: Int64 | None) -> Weighted:
    """Weights, biases and scales for an output in its new order."""
    if order is None:
        return op
    weight: NDArray[Any] = op.weight[..., order] if isinstance(op, Depthwise) else op.weight[order]
    return replace(op, weight=np.ascontiguousarray(weight), bias=op.bias[order], weight_scale=op.weight_scale[order])
