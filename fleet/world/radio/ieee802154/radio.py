"""What one message over an IEEE 802.15.4 network takes, frame by frame, seen from the node.

The node is a child that sleeps between rounds; its parent always listens. A message goes in CoAP blocks, each a
datagram and an answer, both acknowledged frame by frame on every hop, with unslotted CSMA/CA before each frame.

Modelled: the node belongs to its network already; joining is not charged. While a message is under way its receiver
stays on instead of polling (an upper bound). Routers forward fragment by fragment (RFC 8930) and nothing overlaps in
space, so every further hop repeats the frames while the node listens. A frame that is not acknowledged after its last
retry loses its datagram; the exchange is tried again after CoAP's timeout, over which the node sleeps.
`busy` is the chance that a clear channel assessment finds others talking; what nodes of one gateway do to each other is
`contention`.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from fleet.base import rng
from fleet.base.errors import Fault, InputError
from fleet.world.radio.channel import CLEAR, Channel, Receiver
from fleet.world.radio.ieee802154 import coap, timing
from fleet.world.radio.ieee802154.contention import PPM
from fleet.world.radio.ieee802154.hop import Hop
from fleet.world.radio.ieee802154.sixlowpan import udp_frames
from fleet.world.radio.link import Direction, Transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Ieee802154Link:
    """One place in a network, and what the board's radio adds to it."""

    hops: int = 1  # from the node to its gateway
    block_bytes: int = 1024  # CoAP block
    busy: float = 0.0  # share of the time in which others have the channel, 0 to 1
    retries: int = timing.MAX_RETRIES  # of one frame; OpenThread takes 15
    ramp_us: int = 40  # radio ramp-up before its first frame (nRF52840 PS, RADIO, fast ramp-up; unverified)
    datagram_cpu_us: int = 200  # processor time per datagram; modelled
    channel: Channel = CLEAR
    transmit_dbm: ClassVar[int] = 0
    receiver: ClassVar[Receiver] = Receiver(sensitivity_dbm=-100.0, bit_errors=6.2813e-5)
    """nRF52840 PS, RADIO (recalled: unverified); IEEE Std 802.15.4-2020, 10.2.6: one frame of 20 octets in 100 lost."""

    def __post_init__(self) -> None:
        checks = [
            (1 <= self.hops <= 32, "hops", f"expected 1 to 32, got {self.hops}; count the links to the gateway"),
            (
                self.block_bytes in coap.BLOCKS,
                "block",
                f"expected one of {', '.join(map(str, coap.BLOCKS))}, got {self.block_bytes}; RFC 7959 has no other",
            ),
            (0 <= self.retries <= 15, "retries", f"expected 0 to 15, got {self.retries}"),
            (0 <= self.busy < 1, "busy", f"expected 0 up to 1, got {self.busy}; give the share of time"),
        ]
        if faults := [Fault(f"ieee802154.{where}", text) for good, where, text in checks if not good]:
            raise InputError(faults)

    def transfer(self, direction: Direction, payload_bytes: int, key: int, *, at_us: int = 0) -> Transfer:
        """One message, block by block; it is lost with the first block that is given up."""
        if payload_bytes < 0:
            raise ValueError(f"payload_bytes: expected 0 or more, got {payload_bytes}")
        return Exchange(self, direction, key, at_us).run(payload_bytes)

    def session(self, direction: Direction, payload_bytes: int, key: int, *, at_us: int = 0) -> "Pieces":
        """The same message, datagram by datagram."""
        return Pieces(Exchange(self, direction, key, at_us), payload_bytes)


