"""The clock of a node's radio: every microsecond of a transfer is spent on one thing; losses are drawn in order."""

from fleet.base import rng
from fleet.world.radio.link import Transfer


class RadioClock:
    """What a node's radio did so far, and how long each part took.

    key: of the losses; each packet on the air takes the next draw under it. loss: share of packets lost, 0 to 1.
    """

    def __init__(self, *, key: int, loss: float) -> None:
        self.key = key
        self.lost_below = round(loss * 2**32)  # a packet is lost when its 32-bit draw is below this
        self.draws = 0
        self.transmit_us = self.receive_us = self.idle_us = self.airtime_us = 0
        self.control_us = self.start_us = self.sleep_us = 0

    @property
    def now_us(self) -> int:
        """Time since the transfer began, in microseconds."""
        return self.transmit_us + self.receive_us + self.idle_us + self.control_us + self.start_us + self.sleep_us

    def send(self, packet_us: int) -> bool:
        """Puts one packet on the air; True when the other side heard it."""
        self.transmit_us += packet_us
        return self._on_air(packet_us)

    def hear(self, packet_us: int) -> bool:
        """Listens while the other side puts one packet on the air; True when it was heard."""
        self.receive_us += packet_us
        return self._on_air(packet_us)

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

    def transfer(self, *, delivered: bool, pdus: int, retransmissions: int) -> Transfer:
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
        )

    def _on_air(self, packet_us: int) -> bool:
        self.airtime_us += packet_us
        return rng.draw32(self.key, self._next_draw()) >= self.lost_below

    def _next_draw(self) -> int:
        self.draws += 1
        return self.draws - 1
