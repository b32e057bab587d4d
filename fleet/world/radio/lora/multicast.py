"""A model or an image sent once to a whole group: LoRa Alliance FUOTA over class C, in closed form. EU868.

The gateway sends M fragments and some sums of them (TS004) in 869.4 to 869.65 MHz, each followed by its off time; nodes
listen all the while. Setting the session up (TS003 clock, TS005 group, TS004 session) takes class A exchanges with each
node, of the sizes in `MESSAGES`; `link` spends them for one node.

How a node fares: `fare` says it for many at once, from two draws each. A fragment is lost with the same chance as any
other, and a node that has `OVERHEAD` sums more than it lost fragments has the data. Held to the decoder in a test.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.base.errors import Fault, InputError
from fleet.node.wire.parity import MOST_FRAGMENTS
from fleet.world.radio.lora.region import DOWNLINK_BAND, FRAGMENT_HEADER, frame_us, payload_limit

OVERHEAD: Final = 2  # sums beyond those lost; means of 1.3 to 2.1 for 100 fragments and more (research notes, 4.3)

# Bytes of an application's payload, command included; LoRaMac-node, LmHandler/packages.
MESSAGES: Final = {
    "AppTimeReq": 6,  # TS003, port 202
    "AppTimeAns": 6,
    "McGroupSetupReq": 30,  # TS005, port 200
    "McGroupSetupAns": 2,
    "McClassCSessionReq": 11,
    "McClassCSessionAns": 5,
    "McClassBSessionReq": 11,
    "McClassBSessionAns": 5,
    "FragSessionSetupReq": 11,  # TS004, port 201
    "FragSessionSetupAns": 2,
    "FragSessionStatusReq": 2,
    "FragSessionStatusAns": 5,
    "FragSessionDeleteReq": 2,
    "FragSessionDeleteAns": 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One payload for a group at a data rate. redundancy_permille: sums sent, per 1,000 fragments of the data."""

    payload_bytes: int
    rate: int
    redundancy_permille: int = 0

    def __post_init__(self) -> None:
        checks = [
            (self.payload_bytes >= 1, "payload", f"expected a byte or more, got {self.payload_bytes}; send something"),
            (self.rate in range(7), "rate", f"expected a data rate of 0 to 6, got {self.rate}; take one of EU868"),
            (self.redundancy_permille >= 0, "redundancy", f"expected 0 or more, got {self.redundancy_permille}"),
        ]
        faults = [Fault(f"multicast.{where}", text) for good, where, text in checks if not good]
        if not faults and self.sent > MOST_FRAGMENTS:
            text = (
                f"expected at most {MOST_FRAGMENTS} fragments, got {self.sent}; take a faster rate or less redundancy"
            )
            faults = [Fault("multicast.payload", text)]
        if faults:
            raise InputError(faults)

    @property
    def fragment_bytes(self) -> int:
        """Bytes of the data in one fragment."""
        return payload_limit(self.rate) - FRAGMENT_HEADER

    @property
    def fragments(self) -> int:
        """Fragments of the data."""
        return -(-self.payload_bytes // self.fragment_bytes)

    @property
    def sums(self) -> int:
        """Fragments sent beyond those of the data."""
        return -(-self.redundancy_permille * self.fragments // 1000)

    @property
    def sent(self) -> int:
        """All fragments sent."""
        return self.fragments + self.sums

    @property
    def airtime_us(self) -> int:
        """Time on the air of all fragments; the last is filled up, so all are equally long."""
        return self.sent * frame_us(self.rate, payload_limit(self.rate))

    def duration_us(self, permille: int = DOWNLINK_BAND.permille) -> int:
        """How long the session takes at a duty cycle in 1/1000, the last off time included."""
        return -(-self.airtime_us * 1000 // permille)

    def arrival_us(self, fragments_sent: NDArray[np.int64]) -> NDArray[np.int64]:
        """When so many fragments have been sent, since the session began, in microseconds."""
        airtime = frame_us(self.rate, payload_limit(self.rate))
        return (fragments_sent - 1) * DOWNLINK_BAND.cycle_us(airtime) + airtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fare:
    """How nodes fared, an entry each. heard: fragments received. ended: after how many sent a node was through."""

    done: NDArray[np.bool_]
    heard: NDArray[np.int64]
    ended: NDArray[np.int64]


def listening_nj(time_us: int, receive_na: int, supply_mv: int) -> int:
    """What a receiver that is on for so long takes, in nanojoules, rounded to the nearest."""
    return (time_us * receive_na * supply_mv + 500_000_000) // 1_000_000_000


def fare(campaign: Campaign, key: int, nodes: NDArray[np.int64], loss: float) -> Fare:
    """How each node of a group fares that loses so many of its fragments. nodes: which draws are theirs.

    One draw says how many of the data it loses, another how many sums it has to wait for.
    """
    if not 0 <= loss < 1:
        raise ValueError(f"loss: expected 0 to below 1, got {loss}; give the share of fragments lost")
    data, sums = campaign.fragments, campaign.sums
    lost = np.searchsorted(_binomial(data, loss), _share(rng.absorb(key, 0), nodes), side="right")
    waits = np.full(len(nodes), sums, dtype=np.int64)
    heard_sums = np.zeros(len(nodes), dtype=np.int64)
    second = _share(rng.absorb(key, 1), nodes)
    done = lost == 0
    waits[done] = 0
    for missing in np.unique(lost[~done]).tolist():
        here = lost == missing
        by_sent = _enough(sums, missing + OVERHEAD, loss)
        place = np.searchsorted(by_sent, second[here], side="right")
        done[here] = place < sums
        waits[here] = np.minimum(place + 1, sums)
        heard_sums[here] = np.where(place < sums, missing + OVERHEAD, 0)
    return Fare(done=done, heard=data - lost + heard_sums, ended=data + waits)


def _binomial(count: int, share: float) -> NDArray[np.float64]:
    """Distribution of how many of so many are lost: P(X <= 0), P(X <= 1) and so on, by products from the likeliest."""
    if share == 0:
        return np.ones(count + 1)
    middle = int((count + 1) * share)
    weights = np.ones(count + 1)
    ratio = share / (1 - share)
    for k in range(middle + 1, count + 1):
        weights[k] = weights[k - 1] * (count - k + 1) / k * ratio
    for k in range(middle - 1, -1, -1):
        weights[k] = weights[k + 1] * (k + 1) / (count - k) / ratio
    total = np.add.accumulate(weights)
    result: NDArray[np.float64] = total / total[-1]
    return result


def _enough(sums: int, needed: int, loss: float) -> NDArray[np.float64]:
    """P(at least `needed` of the first n sums are heard) for n from 1 to `sums`."""
    chance: list[float] = []
    got = [1.0] + [0.0] * needed  # distribution of how many are heard, those beyond `needed` counted as it
    for _ in range(sums):
        fewer = [got[0] * loss] + [got[k] * loss + got[k - 1] * (1 - loss) for k in range(1, needed)]
        got = [*fewer, got[needed] + got[needed - 1] * (1 - loss)]
        chance.append(got[needed])
    return np.array(chance)


def _share(key: int, nodes: NDArray[np.int64]) -> Any:
    return (rng.draws32(key, 0, int(nodes.max(initial=-1)) + 1)[nodes] + 0.5) / 2.0**32
