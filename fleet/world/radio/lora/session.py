"""One message of a LoRaWAN node while it lasts: frames, windows, off times. `link` says what is modelled."""

from collections.abc import Sequence
from typing import Final

from fleet.base import rng
from fleet.node.wire.parity import MOST_FRAGMENTS, Decoder
from fleet.world.radio.clock import RadioClock
from fleet.world.radio.link import Transfer
from fleet.world.radio.lora import region
from fleet.world.radio.lora.airtime import airtime_us
from fleet.world.radio.lora.region import DOWNLINK_BAND, UPLINK_BAND, Band
from fleet.world.radio.lora.setting import LoraSetting

SETUP: Final = (22, 7)  # down: FragSessionSetupReq 11, McClassCSessionReq 11; up: their answers 2 and 5
STATUS: Final = (2, 5)  # FragSessionStatusReq down, FragSessionStatusAns up
ROOM: Final = 128  # missing fragments that a node solves for: FE_PARITY_ROOM


class Session(RadioClock):
    """A node's radio over one message. It begins awake, free to send, at a gateway that is free to send as well."""

    def __init__(self, link: LoraSetting, key: int, at_us: int = 0) -> None:
        super().__init__(key=key, channel=link.channel, at_us=at_us)
        self.link = link
        self.free_us = 0  # from when the node may transmit
        self.gateway_us = 0  # from when the gateway may
        self.again = 0  # payload frames sent more than once
        self.lost_below = round(link.collision * 2**32)

    # --- whole messages --------------------------------------------------------------------------------------------

    def up(self, payload_bytes: int) -> Transfer:
        """A message to the server."""
        parts, sent, heard, goes_on = region.pieces(payload_bytes, self.link.rate), 0, 0, True
        while goes_on and sent < len(parts):
            part = parts[sent]
            got, goes_on = self._confirmed(part) if self.link.confirmed else (self._repeated(part), True)
            sent, heard = sent + 1, heard + got
        return self._ended(delivered=heard == len(parts), pdus=sent)

    def down(self, payload_bytes: int) -> Transfer:
        """A message from the server."""
        if self.link.downlink == "multicast":
            return self._multicast(payload_bytes)
        return self._polled(payload_bytes) if self.link.device_class == "A" else self._pushed(payload_bytes)

    def join(self) -> Transfer:
        """Join requests until one is accepted: 5 s and 6 s windows, up to `sends` requests."""
        for number in range(1, self.link.sends + 1):
            heard = self._transmit(
                airtime_us(region.modem_of(self.link.rate), region.JOIN_REQUEST), region.JOIN_REQUEST
            )
            answer_us = airtime_us(region.modem_of(self.link.rate), region.JOIN_ACCEPT)
            if self._windows(1 if heard else 0, answer_us, region.JOIN_ACCEPT, region.JOIN_DELAYS_US):
                return self._ended(delivered=True, pdus=1)
            self.again += number < self.link.sends
        return self._ended(delivered=False, pdus=1)

    def _ended(self, *, delivered: bool, pdus: int) -> Transfer:
        quiet_us = max(0, self.free_us - self.now_us)
        return self.transfer(delivered=delivered, pdus=pdus, retransmissions=self.again, quiet_us=quiet_us)

    # --- up --------------------------------------------------------------------------------------------------------

    def _confirmed(self, part: int) -> tuple[bool, bool]:
        """One confirmed frame: whether the server has it, and whether the node knows."""
        got = False
        for trial in range(self.link.sends):
            self.again += trial > 0
            airtime = region.frame_us(self.link.rate, part)
            heard = self._transmit(airtime, part + region.HEADERS)
            got |= heard
            window = self._ack_window(airtime) if heard else 0
            rate = self.link.rate if window == 1 else self.link.rx2_rate
            answer_us = airtime_us(region.modem_of(rate), region.EMPTY)
            if self._windows(window, answer_us, region.EMPTY):
                return True, True
            least_us, most_us = region.ACK_TIMEOUT_US
            self._pass(self.now_us + least_us + self.below(most_us - least_us + 1))
        return got, False

    def _repeated(self, part: int) -> bool:
        """One frame sent as often as NbTrans says; whether any was heard."""
        heard = False
        for trial in range(self.link.sends):
            self.again += trial > 0
            heard |= self._transmit(region.frame_us(self.link.rate, part), part + region.HEADERS)
            self._windows(0, 0, 0)
        return heard

    def _ack_window(self, airtime: int) -> int:
        """In which window the gateway answers: 1, 2, or 0 where its duty cycle leaves no time for this node.

        All sharers want an answer in each cycle of theirs. What the first window's band does not carry comes in the
        second, and what that does not carry does not come.
        """
        cycle_us = UPLINK_BAND.cycle_us(airtime)
        left = 1_000_000
        draw = self.below(left)
        for window, rate, band in ((1, self.link.rate, UPLINK_BAND), (2, self.link.rx2_rate, DOWNLINK_BAND)):
            wanted_us = self.link.sharers * airtime_us(region.modem_of(rate), region.EMPTY)
            served = min(left, 1000 * band.permille * cycle_us // wanted_us)
            if draw >= left - served:
                return window
            left -= served
        return 0

    def _transmit(self, airtime: int, frame_bytes: int) -> bool:
        """One frame of the node, as soon as its duty cycle lets it; True when the gateway has it."""
        self._pass(self.free_us)
        self.free_us = self.now_us + UPLINK_BAND.cycle_us(airtime)
        arrived = self.send(airtime, 8 * frame_bytes)
        alone = not self.lost_below or rng.draw32(self.key, self._next_draw()) >= self.lost_below
        return arrived and alone

    def _windows(
        self, window: int, answer_us: int, answer_bytes: int, delays_us: tuple[int, int] = region.RX_DELAYS_US
    ) -> bool:
        """The two windows after a frame, the second only if the first stays empty. window: where an answer comes, or 0.

        True when it was heard.
        """
        sent_us = self.now_us
        for number, rate in ((1, self.link.rate), (2, self.link.rx2_rate)):
            bits = 8 * answer_bytes if number == window else 0
            if self._window(sent_us + delays_us[number - 1], rate, answer_us, bits):
                return True
        return False

    # --- down ------------------------------------------------------------------------------------------------------

    def _polled(self, payload_bytes: int) -> Transfer:
        """Class A: an empty uplink fetches each fragment, which is fetched again until it came."""
        window, rate, band = self._better_window(payload_bytes)
        parts = region.pieces(payload_bytes, rate)
        for number, part in enumerate(parts, 1):
            if not any(self._fetch(window, rate, band, part, trial) for trial in range(self.link.sends)):
                return self._ended(delivered=False, pdus=number)
        return self._ended(delivered=True, pdus=len(parts))

    def _better_window(self, payload_bytes: int) -> tuple[int, int, Band]:
        """Window, data rate and band in which the whole message takes the gateway's duty cycle the shorter time."""

        def takes_us(rate: int, band: Band) -> int:
            return sum(band.cycle_us(region.frame_us(rate, part)) for part in region.pieces(payload_bytes, rate))

        first = takes_us(self.link.rate, UPLINK_BAND)
        second = takes_us(self.link.rx2_rate, DOWNLINK_BAND)
        return (1, self.link.rate, UPLINK_BAND) if first <= second else (2, self.link.rx2_rate, DOWNLINK_BAND)

    def _fetch(self, window: int, rate: int, band: Band, part: int, trial: int) -> bool:
        """One poll and its windows; the gateway answers if it heard the poll."""
        poll_us = airtime_us(region.modem_of(self.link.rate), region.EMPTY)
        self._pass(self.gateway_us - region.RX_DELAYS_US[window - 1] - poll_us)
        heard = self._transmit(poll_us, region.EMPTY)
        if heard:
            self.again += trial > 0
            self._gateway_sends(self.now_us + region.RX_DELAYS_US[window - 1], band, region.frame_us(rate, part))
        return self._windows(window if heard else 0, region.frame_us(rate, part), part + region.HEADERS)

    def _gateway_sends(self, start_us: int, band: Band, airtime: int) -> None:
        """The gateway's next frame to this node: after its off time for those of all sharers."""
        self.gateway_us = start_us + self.link.sharers * band.cycle_us(airtime)

    def _pushed(self, payload_bytes: int) -> Transfer:
        """Classes B and C: all fragments, then a report of what is missing, and those again."""
        rate = region.PING_RATE if self.link.device_class == "B" else self.link.rx2_rate
        parts = region.pieces(payload_bytes, rate)
        if len(parts) > 1 and not self._set_up():
            return self._ended(delivered=False, pdus=0)
        left: Sequence[int] = parts
        for passed in range(self.link.sends):
            self.again += len(left) if passed else 0
            left = [part for part in left if not self._one_pushed(rate, part)]
            if not self._reported(rate, several=len(parts) > 1):
                break
            if not left:
                break
        return self._ended(delivered=not left, pdus=len(parts))

    def _one_pushed(self, rate: int, part: int) -> bool:
        """One frame from the gateway, in the next ping slot or as soon as the gateway may."""
        start_us = max(self.now_us, self.gateway_us)
        airtime = region.frame_us(rate, part)
        if self.link.device_class == "B":
            period_us = region.ping_period_us(self.link.periodicity)
            start_us = -(-(start_us + region.lead_us(rate)) // period_us) * period_us
        self._gateway_sends(start_us, DOWNLINK_BAND, airtime)
        return self._window(start_us, rate, airtime, 8 * (part + region.HEADERS))

    def _reported(self, rate: int, *, several: bool) -> bool:
        """What is missing, asked for and told; a message of one frame is just acknowledged."""
        asked = not several or any(self._one_pushed(rate, STATUS[0]) for _ in range(self.link.sends))
        return asked and self._told(STATUS[1] if several else 0)

    def _told(self, payload_bytes: int) -> bool:
        """A short confirmed frame of the node, which is no part of the message."""
        before = self.again
        got, _ = self._confirmed(payload_bytes)
        self.again = before
        return got

    def _set_up(self) -> bool:
        """A session agreed in class A: one frame down, one up."""
        window, rate, band = self._better_window(SETUP[0])
        fetched = any(self._fetch(window, rate, band, SETUP[0], trial=0) for _ in range(self.link.sends))
        return fetched and self._told(SETUP[1])

    def _multicast(self, payload_bytes: int) -> Transfer:
        """A session for the whole group: data, then sums, until this node has all or the session ends."""
        rate = region.rate_of(self.link.group_sf or self.link.spreading)
        part = region.payload_limit(rate)
        data = max(1, -(-payload_bytes // (part - region.FRAGMENT_HEADER)))
        sent = min(data + -(-round(1000 * self.link.redundancy) * data // 1000), MOST_FRAGMENTS)
        if not self._set_up():
            return self._ended(delivered=False, pdus=0)
        decoder, airtime, number = Decoder(data, 1, ROOM), region.frame_us(rate, part), 0
        while number < sent and not decoder.done:
            number += 1
            self._listen(max(self.now_us, self.gateway_us))
            self.gateway_us = self.now_us + DOWNLINK_BAND.cycle_us(airtime)
            if self.hear(airtime, 8 * (part + region.HEADERS)):
                decoder.take(number, b"\0")
        self.again += max(0, number - data)
        return self._ended(delivered=decoder.done, pdus=min(number, data))

    # --- time ------------------------------------------------------------------------------------------------------

    def _window(self, start_us: int, rate: int, airtime: int, bits: int) -> bool:
        """A receive window for a frame that begins at start_us. bits: 0 if none comes. True if one was heard."""
        lead_us = region.lead_us(rate)
        if self.link.device_class == "C":
            self._listen(start_us)
            return bool(bits) and self.hear(airtime, bits)
        self._pass(start_us - lead_us)
        if bits and self._on_air(airtime, bits):
            self.receive_us += lead_us + airtime
            return True
        self.receive_us += region.window_us(rate)
        return False

    def _pass(self, until_us: int) -> None:
        """Sleeps until then; class C listens instead."""
        if self.link.device_class == "C":
            self._listen(until_us)
        elif until_us > self.now_us:
            self.rest(until_us - self.now_us, control_us=self.link.event_cpu_us, start_us=self.link.start_us)

    def _listen(self, until_us: int) -> None:
        self.receive_us += max(0, until_us - self.now_us)
