"""What the reference computes with: maps, gradients, a course of training, the gradients of one step."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.node.model import fixed
from fleet.node.model.fixed import Int64, Real
from fleet.node.model.graph import Float32

Maps = dict[str, NDArray[Any]]  # int64 of every int8 or uint8 map, constants included; float32 at the edges


@dataclass(frozen=True, slots=True)
class Gradient:
    """Mantissas e (int64 holding int8) and the exponent k: real value e * 2^-k."""

    e: Int64
    k: int


@dataclass(slots=True, kw_only=True)
class Trace:
    """One forward pass: every map, the clipping masks, the Q8 logits (none without a head)."""

    maps: Maps
    kept: dict[str, NDArray[np.bool_]]
    logits: Int64


@dataclass(slots=True, kw_only=True)
class Course:
    """How a node trains. key: of (seed, stream, node). own: classes of the softmax. step counts up."""

    key: int
    rate: Real
    own: frozenset[int]
    step: int = 0


@dataclass(slots=True, kw_only=True)
class Backward:
    """Integer gradients of one step: per operator the output gradient; of what trains weight sums G and bias sums B."""

    outputs: dict[str, Gradient] = field(default_factory=dict)
    weights: dict[str, Int64] = field(default_factory=dict)
    biases: dict[str, Int64] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class FloatBackward:
    """The same in fp32, real values: of G in steps of 1 / s_x."""

    outputs: dict[str, Float32] = field(default_factory=dict)
    weights: dict[str, Float32] = field(default_factory=dict)
    biases: dict[str, Float32] = field(default_factory=dict)


def block(acc: Int64, k: int) -> Gradient:
    """int8 mantissas of accumulators, with the least right shift that fits."""
    return shifted(acc, k, dynamic_shift(acc))


def dynamic_shift(acc: Int64) -> int:
    """The least right shift that leaves at most 127 of the largest accumulator."""
    return max(0, int(np.abs(acc).max()).bit_length() - 7)


def shifted(acc: Int64, k: int, shift: int) -> Gradient:
    """int8 mantissas of accumulators after a given right shift, saturating."""
    return Gradient(np.clip(fixed.round_shift(acc, shift), -127, 127), k - shift)


def places_read(shape: tuple[int, ...], out: tuple[int, ...]) -> Int64:
    """int64 of shape `out`: number of the element of a map that an output reads when sides of 1 are repeated."""
    return np.broadcast_to(np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape), out)


def summed_at(start: NDArray[Any], index: Int64, terms: NDArray[Any]) -> NDArray[Any]:
    """start with terms[i] added to its element index[i], one after the other in the order in which they lie."""
    total = start.copy()
    np.add.at(total.reshape(-1), index.ravel(), terms.ravel())
    return total


def f32(scale: float) -> float:
    """The float32 nearest to a scale, as the double that products are taken in."""
    return float(np.float32(scale))
