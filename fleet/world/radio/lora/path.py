"""From where a node stands to how strongly its gateway hears it, and whether that is enough. Whole 1/100 dB.

Log-distance with log-normal shadowing: PL(d) = PL(d0) + 10 g log10(d / d0) + N(0, s), the shadowing drawn once for each
node and kept: nodes do not move. Every step is addition, multiplication, division or a square root, which IEEE 754
rounds the same on every machine; a library's logarithm would not be.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

GATEWAY_CDBM: Final = (-13_000, -13_250, -13_500, -13_750, -14_000, -14_250)
"""Sensitivity of a gateway (SX1301) at SF 7 to 12, 125 kHz. ns-3 lorawan, model/gateway-lora-phy.cc."""
NODE_CDBM: Final = (-12_400, -12_700, -13_000, -13_300, -13_500, -13_700)
"""Sensitivity of an end device (SX1272). ns-3 lorawan, model/end-device-lora-phy.cc."""
NOISE_CDBM: Final = -11_703
"""Noise in 125 kHz with a noise figure of 6 dB: -174 + 10 log10(125000) + 6 dBm. ns-3 lorawan, adr-component.h."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Loss over distance. reference_db at reference_m, `exponent` beyond; shadowing_db: standard deviation."""

    reference_m: float
    reference_db: float
    exponent: float
    shadowing_db: float = 0.0

    def loss_cdb(self, distance_m: Floats, shadowing: Floats | float = 0.0) -> Ints:
        """Loss in 1/100 dB, as int64. shadowing: standard normal, one a node. Below d0 the loss is that at d0."""
        far = np.maximum(distance_m / self.reference_m, 1.0)
        loss = self.reference_db + 10 * self.exponent * log10(far) + self.shadowing_db * shadowing
        return np.rint(100 * loss).astype(np.int64)


PATHS: Final = {
    # Measured in a built-up area: Bor et al., MSWiM 2016 (LoRaSim); its code leaves the shadowing of 3.57 dB out.
    "built-up": Path(reference_m=40, reference_db=127.41, exponent=2.08, shadowing_db=3.57),
    # ns-3 lorawan, examples/complete-network-example.cc. No shadowing there.
    "open": Path(reference_m=1, reference_db=7.7, exponent=3.76),
}


def distances_m(key: int, nodes: Ints, radius_m: float) -> Floats:
    """How far nodes are from the middle of a disc in which they lie uniformly. nodes: which draws are theirs."""
    share = (_draws(key, nodes) + 0.5) / 2.0**32
    result: Floats = radius_m * np.sqrt(share)
    return result


def normals(key: int, nodes: Ints) -> Floats:
    """A standard normal number for each node, from its draw under the key."""
    return quantile((_draws(key, nodes) + 0.5) / 2.0**32)


def reached(rssi_cdbm: Ints, sf: Ints, sensitivity_cdbm: tuple[int, ...] = GATEWAY_CDBM) -> NDArray[np.bool_]:
    """Whether a receiver hears frames of these spreading factors at these powers."""
    result: NDArray[np.bool_] = rssi_cdbm >= np.array(sensitivity_cdbm, dtype=np.int64)[np.asarray(sf) - 7]
    return result


def least_sf(rssi_cdbm: Ints, sensitivity_cdbm: tuple[int, ...] = GATEWAY_CDBM) -> Ints:
    """The fastest spreading factor that is heard, 7 to 12; 12 as well where none is."""
    deaf = rssi_cdbm[..., None] < np.array(sensitivity_cdbm[:-1], dtype=np.int64)
    result: Ints = 7 + deaf.sum(axis=-1)
    return result


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


def _draws(key: int, nodes: Ints) -> Floats:
    drawn: Floats = rng.draws32(key, 0, int(nodes.max(initial=-1)) + 1)[nodes].astype(np.float64)
    return drawn
