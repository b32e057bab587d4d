"""e^-x from additions, multiplications and powers of two only, whose bits are the same on every machine.

A processor's or NumPy's own exponential differs in its last bit from one to the next, and a run is held to its bytes.
Each function takes a float, or an array of them, and gives the same numbers for both.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LN2_HIGH: Final = 0.693147180369123816490  # its low bits are 0, so that n times it is exact for n below 2^20
_LN2_LOW: Final = 1.90821492927058770002e-10
_FAR: Final = 740.0  # e^-740 is 0 to any account
_SERIES: Final = tuple((-1) ** k / math.factorial(k) for k in range(19, 1, -1))
_SHORT: Final = _SERIES[-7:]
_SMALL: Final = 1 / 64  # up to here seven terms leave less than a bit, and most of a node's spells are this short


def bend(x: float) -> float:
    """e^-x - 1 + x for x >= 0, without cancellation for small x: how far a decay lags behind its first slope."""
    if x < _SMALL:
        return _horner(x, _SHORT) * x * x
    halvings = math.floor(min(x, _FAR) / (_LN2_HIGH + _LN2_LOW))
    rest = min(x, _FAR) - halvings * _LN2_HIGH - halvings * _LN2_LOW
    bent = _horner(rest, _SERIES) * rest * rest
    return bent if halvings == 0 else math.ldexp(bent + (1.0 - rest), -halvings) - 1.0 + x


def bends(x: Floats) -> Floats:
    """`bend` of each member, the same numbers."""
    if x.max(initial=0.0) < _SMALL:
        return _horner_all(x, _SHORT) * x * x
    halvings = np.floor(np.minimum(x, _FAR) / (_LN2_HIGH + _LN2_LOW))
    rest = np.minimum(x, _FAR) - halvings * _LN2_HIGH - halvings * _LN2_LOW
    bent = _horner_all(rest, _SERIES) * rest * rest
    far = np.ldexp(bent + (1.0 - rest), -halvings.astype(np.int32)) - 1.0 + x
    near: Floats = np.where(x < _SMALL, _horner_all(x, _SHORT) * x * x, bent)
    result: Floats = np.where(halvings == 0, near, far)
    return result


def _horner(x: float, series: tuple[float, ...]) -> float:
    total = series[0]
    for term in series[1:]:
        total = total * x + term
    return total


def _horner_all(x: Floats, series: tuple[float, ...]) -> Floats:
    total = np.full_like(x, series[0])
    for term in series[1:]:
        total *= x
        total += term
    return total
