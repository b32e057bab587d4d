"""What one message over Wi-Fi takes, seen from the station.

A node that is not associated boots its radio, associates, opens a TCP connection, moves the message, and leaves. A
node that stays associated sleeps through beacons and hears every `dtim`-th; a message waits for the next of them.

Modelled: the access point is free; TCP moves at a fixed rate between losses, because buffers, windows and the small
processor hold it far below the air's; in between the receiver is on. A lost frame is tried again with doubled
contention windows; one that is lost to its last try is sent again after TCP's retransmission timeout (RFC 6298: 1 s,
doubled each time), up to six times, over which the station listens.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from fleet.base.errors import Fault, InputError
from fleet.world.radio.channel import CLEAR, Channel, Receiver
from fleet.world.radio.clock import RadioClock
from fleet.world.radio.link import Direction, Standby, Transfer
from fleet.world.radio.wifi import timing

ASSOCIATIONS: Final = ("cold", "fast", "kept")
BOOT_US: Final = 270_000  # from deep sleep to a radio that works (von Eicken, low-power Wi-Fi on the ESP32, part 2)
JOIN_US: Final = {
    "cold": 2_500_000,  # scan, association, DHCP: 2.5 to 3 s (iotclass.org, ESP32 figures)
    "fast": 200_000,  # access point, channel and address known (von Eicken)
}
JOIN_TRANSMIT: Final = (
    10  # one part in this many of joining is transmitted: 95 mA and 345 mA mean the 120 mA of the notes
)
DTIM_ON_US: Final = 1_480  # receiver on for one DTIM beacon; reproduces the ESP32-C3's averages (ESP-IDF, light sleep)
SEGMENT_BYTES: Final = 1460  # of TCP in an Ethernet MTU
HEADER_OCTETS: Final = 40  # IPv4 and TCP
HANDSHAKE: Final = (True, False, True)  # who sends the three packets that open a connection: node, server, node
SEGMENTS_PER_ACK: Final = 2  # RFC 5681, 4.2: delayed acknowledgements
RTO_US: Final = 1_000_000
RTO_TIMES: Final = 6


SENSITIVITY_DBM: Final = (-82.0, -79.0, -77.0, -74.0, -70.0, -66.0, -65.0, -64.0)
"""Least that the standard asks of MCS 0 to 7 at 20 MHz: one frame of 4096 octets in ten lost. IEEE Std 802.11-2020,
table 19-23; receivers on the market hear some 8 to 12 dB better."""
BIT_ERRORS: Final = 3.2154e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class WifiLink:
    """One station, and how it keeps or makes its association."""

    association: str = "fast"
    rate_bps: int = 5_000_000  # of TCP: 5 to 20 Mbit/s in open air (Espressif; unverified)
    mcs: int = 7  # modulation of the frames, 0 to 7
    dtim: int = 3  # beacons between two that a sleeping station must hear
    channel: Channel = CLEAR
    transmit_dbm: ClassVar[int] = 20

    def __post_init__(self) -> None:
        known = ", ".join(ASSOCIATIONS)
        checks = [
            (self.association in ASSOCIATIONS, "association", f"expected one of {known}, got {self.association!r}"),
            (0 <= self.mcs <= 7, "mcs", f"expected 0 to 7, got {self.mcs}; one stream has no others"),
            (1 <= self.dtim <= 255, "dtim", f"expected 1 to 255, got {self.dtim}; the access point sets it"),
        ]
        faults = [Fault(f"wifi.{where}", text) for good, where, text in checks if not good]
        if not faults and self.rate_bps > (most := self.most_bps):
            text = f"expected at most {most} bit/s, which frames of MCS {self.mcs} carry, got {self.rate_bps}"
            faults.append(Fault("wifi.rate", f"{text}; lower it or raise mcs"))
        if faults:
            raise InputError(faults)

    @property
    def receiver(self) -> Receiver:
        """How well either side hears frames of this modulation; acknowledgements count as if they used it."""
        return Receiver(sensitivity_dbm=SENSITIVITY_DBM[self.mcs], bit_errors=BIT_ERRORS)

    @property
    def most_bps(self) -> int:
        """TCP payload bits per second when frames follow each other without a pause or a loss."""
        return SEGMENT_BYTES * 8 * 1_000_000 // _turn_us(SEGMENT_BYTES + HEADER_OCTETS, self.mcs)

    @property
    def standby(self) -> Standby | None:
        """A kept association hears every DTIM beacon."""
        if self.association != "kept":
            return None
        return Standby(period_us=self.dtim * timing.BEACON_US, receive_us=DTIM_ON_US)

    def transfer(self, direction: Direction, payload_bytes: int, key: int, *, at_us: int = 0) -> Transfer:
        """One message over one TCP connection."""
        if payload_bytes < 0:
            raise ValueError(f"payload_bytes: expected 0 or more, got {payload_bytes}")
        return Station(self, direction, key, at_us).run(payload_bytes)


def _turn_us(octets: int, mcs: int) -> int:
    """Mean time of one frame, its acknowledgement and the contention before it, on a free channel."""
    contention_us = timing.DIFS_US + timing.CW_MIN * timing.SLOT_US // 2
    return contention_us + timing.frame_us(octets, mcs) + timing.SIFS_US + timing.ACK_US


class Station(RadioClock):
    """One message while it is under way."""

    def __init__(self, link: WifiLink, direction: Direction, key: int, at_us: int) -> None:
        super().__init__(key=key, channel=link.channel, at_us=at_us)
        self.link = link
        self.up = direction is Direction.UP
        self.attempts = self.pdus = 0  # segments on the air; each once

    def run(self, payload_bytes: int) -> Transfer:
        """Join or wait for a beacon, connect, move the message."""
        self._join()
        full, rest = divmod(payload_bytes, SEGMENT_BYTES)
        sizes = [SEGMENT_BYTES] * full + ([rest] if rest or not full else [])
        delivered = all(self._packet(HEADER_OCTETS, own=own) for own in HANDSHAKE) and self._stream(sizes)
        return self.transfer(delivered=delivered, pdus=self.pdus, retransmissions=self.attempts - self.pdus)

    def _join(self) -> None:
        if self.link.association == "kept":
            if not self.up:  # the access point keeps what comes until it has said so in a beacon that is heard
                self.sleep_us += -self.at_us % (self.link.dtim * timing.BEACON_US)
                self.listen(DTIM_ON_US)
            return
        join_us = JOIN_US[self.link.association]
        self.control_us += BOOT_US
        self.transmit_us += join_us // JOIN_TRANSMIT
        self.receive_us += join_us - join_us // JOIN_TRANSMIT

    def _stream(self, sizes: list[int]) -> bool:
        """Segments at the rate of TCP, every second acknowledged; False when one was given up."""
        due_us = self.now_us  # when the next segment should begin; losses put it off, nothing makes it up
        for number, size in enumerate(sizes):
            self.pdus += 1
            tries = self.attempts
            if not self._segment(size + HEADER_OCTETS):
                return False
            last = number == len(sizes) - 1
            if (number % SEGMENTS_PER_ACK or last) and not self._packet(HEADER_OCTETS, own=not self.up):
                return False
            due_us = due_us + size * 8 * 1_000_000 // self.link.rate_bps if self.attempts == tries + 1 else self.now_us
            self.listen(max(due_us - self.now_us, 0))
        return True

    def _segment(self, octets: int) -> bool:
        for doubling in range(1 + RTO_TIMES):
            if self._packet(octets, own=self.up, counted=True):
                return True
            self.listen(RTO_US << doubling)
        return False

    def _packet(self, octets: int, *, own: bool, counted: bool = False) -> bool:
        """One packet with the retries of the link layer; True when it was acknowledged."""
        window = timing.CW_MIN
        for _attempt in range(1 + timing.RETRIES):
            self.listen(timing.DIFS_US + self.below(window + 1) * timing.SLOT_US)
            self.attempts += counted
            if self._frame(octets, own=own):
                return True
            window = min(2 * window + 1, timing.CW_MAX)
        return False

    def _frame(self, octets: int, *, own: bool) -> bool:
        time_us, bits = timing.frame_us(octets, self.link.mcs), 8 * (octets + timing.MAC_OCTETS)
        got = self.send(time_us, bits) if own else self.hear(time_us, bits)
        self.listen(timing.SIFS_US)
        if not got:
            self.listen(timing.ACK_US)
            return False
        ack_bits = 8 * timing.ACK_OCTETS
        return self.hear(timing.ACK_US, ack_bits) if own else self.send(timing.ACK_US, ack_bits)
