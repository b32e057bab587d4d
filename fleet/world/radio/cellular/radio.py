"""What one message over NB-IoT or LTE-M takes, seen from the modem.

The modem is registered. It finds its cell again, connects, moves the message in transport blocks, and stays connected
until the network's inactivity timer ends the connection; that tail is waited out. Then it sleeps in power saving mode,
where nobody reaches it, or wakes once in every eDRX cycle to be paged; a push waits for that.

Modelled: rates are what a connection carries with its scheduling gaps, over which receiver or transmitter count as on.
Repetitions multiply what is sent, signalling too. A block that is lost is sent again; one that is lost eight times is a
radio link failure. Charges of registration and of tracking area updates are left out.
Sources: rates of Cat-NB1 and Cat-M1 and timers as 3GPP Release 13 has them (recalled: unverified); that the connected
tail costs more than the message, Michelinakis et al., IEEE IoT Journal 8(2), 2021. Durations marked modelled are ours.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from fleet.base.errors import Fault, InputError
from fleet.world.radio.channel import CLEAR, Channel, Receiver
from fleet.world.radio.clock import RadioClock
from fleet.world.radio.link import Direction, Standby, Transfer

IDLES: Final = ("psm", "edrx")
SIGNAL_UP_BITS: Final = 8 * 100  # modelled: random access, resume request, service request
SIGNAL_DOWN_BITS: Final = 8 * 150  # modelled: access response, resume, release
TRIES: Final = 8  # of one block before the link counts as failed; modelled
DRX_CYCLE_US: Final = 2_048_000  # connected: the receiver opens once in a cycle
DRX_ON_US: Final = 200_000  # modelled
PAGING_CYCLE_US: Final = 2_560_000  # idle, within the active time
PAGING_US: Final = 10_000  # modelled: one paging occasion
EDRX_STEP_US: Final = 5_120_000  # eDRX cycles are this times a power of two


@dataclass(frozen=True, slots=True, kw_only=True)
class CellularLink:
    """One modem on one network."""

    name: ClassVar[str] = "cellular"
    block_bits: ClassVar[tuple[int, int]] = (1000, 1000)  # largest transport block, down and up
    most_repetitions: ClassVar[tuple[int, int]] = (2048, 2048)  # down and up
    edrx_range_us: ClassVar[tuple[int, int]] = (EDRX_STEP_US, 2_621_440_000)
    transmit_dbm: ClassVar[int] = 23
    sensitivity_dbm: ClassVar[float] = -103.0  # TS 36.101, 7.3, without repetitions (recalled: unverified)
    bit_errors: ClassVar[float] = 5.1292e-5  # 5 % of the largest blocks

    down_bps: int
    up_bps: int
    search_us: int  # until the cell is found again and its broadcast read
    access_us: int  # listening during random access and signalling, beside the signalling itself
    repetitions: int = 1
    idle: str = "psm"
    edrx_us: int = 20_480_000
    tail_us: int = 10_000_000  # inactivity timer of the network: 10 to 20 s
    active_us: int = 2_000_000  # T3324: still paged before power saving mode
    channel: Channel = CLEAR

    def __post_init__(self) -> None:
        low, high = self.edrx_range_us
        most, steps = max(self.most_repetitions), self.edrx_us / EDRX_STEP_US
        power = self.repetitions > 0 and self.repetitions & (self.repetitions - 1) == 0
        checks = [
            (
                power and self.repetitions <= most,
                "repetitions",
                f"expected a power of two up to {most}, got {self.repetitions}; coverage levels use such numbers",
            ),
            (self.idle in IDLES, "idle", f"expected one of {', '.join(IDLES)}, got {self.idle!r}"),
            (
                low <= self.edrx_us <= high and steps.is_integer() and int(steps) & (int(steps) - 1) == 0,
                "edrx",
                f"expected {low} us times a power of two up to {high} us, got {self.edrx_us} us",
            ),
            (min(self.down_bps, self.up_bps) > 0, "rate", "expected rates above 0; give bits per second"),
        ]
        if faults := [Fault(f"{self.name}.{where}", text) for good, where, text in checks if not good]:
            raise InputError(faults)

    @property
    def receiver(self) -> Receiver:
        """95 % of the reference channel's blocks arrive at the sensitivity, of which each doubling gains 3 dB."""
        gain_db = 3.0 * (self.repetitions.bit_length() - 1)
        return Receiver(sensitivity_dbm=self.sensitivity_dbm - gain_db, bit_errors=self.bit_errors)

    @property
    def standby(self) -> Standby | None:
        """In eDRX the modem finds its cell and hears one paging occasion in every cycle."""
        if self.idle == "psm":
            return None
        return Standby(period_us=self.edrx_us, receive_us=self.search_us + PAGING_US)

    def block_us(self, bits: int, *, up: bool) -> int:
        """Time of one transport block with its repetitions, in microseconds."""
        times = min(self.repetitions, self.most_repetitions[up])
        return times * bits * 1_000_000 // (self.up_bps if up else self.down_bps)

    def transfer(self, direction: Direction, payload_bytes: int, key: int, *, at_us: int = 0) -> Transfer:
        """One message over one connection, the tail included."""
        if payload_bytes < 0:
            raise ValueError(f"payload_bytes: expected 0 or more, got {payload_bytes}")
        return Connection(self, direction, key, at_us).run(payload_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class NbIotLink(CellularLink):
    """Cat-NB1: 26 kbit/s down, 62.5 kbit/s up with several tones (16.9 with one of 15 kHz)."""

    name: ClassVar[str] = "nbiot"
    sensitivity_dbm: ClassVar[float] = -108.2
    bit_errors: ClassVar[float] = 7.5428e-5
    block_bits: ClassVar[tuple[int, int]] = (680, 1000)
    most_repetitions: ClassVar[tuple[int, int]] = (2048, 128)
    edrx_range_us: ClassVar[tuple[int, int]] = (20_480_000, 10_485_760_000)

    down_bps: int = 26_000
    up_bps: int = 62_500
    search_us: int = 300_000  # modelled
    access_us: int = 500_000  # modelled


@dataclass(frozen=True, slots=True, kw_only=True)
class LteMLink(CellularLink):
    """Cat-M1, half duplex: 300 kbit/s down, 375 kbit/s up."""

    name: ClassVar[str] = "ltem"

    down_bps: int = 300_000
    up_bps: int = 375_000
    search_us: int = 100_000  # modelled
    access_us: int = 150_000  # modelled


class Connection(RadioClock):
    """One message while it is under way."""

    def __init__(self, link: CellularLink, direction: Direction, key: int, at_us: int) -> None:
        super().__init__(key=key, channel=link.channel, at_us=at_us)
        self.link = link
        self.up = direction is Direction.UP
        self.attempts = self.pdus = 0

    def run(self, payload_bytes: int) -> Transfer:
        """Page or wake, connect, move the message, wait the tail out."""
        if self.link.idle == "edrx" and not self.up:
            self.sleep_us += -self.at_us % self.link.edrx_us
            self.listen(PAGING_US)
        self.listen(self.link.search_us)
        connected = self._signal()
        delivered = connected and all(self._block(bits) for bits in self._blocks(payload_bytes))
        if connected:
            self._tail()
        return self.transfer(delivered=delivered, pdus=self.pdus, retransmissions=self.attempts - self.pdus)

    def _blocks(self, payload_bytes: int) -> list[int]:
        most = self.link.block_bits[self.up]
        full, rest = divmod(8 * payload_bytes, most)
        return [most] * full + ([rest] if rest or not full else [])

    def _signal(self) -> bool:
        self.listen(self.link.access_us)
        return self._through(SIGNAL_UP_BITS, up=True) and self._through(SIGNAL_DOWN_BITS, up=False)

    def _block(self, bits: int) -> bool:
        self.pdus += 1
        return self._through(bits, up=self.up, counted=True)

    def _through(self, bits: int, *, up: bool, counted: bool = False) -> bool:
        """One block until it is acknowledged; False when it was lost every time."""
        time_us = self.link.block_us(bits, up=up)
        for _try in range(TRIES):
            self.attempts += counted
            if self.send(time_us, bits) if up else self.hear(time_us, bits):
                return True
        return False

    def _tail(self) -> None:
        """Connected without data until the network lets go, then paged for the active time."""
        active_us = self.link.active_us if self.link.idle == "psm" else 0
        on_us = _open_us(self.link.tail_us, DRX_CYCLE_US, DRX_ON_US) + _open_us(active_us, PAGING_CYCLE_US, PAGING_US)
        self.listen(on_us)
        self.gap(self.link.tail_us + active_us - on_us)


def _open_us(time_us: int, cycle_us: int, on_us: int) -> int:
    """How long the receiver is open in a time that begins with an opening."""
    cycles, rest_us = divmod(time_us, cycle_us)
    return cycles * on_us + min(rest_us, on_us)
