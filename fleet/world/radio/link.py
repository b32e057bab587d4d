"""What a radio tells the world about one transfer, whatever the radio is."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable


class Direction(StrEnum):
    """Which way the payload goes; the words of the table `traffic`."""

    UP = "up"  # node to server
    DOWN = "down"  # server to node

    @property
    def number(self) -> int:
        """The direction as a part of a random key. Part of the format: never change."""
        return 1 if self is Direction.UP else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One transfer as the node lives it, set-up included. The six times between airtime_us and quiet_us
    add up to elapsed_us."""

    delivered: bool  # False: the link was lost; the other figures say what was spent until then
    pdus: int  # packets that carry payload, each counted once
    retransmissions: int  # payload packets sent again
    airtime_us: int  # both sides' packets on the air, set-up and acknowledgements included
    transmit_us: int  # transmitter on
    receive_us: int  # receiver on
    idle_us: int  # radio awake between two packets
    control_us: int  # processor at work for the radio
    start_us: int  # oscillator starting
    sleep_us: int  # node asleep between two events of the link
    quiet_us: int = 0  # how long the node must not transmit once this is over: its duty cycle

    @property
    def elapsed_us(self) -> int:
        """Time from the node's first radio action to its last, in microseconds."""
        return self.transmit_us + self.receive_us + self.idle_us + self.control_us + self.start_us + self.sleep_us

    def since(self, earlier: "Transfer") -> "Transfer":
        """What came after an earlier state of the same transfer."""
        left = {name: getattr(self, name) - getattr(earlier, name) for name in _COUNTED}
        return Transfer(delivered=self.delivered, quiet_us=self.quiet_us, **left)


_TIMES: Final = ("airtime_us", "transmit_us", "receive_us", "idle_us", "control_us", "start_us", "sleep_us")
_COUNTED: Final = ("pdus", "retransmissions", *_TIMES)


class Link(Protocol):
    """A radio and its setting."""

    def transfer(self, direction: Direction, payload_bytes: int, key: int, *, at_us: int = 0) -> Transfer:
        """One transfer of a payload; losses are drawn under the key, so equal arguments give equal transfers.

        at_us: when it begins, since the start of the line; for channels and schedules that follow the time.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Standby:
    """What a radio does in every period while its node sleeps: a connection kept, beacons heard, paging awaited.

    Periods are counted from the start of the line. What is left of a period is sleep.
    """

    period_us: int
    transmit_us: int = 0
    receive_us: int = 0
    idle_us: int = 0
    control_us: int = 0
    start_us: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.awake_us <= self.period_us:
            text = f"expected some of every period of {self.period_us} us, got {self.awake_us} us awake"
            raise ValueError(f"standby: {text}; leave the standby out, or lengthen the period")

    @property
    def awake_us(self) -> int:
        """How long the radio is up in every period, in microseconds."""
        return self.transmit_us + self.receive_us + self.idle_us + self.control_us + self.start_us

    def over(self, since_us: int, until_us: int) -> Transfer:
        """All that was done between two moments, as a transfer that carries nothing.

        The periods whose start lies in between count whole, so that pieces of a sleep add up to the whole of it.
        """
        begun = -(-until_us // self.period_us) - -(-since_us // self.period_us)
        periods = min(begun, (until_us - since_us) // self.awake_us)
        return Transfer(
            delivered=True,
            pdus=0,
            retransmissions=0,
            airtime_us=0,
            transmit_us=periods * self.transmit_us,
            receive_us=periods * self.receive_us,
            idle_us=periods * self.idle_us,
            control_us=periods * self.control_us,
            start_us=periods * self.start_us,
            sleep_us=until_us - since_us - periods * self.awake_us,
        )


@runtime_checkable
class StandsBy(Protocol):
    """A link whose radio is not silent while its node sleeps."""

    @property
    def standby(self) -> Standby | None:
        """What it does then; None for nothing."""
        ...


class Session(Protocol):
    """A transfer in pieces, between which the world looks who else is on the air."""

    def step(self, talking: int) -> Transfer | None:
        """What the next piece takes while so many have something to send, this one included; None: it is over."""
        ...

    @property
    def total(self) -> Transfer:
        """The whole, once it is over."""
        ...


@runtime_checkable
class SharesAir(Protocol):
    """A link that listens before it talks."""

    def session(self, direction: Direction, payload_bytes: int, key: int, *, at_us: int = 0) -> Session:
        """The same transfer as `transfer` of the same arguments, piece by piece, where nobody else is on the air."""
        ...


@runtime_checkable
class SharesGateway(Protocol):
    """A link whose gateway divides its time between those that talk."""

    def among(self, talking: int) -> Link:
        """The same link while so many talk, itself included."""
        ...
