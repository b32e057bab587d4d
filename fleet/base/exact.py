"""Logarithm, exponential and normal quantile that have the same bits on every machine.

They take additions, multiplications, divisions, square roots and powers of two, which IEEE 754 rounds the same
everywhere. What a library computes for `log` or `exp` may differ in the last bit from one processor to another, and a
draw that is held against it, or a rounding, would then differ as well.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LN2: Final = 0.6931471805599453
_LOG10_E: Final = 0.4342944819032518

# Rational approximation of the normal quantile, relative error below 1.2e-9: P. J. Acklam, 2003.
_CENTRE: Final = (
    (-3.969683028665376e01, 2.209460984245205e02, -2.759285104469687e02, 1.383577518672690e02,
     -3.066479806614716e01, 2.506628277459239e00),
    (-5.447609879822406e01, 1.615858368580409e02, -1.556989798598866e02, 6.680131188771972e01,
     -1.328068155288572e01, 1.0),
)  # fmt: skip
_TAIL: Final = (
    (-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e00, -2.549732539343734e00,
     4.374664141464968e00, 2.938163982698783e00),
    (7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e00, 3.754408661907416e00, 1.0),
)  # fmt: skip
_TAIL_BEGINS: Final = 0.02425


def log10(x: Floats) -> Floats:
    """Decimal logarithm of positive numbers, the same bits everywhere; within 2e-15 of the true one."""
    mantissa, exponent = np.frexp(x)
    low = mantissa < 0.7071067811865476
    mantissa, exponent = np.where(low, 2 * mantissa, mantissa), exponent - low
    s = (mantissa - 1) / (mantissa + 1)  # ln m = 2 artanh s, and |s| < 0.172
    square, series = s * s, np.zeros_like(s)
    for odd in range(23, 0, -2):
        series = series * square + 1 / odd
    result: Floats = (2 * s * series + exponent * _LN2) * _LOG10_E
    return result


def exp(x: Floats) -> Floats:
    """e to the power of numbers from -700 to 700, the same bits everywhere; relative error below 1e-14."""
    whole = np.rint(x / _LN2)
    rest, series = x - whole * _LN2, np.ones_like(x)
    for k in range(18, 0, -1):
        series = 1 + series * rest / k
    result: Floats = np.ldexp(series, whole.astype(np.int64))
    return result


def quantile(share: Floats) -> Floats:
    """The standard normal number below which this share lies, for shares above 0 and below 1."""
    tail = np.minimum(share, 1 - share)
    outside = np.sqrt(-2 * log10(np.minimum(tail, _TAIL_BEGINS)) / _LOG10_E)
    in_tail = np.where(share < 0.5, 1.0, -1.0) * _horner(_TAIL[0], outside) / _horner(_TAIL[1], outside)
    from_half = share - 0.5
    square = from_half * from_half
    result: Floats = np.where(
        tail < _TAIL_BEGINS, in_tail, from_half * _horner(_CENTRE[0], square) / _horner(_CENTRE[1], square)
    )
    return result


def _horner(factors: tuple[float, ...], x: Floats) -> Floats:
    total: Any = factors[0]
    for factor in factors[1:]:
        total = total * x + factor
    result: Floats = total
    return result
