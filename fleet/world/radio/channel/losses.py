"""What a channel is: it opens for each transfer, and then says of each packet in order whether it is lost."""

from collections.abc import Callable
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
