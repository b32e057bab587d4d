"""exp, 1/(1 + x) and the logistic function in 32-bit fixed point, bit for bit as gemmlowp computes them.

A number with n integer bits is raw * 2^(n - 31). Source: gemmlowp, fixedpoint/fixedpoint.h.
"""

from typing import Final

import numpy as np

from fleet.node.model.fixed import Int64, doubling_high_mul, rounding_divide

ONE: Final = 2**31 - 1  # 1 with no integer bits, as near as it gets
_EXP_EIGHTH: Final = 1_895_147_668  # exp(-1/8)
_THIRD: Final = 715_827_883
_EXP_POWERS: Final = (1_672_461_947, 1_302_514_674, 790_015_084, 290_630_308, 39_332_535, 720_401, 242)
"""exp(-2^i) for i from -2."""
_48_OVER_17: Final = 1_515_870_810  # with 2 integer bits
_32_OVER_17: Final = -1_010_580_540  # negative, with 2 integer bits


def product(a: Int64, b: Int64) -> Int64:
    """a * b / 2^31 to the nearest. Never -1 times -1 here, which would not fit."""
    both = a * b
    nudged = both + np.where(both >= 0, 2**30, 1 - 2**30)
    return np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))


def shifted(v: Int64, left: int) -> Int64:
    """v * 2^left, saturated to 32 bits; for left < 0 divided, to the nearest."""
    return rounding_divide(v, -left) if left < 0 else np.clip(v << left, -(2**31), ONE)


def exp_of_negative(v: Int64, integer_bits: int) -> Int64:
    """exp(v) with no integer bits, for v <= 0 with integer_bits of them."""
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    inside = (v & (quarter - 1)) - quarter  # from -1/4 to below 0
    result = _exp_near_zero(shifted(inside, integer_bits))
    rest = inside - v
    for index, factor in enumerate(_EXP_POWERS[: integer_bits + 2]):
        bit = 1 << (fraction_bits + index - 2)
        result = np.where(rest & bit, doubling_high_mul(result, factor), result)
    return np.where(v == 0, ONE, result)


def _exp_near_zero(v: Int64) -> Int64:
    """exp(v) for -1/4 <= v < 0, both with no integer bits: a Taylor series around -1/8."""
    x = v + (1 << 28)
    x2 = product(x, x)
    x3 = product(x2, x)
    x4 = product(x2, x2)
    third = doubling_high_mul(rounding_divide(x4, 2) + x3, _THIRD)
    return _EXP_EIGHTH + doubling_high_mul(x + rounding_divide(third + x2, 1), _EXP_EIGHTH)


def one_over_one_plus(v: Int64) -> Int64:
    """1 / (1 + v) for 0 <= v < 1, both with no integer bits: three steps of Newton's method."""
    half = (v + ONE + 1) >> 1  # half the denominator, to the nearest
    x = _48_OVER_17 + doubling_high_mul(half, _32_OVER_17)  # with 2 integer bits
    for _ in range(3):
        x = x + shifted(product(x, (1 << 29) - product(half, x)), 2)
    return shifted(x, 1)


def logistic(v: Int64, integer_bits: int) -> Int64:
    """1 / (1 + exp(-v)) with no integer bits, for v with integer_bits of them."""
    positive = one_over_one_plus(exp_of_negative(-np.abs(v), integer_bits))
    return np.where(v == 0, 1 << 30, np.where(v > 0, positive, ONE - positive))


def reciprocal(v: int, integer_bits: int) -> tuple[int, int]:
    """1 / v with no integer bits, and how many bits it has to be shifted right. v > 0 with integer_bits.

    Source: TFLite, GetReciprocal.
    """
    spare = 32 - v.bit_length()
    rest = np.array((v << spare) - 2**31, dtype=np.int64)
    return int(one_over_one_plus(rest)), integer_bits - spare
