"""Packets are lost independently of each other, of their length and of the time."""

from dataclasses import dataclass
from typing import Final

from fleet.base.errors import Fault, InputError
from fleet.world.radio.channel.losses import Draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Independent:
    """loss: share of packets lost, 0 to 1."""

    loss: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.loss <= 1:
            text = f"expected 0 to 1, got {self.loss}; give the share of packets lost"
            raise InputError([Fault("link.loss", text)])

    def opened(self, _draw: Draw, /) -> "Independent":
        """Itself: it remembers nothing."""
        return self

    def lost(self, draw: Draw, _at_us: int, _bits: int, /) -> bool:
        """A packet is lost when its 32-bit draw is below the share."""
        return draw() < round(self.loss * 2**32)

    def share(self, _bits: int, _at_us: int = 0, /) -> float:
        """The share itself."""
        return self.loss


CLEAR: Final = Independent()
