"""How one node uses LoRaWAN in EU868: the setting that `link` runs messages with."""

from dataclasses import dataclass
from typing import Final

from fleet.base.errors import Fault, InputError
from fleet.world.radio.channel import CLEAR, Channel
from fleet.world.radio.lora import region
from fleet.world.radio.lora.airtime import airtime_us

CLASSES: Final = ("A", "B", "C")
DOWNLINKS: Final = ("unicast", "multicast")
TRIALS: Final = {True: 8, False: 1}  # confirmed or not; LoRaMac-node, MAX_ACK_RETRIES; LoRaWAN 1.0.3, 5.2 (NbTrans)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSetting:
    """One node's setting, and what its radio adds to it."""

    sf: int = 7
    device_class: str = "A"
    confirmed: bool = True
    trials: int = 0  # most sends of a confirmed frame, sends of an unconfirmed one; 0: 8 and 1
    downlink: str = "unicast"
    redundancy: float = 0.3  # further fragments of a multicast, as a share of those of the data
    group_sf: int = 0  # spreading factor of the multicast; 0: the node's own
    sharers: int = 1  # nodes that the gateway serves in the same while
    collision: float = 0.0  # share of the node's frames lost to frames of others
    rx2_rate: int = region.RX2_RATE
    periodicity: int = 7  # of class B: a ping slot each 2^k s
    channel: Channel = CLEAR
    event_cpu_us: int = 600  # processor time per frame or window; modelled
    start_us: int = 3_500  # radio from cold sleep to ready (SX126x; mbed-os, SX126X_LoRaRadio, cold start)

    def __post_init__(self) -> None:
        if faults := _faults(self):
            raise InputError(faults)

    @property
    def rate(self) -> int:
        """Data rate of the node's frames."""
        return region.rate_of(self.sf)

    @property
    def sends(self) -> int:
        """Most sends of a frame."""
        return self.trials or TRIALS[self.confirmed]

    @property
    def listening_ppm(self) -> int:
        """Share of the time in which the receiver is on between messages, in millionths, rounded up."""
        if self.device_class == "C":
            return 1_000_000
        if self.device_class == "A":
            return 0
        slots = region.BEACON_US // region.ping_period_us(self.periodicity)
        beacon_us = airtime_us(region.BEACON, region.BEACON_BYTES) + region.lead_us(region.PING_RATE)
        on_us = beacon_us + slots * region.window_us(region.PING_RATE)
        return -(-1_000_000 * on_us // region.BEACON_US)


def _faults(link: LoraSetting) -> list[Fault]:
    checks = [
        (7 <= link.sf <= 12, "sf", f"expected 7 to 12, got {link.sf}; take one of EU868"),
        (link.group_sf in (0, *range(7, 13)), "group_sf", f"expected 7 to 12, got {link.group_sf}; take one of EU868"),
        (link.device_class in CLASSES, "class", f"expected one of A, B, C, got {link.device_class!r}; name one"),
        (link.downlink in DOWNLINKS, "downlink", f"expected unicast or multicast, got {link.downlink!r}; name one"),
        (0 <= link.trials <= 15, "trials", f"expected 1 to 15, or 0 for the default, got {link.trials}"),
        (0 <= link.redundancy <= 4, "redundancy", f"expected 0 to 4, got {link.redundancy}; give a share"),
        (link.sharers >= 1, "sharers", f"expected 1 or more nodes, got {link.sharers}"),
        (0 <= link.collision <= 1, "collision", f"expected 0 to 1, got {link.collision}; give a share"),
        (link.rx2_rate in range(6), "rx2_rate", f"expected 0 to 5, got {link.rx2_rate}; take a data rate of EU868"),
        (link.periodicity in region.PERIODICITIES, "periodicity", f"expected 0 to 7, got {link.periodicity}"),
    ]
    return [Fault(f"lorawan.{where}", text) for good, where, text in checks if not good]
