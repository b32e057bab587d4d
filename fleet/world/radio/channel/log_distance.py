"""Losses follow distance: path loss with shadowing, received power, bit errors, packet errors.

Path loss is that of `lora.path` (log-distance, shadowing drawn once for each node). Modelled: the receiver is
non-coherent, so that bits err with 1/2 exp(-c s), where s is the received power over the sensitivity, as a ratio, and c
makes the rate at the sensitivity the one that the standard defines it by; bits err independently, and a packet is lost
with its first wrong bit. Interference and fading over time are left out; both sides send at the same power.
Only steps that IEEE 754 rounds alike everywhere, so that equal seeds give equal losses on every machine.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.base.errors import Fault, InputError
from fleet.base.exact import exp, log10
from fleet.world.radio.channel.losses import Draw, Receiver, Site
from fleet.world.radio.lora.path import Path, distances_m, normals

Floats = NDArray[np.float64]
FREE_SPACE_DB: Final = 40.2  # over 1 m at 2.44 GHz: 20 log10(4 pi d f / c); Friis, 1946
_LN10: Final = 2.302585092994046
PLACED, SHADED = 1, 2  # parts of the keys of a node's place and of what stands in its way


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDistance:
    """One node's channel. rssi_cdbm: what either side hears of the other, in 1/100 dBm."""

    rssi_cdbm: int
    receiver: Receiver

    def share(self, bits: int, _at_us: int = 0, /) -> float:
        """Chance that a packet of so many bits is lost."""
        return _share(self.rssi_cdbm, self.receiver, bits)

    def opened(self, _draw: Draw, /) -> "LogDistance":
        """Itself: nothing changes over time."""
        return self

    def lost(self, draw: Draw, _at_us: int, bits: int, /) -> bool:
        """A packet is lost when its draw is below its chance."""
        return draw() < round(self.share(bits) * 2**32)


@lru_cache(maxsize=4096)
def _share(rssi: int, receiver: Receiver, bits: int) -> float:
    return float(packet_errors(np.array([rssi]), receiver, bits)[0])


def log_distance(
    site: Site,
    *,
    exponent: float,
    distance_mm: int | None = None,
    radius_mm: int | None = None,
    reference_distance_mm: int = 1_000,
    reference_loss_db: float = FREE_SPACE_DB,
    shadowing_db: float = 0.0,
) -> LogDistance:
    """The channel of a node at a distance, or anywhere on a disc around its gateway."""
    if (distance_mm is None) == (radius_mm is None):
        raise InputError([Fault("link", "expected one of distance, radius, got both or none; give exactly one")])
    path = Path(
        reference_m=reference_distance_mm / 1000, reference_db=reference_loss_db, exponent=exponent,
        shadowing_db=shadowing_db,
    )  # fmt: skip
    node = np.array([site.node])
    rssi = rssi_cdbm(path, site.seed, node, site.transmit_dbm, distance_mm=distance_mm, radius_mm=radius_mm)
    return LogDistance(rssi_cdbm=int(rssi[0]), receiver=site.receiver)


def rssi_cdbm(
    path: Path,
    seed: int,
    nodes: NDArray[np.int64],
    transmit_dbm: float,
    *,
    distance_mm: int | None = None,
    radius_mm: int | None = None,
) -> NDArray[np.int64]:
    """What is heard of each of the nodes, in 1/100 dBm, as int64."""
    if radius_mm is not None:
        far = distances_m(rng.key(seed, rng.Stream.PLACE, PLACED), nodes, radius_mm / 1000)
    else:
        far = np.full(nodes.shape, (distance_mm or 0) / 1000)
    shadowing = normals(rng.key(seed, rng.Stream.PLACE, SHADED), nodes)
    return round(100 * transmit_dbm) - path.loss_cdb(far, shadowing)


def packet_errors(rssi: NDArray[np.int64], receiver: Receiver, bits: int) -> Floats:
    """Chance that a packet of so many bits is lost at each received power (1/100 dBm), as float64."""
    over_db = rssi / 100 - receiver.sensitivity_dbm
    steepness = float(log10(np.array([0.5 / receiver.bit_errors]))[0]) * _LN10
    ratio = exp(np.clip(over_db, -100.0, 30.0) * (_LN10 / 10))
    wrong = 0.5 * exp(-np.minimum(steepness * ratio, 700.0))
    result: Floats = 1.0 - _power(1.0 - wrong, bits)
    return result


def _power(base: Floats, exponent: int) -> Floats:
    """A whole power by squaring: a library's `pow` would not round alike everywhere."""
    result: Any = np.ones_like(base)
    while exponent:
        if exponent & 1:
            result = result * base
        base, exponent = base * base, exponent >> 1
    found: Floats = result
    return found
