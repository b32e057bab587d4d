"""Where LoRaWAN nodes stand, and what follows for each: gateway, spreading factor, power, and how many frames collide.

Nodes lie around gateways as `radio.link` with `log_distance` says; node n belongs to gateway n mod `gateways`, and its
distance is that to its own. Without distances all are heard alike.
Modelled: adaptive data rate has settled before a run begins. While a gateway has messages of its nodes under way, each
of them sends full frames as fast as its duty cycle lets it: the most that can meet. They are held against frames of
CROWD nodes that stand where the first of the fleet do, counted as often as there are peers. Gateways do not hear each
other's nodes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.base.exact import exp
from fleet.world.radio.channel import LogDistance
from fleet.world.radio.channel.log_distance import rssi_cdbm
from fleet.world.radio.lora import region
from fleet.world.radio.lora.adr import settled
from fleet.world.radio.lora.aloha import harm
from fleet.world.radio.lora.collisions import MODELS, Frames
from fleet.world.radio.lora.link import LoraLink
from fleet.world.radio.lora.path import Path

Ints = NDArray[np.int64]
Distances = tuple[tuple[str, Any], ...]  # settings of log_distance by name; empty where no distance is known
CROWD: Final = 1_000
LEVEL_CDBM: Final = -10_000  # how all are heard where no distance is known
FULL_US: Final = tuple(region.frame_us(rate, region.payload_limit(rate)) for rate in range(5, -1, -1))  # SF 7 to 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """How nodes are heard, an entry each: gateway, spreading factor, power sent in dBm and heard in 1/100 dBm."""

    gateway: Ints
    sf: Ints
    power_dbm: Ints
    rssi_cdbm: Ints


def places(link: LoraLink, distances: Mapping[str, Any] | None, seed: int, nodes: Ints) -> Places:
    """Where the nodes of these numbers stand. distances: settings of `log_distance`; None: no distance is known."""
    sf = np.full(len(nodes), link.spreading, dtype=np.int64)
    power = np.full(len(nodes), link.power_dbm, dtype=np.int64)
    heard = np.full(len(nodes), LEVEL_CDBM, dtype=np.int64)
    if distances is not None:
        heard = _heard(dict(distances), seed, nodes, link.power_dbm)
        if not link.sf:
            sf, advised = settled(100 * power - heard, most_dbm=link.power_dbm)
            heard, power = heard - 100 * (power - advised), advised
    return Places(gateway=nodes % link.gateways, sf=sf, power_dbm=power, rssi_cdbm=heard)


def placed(link: LoraLink, distances: Mapping[str, Any] | None, seed: int, node: int) -> LoraLink:
    """The link of one node where it stands, among its peers."""
    here = places(link, distances, seed, np.array([node], dtype=np.int64))
    crowd = _crowd(link.sf, link.power_dbm, () if distances is None else tuple(sorted(distances.items())), seed)
    lost = float(_lost(here, crowd, link)[0])
    if distances is None:
        return replace(link, collision=lost)
    there = replace(link, sf=int(here.sf[0]), power_dbm=int(here.power_dbm[0]), collision=lost)
    return replace(there, channel=LogDistance(rssi_cdbm=int(here.rssi_cdbm[0]), receiver=there.receiver))


@lru_cache(maxsize=64)
def _crowd(sf: int, power_dbm: int, distances: Distances, seed: int) -> Places:
    link = LoraLink(sf=sf, power_dbm=power_dbm)
    return places(link, dict(distances) if distances else None, seed, np.arange(CROWD, dtype=np.int64))


def _lost(here: Places, crowd: Places, link: LoraLink) -> NDArray[np.float64]:
    """Share of frames that collide with those of peers."""
    met = harm(_full(here), _full(crowd), _cycles(crowd), MODELS[link.collisions]) * (link.sharers - 1) / CROWD
    return 1 - exp(-met / region.CHANNELS)


def _full(where: Places) -> Frames:
    """A frame of full length of each; all of them at one gateway."""
    none = np.zeros(len(where.sf), dtype=np.int64)
    return Frames(start_us=none, duration_us=_airtimes(where), channel=none, sf=where.sf, rssi_cdbm=where.rssi_cdbm)


def _airtimes(where: Places) -> Ints:
    return np.array(FULL_US, dtype=np.int64)[where.sf - 7]


def _cycles(where: Places) -> Ints:
    return region.UPLINK_BAND.cycle_us(1) * _airtimes(where)


def _heard(distances: dict[str, Any], seed: int, nodes: Ints, power_dbm: int) -> Ints:
    path = Path(
        reference_m=distances["reference_distance_mm"] / 1000,
        reference_db=distances["reference_loss_db"],
        exponent=distances["exponent"],
        shadowing_db=distances["shadowing_db"],
    )
    far = {name: distances.get(name) for name in ("distance_mm", "radius_mm")}
    return rssi_cdbm(path, seed, nodes, power_dbm, **far)
