"""Bluetooth LE: how a node is found. It advertises on three channels until a gateway that always scans answers.

Source: Bluetooth Core Specification 5.x, Vol 6 Part B unless another volume is named. Always on the 1M PHY.
"""

from typing import Final

from fleet.world.radio.ble.timing import T_IFS_US, Packet
from fleet.world.radio.channel import Channel
from fleet.world.radio.clock import RadioClock

ADV_OCTETS: Final = 27  # ADV_IND: address 6, flags 3, one 128-bit service 18; 2.3.1, Vol 3 Part C 11
CONNECT_OCTETS: Final = 34  # CONNECT_IND: two addresses 12, connection data 22; 2.3.3.1
ADV_CHANNELS: Final = 3
ADV_INTERVAL_US: Final = 30_000  # TGAP(adv_fast_interval1), least value; Vol 3 Part C appendix A
ADV_DELAY_US: Final = 10_000  # advDelay: drawn from 0 to 10 ms; 4.4.2.2
ADV_PERIOD_US: Final = 30_000_000  # TGAP(adv_fast_period): the node gives up after it; Vol 3 Part C appendix A


class Advertiser(RadioClock):
    """A node that is to be found. event_cpu_us, start_us: processor and oscillator around each event of the radio."""

    def __init__(self, *, key: int, channel: Channel, at_us: int, event_cpu_us: int, start_us: int) -> None:
        super().__init__(key=key, channel=channel, at_us=at_us)
        self.event_cpu_us = event_cpu_us
        self.event_start_us = start_us

    def pause(self, time_us: int) -> None:
        """The time between two events of the radio."""
        self.rest(time_us, control_us=self.event_cpu_us, start_us=self.event_start_us)

    def advertise(self) -> bool:
        """Advertises until a CONNECT_IND is heard; False when the advertising period passed without one."""
        while (opened_us := self.now_us) < ADV_PERIOD_US:
            if any(self._advertise_once() for _ in range(ADV_CHANNELS)):
                return True
            delay_us = self.below(ADV_DELAY_US + 1)
            self.pause(opened_us + ADV_INTERVAL_US + delay_us - self.now_us)
        return False

    def _advertise_once(self) -> bool:
        """One ADV_IND on one channel and the time for its answer; always on the 1M PHY. True: the answer was heard."""
        offer, answer = Packet.of("1M", ADV_OCTETS), Packet.of("1M", CONNECT_OCTETS)
        got = self.send(offer.time_us, offer.bits)
        self.gap(T_IFS_US)
        if got and self.hear(answer.time_us, answer.bits):
            return True
        if not got:
            self.receive_us += answer.time_us
        self.gap(T_IFS_US)
        return False
