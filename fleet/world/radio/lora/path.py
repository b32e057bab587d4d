"""From where a node stands to how strongly its gateway hears it, and whether that is enough. Whole 1/100 dB.

Log-distance with log-normal shadowing: PL(d) = PL(d0) + 10 g log10(d / d0) + N(0, s), the shadowing drawn once for each
node and kept: nodes do not move.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.base.exact import log10, quantile

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

GATEWAY_CDBM: Final = (-13_000, -13_250, -13_500, -13_750, -14_000, -14_250)
"""Sensitivity of a gateway (SX1301) at SF 7 to 12, 125 kHz. ns-3 lorawan, model/gateway-lora-phy.cc."""
NODE_CDBM: Final = (-12_400, -12_700, -13_000, -13_300, -13_500, -13_700)
"""Sensitivity of an end device (SX1272). ns-3 lorawan, model/end-device-lora-phy.cc."""
NOISE_CDBM: Final = -11_703
"""Noise in 125 kHz with a noise figure of 6 dB: -174 + 10 log10(125000) + 6 dBm. ns-3 lorawan, adr-component.h."""


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


def _draws(key: int, nodes: Ints) -> Floats:
    drawn: Floats = rng.draws32_at(key, nodes).astype(np.float64)
    return drawn
