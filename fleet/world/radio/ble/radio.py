"""What one message over a Bluetooth LE connection takes, packet by packet, seen from the node.

The node is the peripheral: it advertises when its round comes, a gateway that always scans answers, and link-layer
procedures set the connection up. Then the message goes in connection events, one per interval. Sources are sections of
the Bluetooth Core Specification 5.x, Vol 6 Part B unless another volume is named.

Modelled: what loses packets is the channel's own model, the same on every frequency. An exchange is a data packet and
the empty packet that acknowledges it. A lost packet was not heard at all, which ends the connection event (4.5.6); it
is tried again in the next one. A node that waits in vain listens as long as the answer would have taken (an upper
bound). A connection is left without a last packet.
A gateway with several connections gives each an even part of every interval, as many as talk when the transfer begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from fleet.base.errors import Fault, InputError
from fleet.world.radio.ble.advertising import Advertiser
from fleet.world.radio.ble.timing import PHYS, T_IFS_US, Packet, exchange_us, packet_octets, pdu_us
from fleet.world.radio.channel import CLEAR, Channel, Receiver
from fleet.world.radio.link import Direction, Standby, Transfer

INTERVAL_US: Final = (7_500, 4_000_000, 1_250)  # least, most, step; 4.5.1
OCTETS: Final = (27, 251)  # data PDU payload without and with full data length extension; 4.5.10
GUARD_US: Final = 1_250  # end of an interval that a controller leaves unused (PSoC 4 BLE throughput note); modelled
WINDOW_US: Final = 16  # active clock accuracy, both sides; 4.2.4
SUPERVISION_US: Final = (4_000_000, 32_000_000, 10_000)  # our default (modelled), most, step; 4.5.2
ANCHOR_US: Final = 1_250  # transmitWindowDelay after a CONNECT_IND; 4.5.3. The window's offset is taken as 0
SETUP_OCTETS: Final = 27  # upper bound of the control packets below
SETUP_EVENTS: Final = 6  # modelled, one event each: features, data length, MTU, three for encryption with a stored key
PHY_EVENTS: Final = 8  # modelled: request, indication, and the six events an update waits for; 5.1.10
LATENCY: Final = 499  # most connection events that a peripheral may skip; 4.5.1
WRITES: Final = ("commands", "requests")  # Vol 3 Part F 3.4.5: without and with a response
RESPONSE_OCTETS: Final = 5  # L2CAP header 4, ATT opcode 1
ESTABLISH_INTERVALS: Final = 6  # silent intervals that end a connection not yet established; 4.5.2


SENSITIVITY_DBM: Final = {"1M": -95.0, "2M": -92.0, "S2": -99.0, "S8": -103.0}
"""nRF52840 PS, RADIO (2M and S2 recalled: unverified), at the bit error rate of Vol 6 Part A 4.1."""
BIT_ERRORS: Final = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class BleLink:
    """One connection setting, and what the board's radio adds to it."""

    phy: str = "1M"
    interval_us: int = 50_000  # connection interval
    octets: int = OCTETS[1]
    encrypted: bool = True
    packets_per_event: int = 0  # most exchanges in one connection event; 0: as many as fit
    writes: str = "commands"  # or requests, each answered in the next event before another may follow
    kept: bool = False  # whether the connection lasts from round to round
    latency: int = 0  # connection events that the node may sleep through while it has nothing to say
    sharers: int = 1  # connections between which the gateway's radio divides each interval evenly
    supervision_us: int = 0  # 0: 4 s, or six times the silence that latency allows when that is longer
    ramp_us: int = 40  # radio ramp-up before it can listen (nRF52840 PS, RADIO, fast ramp-up; unverified)
    event_cpu_us: int = 600  # processor time per connection event; modelled
    start_us: int = 1_400  # crystal start before an event (Zephyr, nrf52840.dtsi, startup-time-us)
    clock_ppm: int = 40  # sleep clock errors of both sides, added (20 ppm each: Nordic's measuring conditions)
    channel: Channel = CLEAR  # what loses packets on the way
    transmit_dbm: ClassVar[int] = 0  # where nothing else is said

    def __post_init__(self) -> None:
        if faults := _faults(self):
            raise InputError(faults)

    @property
    def receiver(self) -> Receiver:
        """How well either side hears packets of this PHY; advertising counts as if it were sent on it, too."""
        return Receiver(sensitivity_dbm=SENSITIVITY_DBM[self.phy], bit_errors=BIT_ERRORS)

    @property
    def timeout_us(self) -> int:
        """Silence after which an established connection counts as lost, in microseconds."""
        least, most, step = SUPERVISION_US
        silence_us = (1 + self.latency) * self.interval_us
        return self.supervision_us or max(least, min(-(-6 * silence_us // step) * step, most))

    @property
    def window_us(self) -> int:
        """How long the node listens before each event: ramp-up, and the drift of both clocks over an interval."""
        return self.ramp_us + WINDOW_US + self.interval_us * self.clock_ppm // 1_000_000

    @property
    def room_us(self) -> int:
        """Part of a connection interval that the gateway has for this connection; one full packet at least."""
        return max((self.interval_us - GUARD_US) // self.sharers, self._least_us)

    @property
    def _least_us(self) -> int:
        return self.window_us + exchange_us(self.phy, self.octets, encrypted=self.encrypted)

    def among(self, talking: int) -> "BleLink":
        """The same connection at a gateway that has so many just now."""
        return replace(self, sharers=talking)

    @property
    def standby(self) -> Standby | None:
        """A kept connection answers the gateway's empty packet with its own, once in 1 + latency intervals.

        The window grows with the silence before it, since both clocks drift all the while.
        """
        if not self.kept:
            return None
        silence_us = (1 + self.latency) * self.interval_us
        empty_us = pdu_us(self.phy, 0)
        return Standby(
            period_us=silence_us,
            receive_us=self.ramp_us + WINDOW_US + silence_us * self.clock_ppm // 1_000_000 + empty_us,
            idle_us=T_IFS_US,
            transmit_us=empty_us,
            control_us=self.event_cpu_us,
            start_us=self.start_us,
        )

    def transfer(self, direction: Direction, payload_bytes: int, key: int, *, at_us: int = 0) -> Transfer:
        """One connection set up, used for one message and left: what it cost the node, and whether it arrived.

        key: of the purpose (seed, Stream.RADIO, node, round, direction); each packet on the air, and each random
        advertising delay, takes the next draws under it.
        """
        if payload_bytes < 0:
            raise ValueError(f"payload_bytes: expected 0 or more, got {payload_bytes}")
        return Session(self, direction, key, at_us).run(payload_bytes)


def _faults(link: BleLink) -> list[Fault]:
    """Everything about a link that the specification or arithmetic forbids."""
    least, most, step = INTERVAL_US
    checks = [
        (link.phy in PHYS, "phy", f"expected one of {', '.join(PHYS)}, got {link.phy!r}; name a BLE 5 PHY"),
        (
            least <= link.interval_us <= most and link.interval_us % step == 0,
            "interval",
            f"expected 7.5 ms to 4 s in steps of 1.25 ms, got {link.interval_us} us; take the next step",
        ),
        (OCTETS[0] <= link.octets <= OCTETS[1], "octets", f"expected 27 to 251, got {link.octets}"),
        (link.writes in WRITES, "writes", f"expected one of {', '.join(WRITES)}, got {link.writes!r}"),
        (0 <= link.latency <= LATENCY, "latency", f"expected 0 to {LATENCY} events, got {link.latency}"),
        (
            link.kept or not link.latency,
            "latency",
            f"expected 0 events without a kept connection, got {link.latency}; take kept: true, or delete this",
        ),
    ]
    faults = [Fault(f"ble.{where}", text) for good, where, text in checks if not good]
    return faults or _timing_faults(link)


def _timing_faults(link: BleLink) -> list[Fault]:
    """What does not fit together in a link whose single fields are in range."""
    needs = link.window_us + exchange_us(link.phy, link.octets, encrypted=link.encrypted)
    holds = link.interval_us - GUARD_US
    low, high = 2 * (1 + link.latency) * link.interval_us, SUPERVISION_US[1]
    faults = []
    if needs > holds:
        text = f"expected at least {needs + GUARD_US} us for one full packet on {link.phy}, got {link.interval_us} us"
        faults.append(Fault("ble.interval", f"{text}; lengthen it or take a faster PHY"))
    if not low < link.timeout_us <= high:
        silent = "two intervals" if not link.latency else f"twice {1 + link.latency} intervals"
        text = f"expected more than {silent} ({low} us) and at most {high} us, got {link.timeout_us} us"
        faults.append(Fault("ble.supervision", f"{text}; lengthen it"))
    return faults


class Session(Advertiser):
    """One connection while it lasts. It begins with the oscillator running: the node is awake already."""

    def __init__(self, link: BleLink, direction: Direction, key: int, at_us: int = 0) -> None:
        super().__init__(
            key=key, channel=link.channel, at_us=at_us, event_cpu_us=link.event_cpu_us, start_us=link.start_us
        )
        self.link = link
        self.up = direction is Direction.UP
        self.attempts = 0  # exchanges begun
        self.answers = 0  # of them, those that carried the answer to a write
        self.anchor_us = 0  # when the next connection event begins
        self.heard_us = 0  # end of the last complete exchange
        self.limit_us = ESTABLISH_INTERVALS * link.interval_us  # silence that ends the connection

    def run(self, payload_bytes: int) -> Transfer:
        """Advertise and set up, or wait for the next event of a kept connection; then the message."""
        packets = packet_octets(self.link.octets, payload_bytes)
        done = attempts = 0
        if self._resume() if self.link.kept else self._connect():
            before = self.attempts
            done = self._write(packets) if self.link.writes == "requests" else self._command(packets)
            attempts = self.attempts - before - self.answers
        self.control_us += self.link.event_cpu_us
        return self._transfer(len(packets), done, attempts)

    def _resume(self) -> bool:
        """The node's next event of a connection that has lasted since the last round."""
        silence_us = (1 + self.link.latency) * self.link.interval_us
        self.rest(-self.at_us % silence_us, control_us=0, start_us=self.link.start_us)
        self.listen((silence_us - self.link.interval_us) * self.link.clock_ppm // 1_000_000)  # drift beyond a window's
        self.anchor_us = self.now_us
        self.heard_us, self.limit_us = self.anchor_us - silence_us, self.link.timeout_us
        return True

    def _connect(self) -> bool:
        setup = [SETUP_OCTETS] * (SETUP_EVENTS + (0 if self.link.phy == "1M" else PHY_EVENTS))
        if not self.advertise():
            return False
        self.heard_us, self.anchor_us = self.now_us, self.now_us + ANCHOR_US
        return self._work(setup, per_event=1) == len(setup)

    def _command(self, packets: Sequence[int]) -> int:
        return self._work(packets, per_event=self.link.packets_per_event or len(packets))

    def _write(self, packets: Sequence[int]) -> int:
        """Packets that were answered, one at a time: the answer comes in the next event, the other way."""
        for done, octets in enumerate(packets):
            if not self._work([octets], per_event=1):
                return done
            before, self.up = self.attempts, not self.up
            answered = self._work([RESPONSE_OCTETS], per_event=1)
            self.up = not self.up
            self.answers += self.attempts - before
            if not answered:
                return done
        return len(packets)

    def _transfer(self, packets: int, done: int, attempts: int) -> Transfer:
        pdus = min(done + 1, packets) if attempts else 0  # the one that failed last was on the air too
        first = min(pdus, attempts)
        return self.transfer(delivered=done == packets, pdus=first, retransmissions=attempts - first)

    def _work(self, packets: Sequence[int], *, per_event: int) -> int:
        """Number of packets acknowledged: all of them, unless the connection was lost."""
        done = 0
        while done < len(packets) and self._reach_anchor():
            done += self._event(packets[done : done + per_event])
        return done

    def _reach_anchor(self) -> bool:
        """Rests until the next connection event and opens it; False when the supervision timer ran out before."""
        lost_us = self.heard_us + self.limit_us
        self.pause(min(self.anchor_us, lost_us) - self.now_us)
        if self.anchor_us >= lost_us:
            return False
        self.anchor_us += self.link.interval_us
        self.receive_us += self.link.window_us
        return True

    def _event(self, packets: Sequence[int]) -> int:
        """Number of packets that got through before one was lost or the interval was used up."""
        end_us = self.anchor_us - self.link.interval_us + self.link.room_us
        for done, octets in enumerate(packets):
            if self.now_us + exchange_us(self.link.phy, octets, encrypted=self.link.encrypted) > end_us:
                return done
            self.attempts += 1
            if not self._exchange(octets):
                return done
            self.heard_us, self.limit_us = self.now_us, self.link.timeout_us
        return len(packets)

    def _exchange(self, octets: int) -> bool:
        """One data packet and its acknowledgement; True when both arrived."""
        data = Packet.of(self.link.phy, octets, encrypted=self.link.encrypted)
        ack = Packet.of(self.link.phy, 0)
        through = self._push(data, ack) if self.up else self._take(data, ack)
        if through:
            self.gap(T_IFS_US)
        return through

    def _push(self, data: Packet, ack: Packet) -> bool:
        got = self.send(data.time_us, data.bits)
        self.gap(T_IFS_US)
        if got:
            return self.hear(ack.time_us, ack.bits)
        self.receive_us += ack.time_us
        return False

    def _take(self, data: Packet, ack: Packet) -> bool:
        if not self.hear(data.time_us, data.bits):
            return False
        self.gap(T_IFS_US)
        return self.send(ack.time_us, ack.bits)
