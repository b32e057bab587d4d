"""Waiting times without a process-wide generator, in whole microseconds, equal on every machine.

An exponential waiting time is -mean ln(u). The logarithm comes from a table of 2^10 intervals with straight lines
between, made of fractions, so that no library's `log` decides a bit; its error is below 2^-20 of the mean in the middle
of the range.
"""

from fractions import Fraction
from functools import cache
from typing import Final

from fleet.base import rng

STEPS: Final = 1_024
ONE: Final = 2**32
LN2_Q32: Final = 2_977_044_472  # ln 2 x 2^32, rounded
TERMS: Final = 40


def exponential_us(key: int, j: int, mean_us: int) -> int:
    """Draw j under a key: a waiting time of this mean, in whole microseconds."""
    return mean_us * negative_log_q32(rng.draw32(key, j)) >> 32


def negative_log_q32(draw: int) -> int:
    """-ln((draw + 1) / 2^32) in units of 2^-32, for draws of 32 bits: 0 for the largest, 22.2 for 0."""
    value = draw + 1
    shift = ONE.bit_length() - value.bit_length()  # value x 2^shift lies in [2^32, 2^33)
    mantissa = (value << shift) - ONE
    place, rest = divmod(mantissa, ONE // STEPS)
    low, high = _log_table()[place], _log_table()[place + 1]
    return shift * LN2_Q32 - (low + (high - low) * rest // (ONE // STEPS))


@cache
def _log_table() -> tuple[int, ...]:
    """ln(1 + k / STEPS) x 2^32 for k from 0 to STEPS, by ln((1 + t) / (1 - t)) = 2 (t + t^3/3 + t^5/5 + ...)."""
    return tuple(_log_q32(Fraction(k, STEPS)) for k in range(STEPS + 1))


def _log_q32(x: Fraction) -> int:
    t = x / (2 + x)
    scaled = round(t * 2**80)  # 80 fractional bits; terms shrink by t^2 <= 1/9
    square = scaled * scaled >> 80
    total, power = 0, scaled
    for n in range(TERMS):
        total += power // (2 * n + 1)
        power = power * square >> 80
    return (2 * total + 2**47) >> 48
