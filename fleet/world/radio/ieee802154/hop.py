"""One hop of an IEEE 802.15.4 network: a frame goes over it with unslotted CSMA/CA, acknowledgement and retries.

Source: IEEE Std 802.15.4-2020, 6.2.5.1 (CSMA/CA) and 6.7.4 (acknowledgement and retransmission). A channel that stays
busy for all backoffs uses up one of the retries, as in OpenThread; the standard leaves that to the next layer.
"""

from fleet.world.radio.channel import Channel
from fleet.world.radio.clock import RadioClock
from fleet.world.radio.ieee802154 import timing
from fleet.world.radio.ieee802154.contention import PPM, contention


class Hop(RadioClock):
    """One side of a hop: `up` frames are its own, the others come to it, and for them its receiver is always on.

    busy_ppm: share of the time in which strangers have the channel, in millionths. retries: of one frame.
    """

    def __init__(
        self, *, key: int, channel: Channel, busy_ppm: int = 0, retries: int = timing.MAX_RETRIES, at_us: int = 0
    ) -> None:
        super().__init__(key=key, channel=channel, at_us=at_us)
        self.busy_ppm = busy_ppm
        self.crowd = contention(1).beside(busy_ppm)
        self.retries = retries
        self.attempts = 0  # frames put on the air, acknowledgements not counted

    def among(self, talking: int) -> None:
        """From now on so many of its own kind have frames to send, itself included."""
        self.crowd = contention(talking).beside(self.busy_ppm)

    def frame(self, psdu_octets: int, *, up: bool) -> bool:
        """One frame with all its retries; True when its sender heard the acknowledgement."""
        for _attempt in range(1 + self.retries):
            if not self._access(up=up):
                continue
            self.attempts += 1
            if self._push(psdu_octets) if up else self._take(psdu_octets):
                self._wait(timing.space_us(psdu_octets), up=up)
                return True
        return False

    def _access(self, *, up: bool) -> bool:
        """Waits for a clear channel; False when it stays taken."""
        exponent = timing.MIN_BE
        taken_ppm = self.crowd.first_ppm
        for _backoff in range(1 + timing.MAX_BACKOFFS):
            self._wait(self.below(2**exponent) * timing.BACKOFF_US, up=up)
            self.listen(timing.CCA_US)
            if not (taken_ppm and self.below(PPM) < taken_ppm):
                self._wait(timing.TURNAROUND_US, up=up)
                return True
            taken_ppm = self.crowd.later_ppm
            exponent = min(exponent + 1, timing.MAX_BE)
        return False

    def _wait(self, time_us: int, *, up: bool) -> None:
        """The sender of a frame idles in its pauses; who waits for one listens."""
        if up:
            self.gap(time_us)
        else:
            self.listen(time_us)

    def _collided(self) -> bool:
        return self.crowd.meets_ppm > 0 and self.below(PPM) < self.crowd.meets_ppm

    def _push(self, psdu_octets: int) -> bool:
        if not self.send(timing.frame_us(psdu_octets), 8 * psdu_octets) or self._collided():
            self.listen(timing.ACK_WAIT_US)
            return False
        self.gap(timing.TURNAROUND_US)
        if self.hear(timing.ACK_US, 8 * timing.ACK_OCTETS):
            return True
        self.listen(timing.ACK_WAIT_US - timing.TURNAROUND_US - timing.ACK_US)
        return False

    def _take(self, psdu_octets: int) -> bool:
        if not self.hear(timing.frame_us(psdu_octets), 8 * psdu_octets) or self._collided():
            self.listen(timing.ACK_WAIT_US)
            return False
        self.gap(timing.TURNAROUND_US)
        if self.send(timing.ACK_US, 8 * timing.ACK_OCTETS):
            return True
        self.listen(timing.ACK_WAIT_US - timing.TURNAROUND_US - timing.ACK_US)
        return False
