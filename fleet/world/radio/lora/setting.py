"""How one node uses LoRaWAN in EU868: the setting that `link` runs messages with."""

from dataclasses import dataclass
from typing import Final

from fleet.base.errors import Fault, InputError
from fleet.world.radio.channel import CLEAR, Channel, Receiver
from fleet.world.radio.link import Standby
from fleet.world.radio.lora import region as eu868
from fleet.world.radio.lora.airtime import airtime_us
from fleet.world.radio.lora.collisions import MODELS
from fleet.world.radio.lora.path import GATEWAY_CDBM

CLASSES: Final = ("A", "B", "C")
DOWNLINKS: Final = ("unicast", "multicast")
REGIONS: Final = ("EU868",)
FASTEST: Final = 7
TRIALS: Final = {True: 8, False: 1}  # confirmed or not; LoRaMac-node, MAX_ACK_RETRIES; LoRaWAN 1.0.3, 5.2 (NbTrans)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSetting:
    """One node's setting, and what its radio adds to it."""

    sf: int = 0  # 7 to 12; 0: what adaptive data rate settles at, `site`; where no distance is known, 7
    region: str = "EU868"
    device_class: str = "A"
    confirmed: bool = True
    trials: int = 0  # most sends of a confirmed frame, sends of an unconfirmed one; 0: 8 and 1
    downlink: str = "unicast"
    redundancy: float = 0.3  # further fragments of a multicast, as a share of those of the data
    group_sf: int = 0  # spreading factor of the multicast; 0: the node's own
    gateways: int = 1  # nodes are spread evenly over them
    nodes: int = 1  # of the group
    peers: int = 0  # nodes that a gateway serves in the same while; 0: all of the group that it has
    collisions: str = "capture"  # one of MODELS: what happens to frames of peers that meet
    collision: float = 0.0  # share of the node's frames lost to frames of peers; `site` works it out
    power_dbm: int = 14  # what the node sends with
    rx2_rate: int = eu868.RX2_RATE
    periodicity: int = 7  # of class B: a ping slot each 2^k s
    channel: Channel = CLEAR
    event_cpu_us: int = 600  # processor time per frame or window; modelled
    start_us: int = 3_500  # radio from cold sleep to ready (SX126x; mbed-os, SX126X_LoRaRadio, cold start)

    def __post_init__(self) -> None:
        if faults := _faults(self):
            raise InputError(faults)

    @property
    def receiver(self) -> Receiver:
        """A gateway that loses one frame of 64 bytes in 100 at its sensitivity (Semtech's condition; unverified)."""
        return Receiver(sensitivity_dbm=GATEWAY_CDBM[self.spreading - 7] / 100, bit_errors=1.963e-5)

    @property
    def spreading(self) -> int:
        """Spreading factor of the node's frames."""
        return self.sf or FASTEST

    @property
    def sharers(self) -> int:
        """Nodes that the gateway serves in the same while."""
        return self.peers or -(-self.nodes // self.gateways)

    @property
    def rate(self) -> int:
        """Data rate of the node's frames."""
        return eu868.rate_of(self.spreading)

    @property
    def sends(self) -> int:
        """Most sends of a frame."""
        return self.trials or TRIALS[self.confirmed]

    @property
    def standby(self) -> Standby | None:
        """What the radio does between messages: nothing in class A, beacons and ping slots in B, listening in C."""
        if self.device_class == "A":
            return None
        if self.device_class == "C":
            return Standby(period_us=eu868.BEACON_US, receive_us=eu868.BEACON_US)
        slots = eu868.BEACON_US // eu868.ping_period_us(self.periodicity)
        beacon_us = airtime_us(eu868.BEACON, eu868.BEACON_BYTES) + eu868.lead_us(eu868.PING_RATE)
        return Standby(
            period_us=eu868.BEACON_US,
            receive_us=beacon_us + slots * eu868.window_us(eu868.PING_RATE),
            control_us=(1 + slots) * self.event_cpu_us,
            start_us=(1 + slots) * self.start_us,
        )


def _faults(link: LoraSetting) -> list[Fault]:
    checks = [
        (link.sf in (0, *range(7, 13)), "sf", f"expected 7 to 12, or 0 for adaptive, got {link.sf}; take one of EU868"),
        (link.region in REGIONS, "region", f"expected one of {', '.join(REGIONS)}, got {link.region!r}; name one"),
        (link.group_sf in (0, *range(7, 13)), "group_sf", f"expected 7 to 12, got {link.group_sf}; take one of EU868"),
        (link.device_class in CLASSES, "class", f"expected one of A, B, C, got {link.device_class!r}; name one"),
        (link.downlink in DOWNLINKS, "downlink", f"expected unicast or multicast, got {link.downlink!r}; name one"),
        (0 <= link.trials <= 15, "trials", f"expected 1 to 15, or 0 for the default, got {link.trials}"),
        (0 <= link.redundancy <= 4, "redundancy", f"expected 0 to 4, got {link.redundancy}; give a share"),
        (link.gateways >= 1, "gateways", f"expected 1 or more, got {link.gateways}; somebody has to listen"),
        (link.nodes >= 1, "nodes", f"expected 1 or more, got {link.nodes}"),
        (link.peers >= 0, "peers", f"expected 1 or more nodes, or 0 for all, got {link.peers}"),
        (link.collisions in MODELS, "collisions", f"expected one of {', '.join(MODELS)}, got {link.collisions!r}"),
        (0 <= link.collision <= 1, "collision", f"expected 0 to 1, got {link.collision}; give a share"),
        (link.rx2_rate in range(6), "rx2_rate", f"expected 0 to 5, got {link.rx2_rate}; take a data rate of EU868"),
        (link.periodicity in eu868.PERIODICITIES, "periodicity", f"expected 0 to 7, got {link.periodicity}"),
    ]
    return [Fault(f"lorawan.{where}", text) for good, where, text in checks if not good]
