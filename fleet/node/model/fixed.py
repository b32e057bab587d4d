"""Fixed-point primitives in NumPy, as SPEC.md writes them: the slow, obvious side of fe_int.h.

Arrays are int64 throughout, so that nothing can overflow here; the bounds that keep int32 sufficient in C are in
SPEC.md, section "Bounds".
"""

from dataclasses import dataclass
from math import floor, frexp

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
LIMIT = 2**30


@dataclass(frozen=True, slots=True)
class Real:
    """mant * 2^(exp - 31), mant in [2^30, 2^31), or 0."""

    mant: int
    exp: int


def real(value: float) -> Real:
    """The nearest Real of a non-negative number. Source: TFLite, QuantizeMultiplier."""
    fraction, exp = frexp(value)
    mant = floor(fraction * 2**31 + 0.5)
    if mant == 2**31:
        mant, exp = 2**30, exp + 1
    return Real(0, 0) if value == 0 or exp < -31 else Real(mant, exp)


def doubling_high_mul(a: Int64, b: int) -> Int64:
    """a * b / 2^31 to the nearest, halves up, the way gemmlowp writes it: SaturatingRoundingDoublingHighMul."""
    product = a * b
    nudged = product + np.where(product >= 0, 2**30, 1 - 2**30)
    return np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))


def rounding_divide(v: Int64, n: int) -> Int64:
    """v / 2^n, rounded half away from zero. Source: gemmlowp, RoundingDivideByPOT."""
    mask = 2**n - 1
    rounded: Int64 = (v >> n) + ((v & mask) > (mask >> 1) + (v < 0))
    return rounded


def scale(v: Int64, factor: Real) -> Int64:
    """v * factor with two roundings; a left shift saturates. Source: TFLite Micro, MultiplyByQuantizedMultiplier."""
    left, right = min(max(factor.exp, 0), 31), max(-factor.exp, 0)
    shifted = np.clip(v << left, -(2**31), 2**31 - 1)
    return rounding_divide(doubling_high_mul(shifted, factor.mant), right)


def round_shift(v: Int64, n: int) -> Int64:
    """v / 2^n to the nearest, halves up, for |v| < 2^31; n > 31 gives 0."""
    if n == 0:
        return v
    return np.zeros_like(v) if n > 31 else (v + (1 << (n - 1))) >> n


def round_shift64(v: Int64, n: int) -> Int64:
    """(v + half) >> n, clamped to +-2^30; n > 62 gives 0, n < 0 shifts left and saturates."""
    if n > 62:
        return np.zeros_like(v)
    if n > 0:
        return np.asarray(np.clip((v + (1 << (n - 1))) >> n, -LIMIT, LIMIT), dtype=np.int64)
    left = min(-n, 31)
    return np.asarray(np.clip(np.clip(v, -LIMIT, LIMIT) << left, -LIMIT, LIMIT), dtype=np.int64)


def multiply(a: Real, b: Real) -> Real:
    """a * b in the normal form; 0 stays 0."""
    mant = int(doubling_high_mul(np.array(a.mant, dtype=np.int64), b.mant))
    exp = a.exp + b.exp
    return Real(mant, exp) if mant >= 2**30 else Real(mant << 1, exp - 1)


def exponent(value: float) -> int:
    """E with value = f * 2^E, 0.5 <= f < 1."""
    return frexp(value)[1]
