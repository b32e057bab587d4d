"""All gradients of one step, in the reverse order of the graph: in int8 and in fp32."""

from collections.abc import Callable, Collection

import numpy as np

from fleet.base.errors import InputError
from fleet.node.model import fixed
from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Float32, Graph, Weighted, inputs
from fleet.node.model.recipe import Exponents, Gradients
from fleet.node.model.reference import operators
from fleet.node.model.reference.loss import Target, error, error_floats, error_sums
from fleet.node.model.reference.operators import is_copy, is_masked
from fleet.node.model.reference.values import (
    Backward,
    FloatBackward,
    Gradient,
    Trace,
    block,
    dynamic_shift,
    shifted,
)
from fleet.node.model.scheme import Scheme

Choose = Callable[[str, Int64, int], int]  # of a map's name, sums, and exponent above the loss gradient's: the shift


def gradients(
    graph: Graph, scheme: Scheme, trace: Trace, target: Target, own: Collection[int]
) -> Backward | FloatBackward | None:
    """All gradients the scheme needs, in its recipe's format; None when there is nothing to learn."""
    how = backward if scheme.recipe.gradients is Gradients.INT8 else float_backward
    return how(graph, scheme, trace, target, own)


def backward(graph: Graph, scheme: Scheme, trace: Trace, target: Target, own: Collection[int]) -> Backward | None:
    """All integer gradients the scheme needs; None when there is nothing to learn."""
    wrong = error(graph, scheme.recipe.loss, trace, target, own)
    if not wrong.any():
        return None
    fixed_shifts = dict(scheme.recipe.shifts) if scheme.recipe.exponents is Exponents.STATIC else None

    def choose(name: str, acc: Int64, rise: int) -> int:
        return dynamic_shift(acc) if fixed_shifts is None else fixed_shifts[name]

    return integer_pass(graph, scheme, trace, wrong, choose)


def integer_pass(graph: Graph, scheme: Scheme, trace: Trace, wrong: Int64, choose: Choose) -> Backward:
    """All integer gradients of an error, each map's sums shifted as `choose` says."""
    result = Backward()
    loss = block(*error_sums(graph, scheme.recipe.loss, wrong))
    waiting = {graph.ops[-1].y: loss}
    needed = tensors_with_gradient(graph, scheme)
    for op in reversed(graph.ops):
        if op.y not in waiting:
            continue
        g = waiting.pop(op.y)
        if is_masked(op):
            g = Gradient(np.where(trace.kept[op.name], g.e, 0), g.k)
        result.outputs[op.name] = g
        if isinstance(op, Weighted):
            _sum_up(graph, scheme, op, g, trace, result)
        for name in (name for name in inputs(op) if name in needed):
            acc, k = operators.input_sums(graph, op, name, g, trace.maps)
            if name in waiting:
                acc, k = merged(acc, k, waiting[name])
            elif is_copy(graph, op, name):
                waiting[name] = Gradient(acc, k)
                continue
            waiting[name] = shifted(acc, k, choose(name, acc, k - loss.k))
    return result


def _sum_up(graph: Graph, scheme: Scheme, op: Weighted, g: Gradient, trace: Trace, result: Backward) -> None:
    """G and B of what trains."""
    part = scheme.of(op.name)
    if part.channels:
        result.weights[op.name] = operators.weight_sums(graph, op, g, trace.maps)
    if part.bias:
        result.biases[op.name] = g.e.reshape(-1, op.bias.size).sum(axis=0)


def merged(acc: Int64, k: int, earlier: Gradient) -> tuple[Int64, int]:
    """Accumulators of one use of a map and what waits from a later use, with their exponent."""
    shift = k - earlier.k
    if shift > 22:
        acc, k, shift = fixed.round_shift(acc, shift - 22), k - (shift - 22), 22
    return acc + (earlier.e << shift if shift >= 0 else fixed.round_shift(earlier.e, -shift)), k


def float_backward(
    graph: Graph, scheme: Scheme, trace: Trace, target: Target, own: Collection[int]
) -> FloatBackward | None:
    """All fp32 gradients the scheme needs; None when there is nothing to learn."""
    wrong = error(graph, scheme.recipe.loss, trace, target, own)
    if not wrong.any():
        return None
    result = FloatBackward()
    last = graph.tensor(graph.ops[-1].y)
    waiting = {last.name: error_floats(graph, scheme.recipe.loss, wrong).reshape(last.shape)}
    needed = tensors_with_gradient(graph, scheme)
    for op in reversed(graph.ops):
        if op.y not in waiting:
            continue
        g = waiting.pop(op.y)
        if is_masked(op):
            g = np.where(trace.kept[op.name], g, np.float32(0))
        result.outputs[op.name] = g
        if isinstance(op, Weighted):
            _sum_up_floats(graph, scheme, op, g, trace, result)
        for name in (name for name in inputs(op) if name in needed):
            start = waiting.get(name, np.zeros(graph.tensor(name).shape, dtype=np.float32))
            waiting[name] = operators.input_floats(graph, op, name, g, trace.maps, start)
    return result


def _sum_up_floats(graph: Graph, scheme: Scheme, op: Weighted, g: Float32, trace: Trace, result: FloatBackward) -> None:
    """G and B of what trains, positions ascending."""
    part = scheme.of(op.name)
    if part.channels:
        result.weights[op.name] = operators.weight_floats(graph, op, g, trace.maps)
    if part.bias:
        total = np.zeros(op.bias.size, dtype=np.float32)
        for position in g.reshape(-1, op.bias.size):
            total += position
        result.biases[op.name] = total


def tensors_with_gradient(graph: Graph, scheme: Scheme) -> set[str]:
    """Names of maps on whose way back something still trains."""
    training = {t.op for t in scheme.trained}
    needed: set[str] = set()
    for op in graph.ops:
        if op.name in training or any(name in needed for name in inputs(op)):
            needed.add(op.y)
    return needed


def blocked_maps(graph: Graph, scheme: Scheme) -> tuple[str, ...]:
    """Maps whose gradient a step shifts into int8, in the order of the way back: those that `shifts` must name."""
    needed = tensors_with_gradient(graph, scheme)
    waiting, found = {graph.ops[-1].y}, dict[str, None]()
    for op in reversed(graph.ops):
        if op.y not in waiting:
            continue
        for name in (name for name in inputs(op) if name in needed):
            if name in waiting or not is_copy(graph, op, name):
                found[name] = None
            waiting.add(name)
    return tuple(found)


def check_shifts(graph: Graph, scheme: Scheme) -> None:
    """Raises InputError when static exponents lack the shift of a map."""
    if scheme.recipe.exponents is not Exponents.STATIC or scheme.recipe.gradients is not Gradients.INT8:
        return
    missing = [name for name in blocked_maps(graph, scheme) if name not in dict(scheme.recipe.shifts)]
    if missing:
        text = f"expected a shift for every gradient map, got none for {', '.join(missing)}; take them from calibrated"
        raise InputError.one("shifts", text)