class Exchange(Hop):
    """One message while it is under way: the node's own hop, and those behind it."""

    def __init__(self, link: Ieee802154Link, direction: Direction, key: int, at_us: int = 0) -> None:
        busy_ppm = round(link.busy * PPM)
        super().__init__(key=key, channel=link.channel, busy_ppm=busy_ppm, retries=link.retries, at_us=at_us)
        self.link = link
        self.up = direction is Direction.UP
        self.behind = [
            Hop(key=rng.absorb(key, n), channel=link.channel, busy_ppm=busy_ppm, retries=link.retries)
            for n in range(1, link.hops)
        ]
        self.pdus = self.sent = 0  # frames with payload on the own hop: each once, and all
        self.begun = 0  # frames of the block under way that were on the air at least once
        self.delivered = False

    def run(self, payload_bytes: int) -> Transfer:
        """The whole message."""
        for _ in self.walk(payload_bytes):
            pass
        return self.so_far()

    def so_far(self) -> Transfer:
        """What was done up to here."""
        retransmissions = max(self.sent - self.pdus, 0)
        return self.transfer(delivered=self.delivered, pdus=self.pdus, retransmissions=retransmissions)

    def walk(self, payload_bytes: int) -> Iterator[None]:
        """The whole message, with a stop after each datagram and each wait."""
        self.listen(self.link.ramp_us)
        for size in coap.blocks(payload_bytes, self.link.block_bytes):
            if not (yield from self._block(size)):
                return
        self.delivered = True

    def _block(self, size: int) -> Generator[None, None, bool]:
        """One block and its answer; True when both arrived.

        An upload is a request with the block and an answer without it; a download is the other way round.
        """
        data, other = udp_frames(coap.HEADER_OCTETS + size), udp_frames(coap.ANSWER_OCTETS)
        timeout_us = coap.ACK_TIMEOUT_US + self.below(coap.RANDOM_US + 1)
        self.begun = 0
        for _attempt in range(1 + coap.MAX_RETRANSMIT):
            if (yield from self._attempt(data, other)):
                return True
            self.rest(timeout_us, control_us=0, start_us=0)
            yield
            timeout_us *= 2
        return False

    def _attempt(self, data: Sequence[int], other: Sequence[int]) -> Generator[None, None, bool]:
        """Request and answer; True when both arrived."""
        if not self.up:
            asked = self._datagram(other, up=True) == len(other)
            yield
            if not asked:
                return False
        before = self.attempts
        done = self._datagram(data, up=self.up)
        self.sent += self.attempts - before
        begun = min(done + 1, len(data)) if self.attempts > before else 0
        self.pdus += max(begun - self.begun, 0)
        self.begun = max(begun, self.begun)
        arrived = done == len(data)
        yield
        if self.up and arrived:
            arrived = self._datagram(other, up=False) == len(other)
            yield
        return arrived

    def _datagram(self, frames: Sequence[int], *, up: bool) -> int:
        """How many frames of a datagram got over every hop before one was lost."""
        self.control_us += self.link.datagram_cpu_us
        for done, octets in enumerate(frames):
            through = (
                self.frame(octets, up=True) and self._carried(octets)
                if up
                else (self._carried(octets) and self.frame(octets, up=False))
            )
            if not through:
                return done
        return len(frames)

    def _carried(self, octets: int) -> bool:
        """A frame over the hops behind the own one, while the node listens."""
        for hop in self.behind:
            before_us = hop.now_us
            hop.at_us = self.at_us + self.now_us - before_us
            through = hop.frame(octets, up=True)
            self.listen(hop.now_us - before_us)
            if not through:
                return False
        return True


class Pieces:
    """A message while others may be on the air, too."""

    def __init__(self, exchange: Exchange, payload_bytes: int) -> None:
        self._exchange = exchange
        self._walk = exchange.walk(payload_bytes)
        self._over = False

    def step(self, talking: int) -> Transfer | None:
        """One datagram or wait. talking: nodes of the gateway that have frames to send, this one included."""
        if self._over:
            return None
        before, own = self._exchange.so_far(), self._exchange
        for hop in (own, *own.behind):
            hop.among(talking)
        self._over = next(self._walk, own) is own
        piece = own.so_far().since(before)
        return piece if piece.elapsed_us or not self._over else None

    @property
    def total(self) -> Transfer:
        """The whole."""
        return self._exchange.so_far()
