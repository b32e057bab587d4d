"""The clock of a node's radio: every microsecond of a transfer is spent on one thing; losses are drawn in order."""

from fleet.base import rng
from fleet.world.radio.channel import CLEAR, Channel
from fleet.world.radio.link import Transfer


class RadioClock:
    """What a node's radio did so far, and how long each part took.

    key: of the losses; each packet on the air takes the next draws under it. channel: what loses packets.
    at_us: when the transfer begins, since the start of the line.
    """

    def __init__(self, *, key: int, channel: Channel = CLEAR, at_us: int = 0) -> None:
        self.key = key
        self.at_us = at_us
        self.draws = 0
        self.losses = channel.opened(self._draw)
        self.transmit_us = self.receive_us = self.idle_us = self.airtime_us = 0
        self.control_us = self.start_us = self.sleep_us = 0

    @property
    def now_us(self) -> int:
        """Time since the transfer began, in microseconds."""
        return self.transmit_us + self.receive_us + self.idle_us + self.control_us + self.start_us + self.sleep_us

    def send(self, packet_us: int, bits: int) -> bool:
        """Puts one packet on the air; True when the other side heard it."""
        heard = self._on_air(packet_us, bits)
        self.transmit_us += packet_us
        return heard

    def hear(self, packet_us: int, bits: int) -> bool:
        """Listens while the other side puts one packet on the air; True when it was heard."""
        heard = self._on_air(packet_us, bits)
        self.receive_us += packet_us
        return heard

    def listen(self, time_us: int) -> None:
        """Keeps the receiver on for a packet that does not come."""
        self.receive_us += time_us

    def gap(self, time_us: int) -> None:
        """Keeps the radio awake between two packets."""
        self.idle_us += time_us

    def rest(self, time_us: int, *, control_us: int, start_us: int) -> None:
        """Passes the time between two events: the processor finishes, the node sleeps, the oscillator starts in time.

        control_us, start_us: how long the processor and the oscillator take when there is time for it.
        """
        left_us = max(time_us, 0)
        control_us = min(left_us, control_us)
        start_us = min(left_us - control_us, start_us)
        self.control_us += control_us
        self.start_us += start_us
        self.sleep_us += left_us - control_us - start_us

    def below(self, n: int) -> int:
        """A random whole number from 0 to n - 1: the next draw."""
        return rng.below(self.key, self._next_draw(), n)

    def transfer(self, *, delivered: bool, pdus: int, retransmissions: int, quiet_us: int = 0) -> Transfer:
        """All that was spent, as a record."""
        return Transfer(
            delivered=delivered,
            pdus=pdus,
            retransmissions=retransmissions,
            airtime_us=self.airtime_us,
            transmit_us=self.transmit_us,
            receive_us=self.receive_us,
            idle_us=self.idle_us,
            control_us=self.control_us,
            start_us=self.start_us,
            sleep_us=self.sleep_us,
            quiet_us=quiet_us,
        )

    def _on_air(self, packet_us: int, bits: int) -> bool:
        self.airtime_us += packet_us
        return not self.losses.lost(self._draw, self.at_us + self.now_us, bits)

    def _draw(self) -> int:
        return rng.draw32(self.key, self._next_draw())

    def _next_draw(self) -> int:
        self.draws += 1
        return self.draws - 1
