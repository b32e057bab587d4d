"""e^-x from additions, multiplications and powers of two only, whose bits are the same on every machine.

A processor's or NumPy's own exponential differs in its last bit from one to the next, and a run is held to its bytes.
Each function takes a float, or an array of them, and gives the same numbers for both.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

_LN2_HIGH: Final = 0.693147180369123816490  # its low bits are 0, so that n times it is exact for n below 2^20
_LN2_LOW: Final = 1.90821492927058770002e-10
_FAR: Final = 740.0  # e^-740 is 0 to any account
_SERIES: Final = tuple((-1) ** k / math.factorial(k) for k in range(19, 1, -1))


def bend(x: float) -> float:
    """e^-x - 1 + x for x >= 0, without cancellation for small x: how far a decay lags behind its first slope."""
    near = min(x, _FAR)
    halvings = math.floor(near / (_LN2_HIGH + _LN2_LOW))
    rest = near - halvings * _LN2_HIGH - halvings * _LN2_LOW
    bent = _bend_near(rest)
    if halvings == 0:
        return bent
    return math.ldexp(bent + (1.0 - rest), -halvings) - 1.0 + x


def bends(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """`bend` of each member, the same numbers."""
    near = np.minimum(x, _FAR)
    halvings = np.floor(near / (_LN2_HIGH + _LN2_LOW))
    rest = near - halvings * _LN2_HIGH - halvings * _LN2_LOW
    bent = _bend_near_all(rest)
    far = np.ldexp(bent + (1.0 - rest), -halvings.astype(np.int32)) - 1.0 + x
    result: NDArray[np.float64] = np.where(halvings == 0, bent, far)
    return result


def _bend_near(x: float) -> float:
    """x^2/2 - x^3/6 + ... for x up to ln 2: 18 terms leave less than a bit."""
    total: float = _SERIES[0]
    for term in _SERIES[1:]:
        total = total * x + term
    return float(total * x * x)


def _bend_near_all(x: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.full_like(x, _SERIES[0])
    for term in _SERIES[1:]:
        total = total * x + term
    return total * x * x
