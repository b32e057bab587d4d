"""What the gradients of a step do to the values that train."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.node.model import fixed
from fleet.node.model.fixed import LIMIT, Int64, Real
from fleet.node.model.graph import DEAD_SCALE, Depthwise, Float32, Graph, Int8, Int32, Weighted
from fleet.node.model.recipe import Rule
from fleet.node.model.reference.extras import Extras, Remembered
from fleet.node.model.reference.rules import latent_step, stepped
from fleet.node.model.reference.values import Backward, FloatBackward, f32
from fleet.node.model.scheme import Scheme

WEIGHT_BITS = 16  # fractional bits of a weight step that amounts are kept in; of a bias step, none
Grads = Backward | FloatBackward


def weight_rates(graph: Graph, op: Weighted, *, scaled: bool = True) -> list[Real]:
    """U without the learning rate, per output channel: s_x / s_w, or unscaled s_x s_w; dead channels get 0."""
    s_x = f32(graph.tensor(op.x).scale)
    return [_alive(s, s_x / float(s) if scaled and s else s_x * float(s)) for s in op.weight_scale]


def bias_rates(graph: Graph, op: Weighted, *, scaled: bool = True) -> list[Real]:
    """V without the learning rate, per output channel: 1 / (s_x s_w), or unscaled s_x s_w; dead channels get 0."""
    s_x = f32(graph.tensor(op.x).scale)
    return [_alive(s, 1 / (s_x * float(s)) if scaled and s else s_x * float(s)) for s in op.weight_scale]


def _alive(scale: float, rate: float) -> Real:
    return fixed.real(rate) if scale >= DEAD_SCALE else Real(0, 0)


def updated(
    graph: Graph, scheme: Scheme, grads: Grads | None, extras: Extras, rate: Real, key: int, *, ends: bool = True
) -> Graph:
    """The graph after one step; extras change in place. grads: None of a step without error. ends: a batch."""
    changed: dict[str, tuple[Int8, Int32]] = {}
    for index, op in enumerate(graph.ops):
        part = scheme.of(op.name)
        if not isinstance(op, Weighted) or not (part.channels or part.bias):
            continue
        if grads is None and scheme.recipe.batch == 1:
            continue
        weight, bias = op.weight, op.bias
        if part.channels:
            weight = _with_stepped_weights(graph, scheme, op, grads, extras, rate, rng.absorb(key, index), ends=ends)
        if part.bias:
            bias = _stepped_biases(graph, scheme, op, grads, extras, rate, ends=ends)
        changed[op.name] = (weight, bias)
    return graph.with_weights(changed)


def _with_stepped_weights(
    graph: Graph, scheme: Scheme, op: Weighted, grads: Grads | None, extras: Extras, rate: Real, key: int, *, ends: bool
) -> Int8:
    """All weights of an operator, those that train stepped."""
    part, rule = scheme.of(op.name), scheme.recipe.rule
    drive = _weight_drive(graph, scheme, op, grads, rate)
    amount = _due(drive, op.name, extras.sums, extras.velocities, scheme.recipe.momentum_q15, ends=ends)
    if amount is None:
        return op.weight
    weight = op.weight.copy()
    if rule is Rule.LATENT:
        after, extras.latents[op.name] = latent_step(extras.latents[op.name], amount)
    else:
        before = weight[..., : part.channels].astype(np.int64)
        draws = rng.draws32(key, 0, before.size).astype(np.int64).reshape(before.shape)
        kept = extras.residuals.get(op.name, np.zeros_like(before))
        after, kept = stepped(rule, before, amount, draws, kept)
        if extras.residuals:
            extras.residuals[op.name] = kept
    weight[..., : part.channels] = after
    return weight


def _stepped_biases(
    graph: Graph, scheme: Scheme, op: Weighted, grads: Grads | None, extras: Extras, rate: Real, *, ends: bool
) -> Int32:
    if grads is None or op.name not in grads.biases:
        drive = np.zeros(op.bias.size, dtype=np.int64)
    else:
        rates = [fixed.multiply(r, rate) for r in bias_rates(graph, op, scaled=scheme.recipe.scaled)]
        drive = _drive(grads.biases[op.name], rates, _exponent(grads, op), 0)
    amount = _due(drive, op.name, extras.bias_sums, extras.bias_velocities, scheme.recipe.momentum_q15, ends=ends)
    return op.bias if amount is None else np.clip(op.bias - amount, -LIMIT, LIMIT).astype(np.int32)


def _weight_drive(graph: Graph, scheme: Scheme, op: Weighted, grads: Grads | None, rate: Real) -> NDArray[Any]:
    """What this step alone asks of the trained weights: 1/65536 weight steps, or float steps of latents."""
    part, latent = scheme.of(op.name), scheme.recipe.rule is Rule.LATENT
    if grads is None or op.name not in grads.weights:
        shape = op.weight[..., : part.channels].shape
        return np.zeros(shape, dtype=np.float32) if latent else np.zeros(shape, dtype=np.int64)
    rates = [fixed.multiply(r, rate) for r in weight_rates(graph, op, scaled=scheme.recipe.scaled)]
    axis = -1 if isinstance(op, Depthwise) else 0
    by_channel = np.moveaxis(grads.weights[op.name][..., : part.channels], axis, 0)
    k = _exponent(grads, op)
    found = _latent_drive(by_channel, rates, k) if latent else _drive(by_channel, rates, k, WEIGHT_BITS)
    return np.moveaxis(found, 0, axis)


def _exponent(grads: Grads, op: Weighted) -> int | None:
    """k of the sums, None in fp32."""
    return grads.outputs[op.name].k if isinstance(grads, Backward) else None


def _drive(totals: NDArray[Any], rates: list[Real], k: int | None, bits: int) -> Int64:
    """Sums by channel times the rates, in steps with so many fractional bits, to the nearest."""
    drives = np.empty(totals.shape, dtype=np.int64)
    for c, r in enumerate(rates[: len(totals)]):
        if k is not None:
            drives[c] = fixed.round_shift64(totals[c] * r.mant, 31 - r.exp + k - bits)
        else:
            v = np.clip(totals[c] * _float_rate(r, bits), np.float32(-LIMIT), np.float32(LIMIT))
            drives[c] = np.trunc(v + np.copysign(np.float32(0.5), v))
    return drives


def _latent_drive(totals: NDArray[Any], rates: list[Real], k: int | None) -> Float32:
    """Sums by channel times the rates, in float steps."""
    unit = np.float32(1 if k is None else 2.0**-k)
    drives = np.empty(totals.shape, dtype=np.float32)
    for c, r in enumerate(rates[: len(totals)]):
        drives[c] = totals[c].astype(np.float32) * _float_rate(r, 0) * unit
    return drives


def _float_rate(rate: Real, bits: int) -> np.float32:
    """A Real times 2^bits as float32: the mantissa rounded to nearest even, the power exact."""
    return np.float32(rate.mant) * np.float32(2.0 ** (rate.exp - 31 + bits))


def _due(
    drive: NDArray[Any], op: str, sums: Remembered, velocities: Remembered, momentum_q15: int, *, ends: bool
) -> NDArray[Any] | None:
    """The amount that the rule runs on, after the batch and the momentum; None while a batch goes on."""
    if op in sums:
        sums[op] = _bounded(sums[op] + drive)
        if not ends:
            return None
        drive, sums[op] = sums[op], np.zeros_like(drive)
    if op in velocities:
        drive = velocities[op] = _bounded(_slowed(velocities[op], momentum_q15) + drive)
    return drive


def _slowed(velocity: NDArray[Any], momentum_q15: int) -> NDArray[Any]:
    if velocity.dtype == np.float32:
        return velocity * np.float32(momentum_q15 * 2.0**-15)
    return (velocity * momentum_q15 + 2**14) >> 15


def _bounded(amount: NDArray[Any]) -> NDArray[Any]:
    """Integers within 2^30; floats as they are."""
    return amount if amount.dtype == np.float32 else np.clip(amount, -LIMIT, LIMIT)
