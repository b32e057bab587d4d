"""What a channel is: it opens for each transfer, and then says of each packet in order whether it is lost."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Draw = Callable[[], int]  # the next 32-bit draw under the key of the transfer


class Losses(Protocol):
    """The channel during one transfer."""

    def lost(self, draw: Draw, at_us: int, bits: int, /) -> bool:
        """Whether a packet that begins now is not heard. at_us: since the start of the line. bits: its length."""
        ...


class Channel(Protocol):
    """The air between one node and its gateway."""

    def opened(self, draw: Draw, /) -> Losses:
        """The channel as a transfer finds it. A model that needs no chance for it takes no draw."""
        ...

    def share(self, bits: int, at_us: int = 0, /) -> float:
        """Part of all packets of this length that is lost, 0 to 1, in closed form. at_us: since the line's start."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """How well a radio hears: the bit error rate at a received power, in dBm, that its maker or standard names."""

    sensitivity_dbm: float
    bit_errors: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the channel of one node depends on beside the scenario's keys. scenario: its file, for relative paths."""

    node: int
    seed: int
    transmit_dbm: float
    receiver: Receiver
    scenario: Path | None = None
