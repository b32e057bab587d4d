"""Losses come in bursts: a two-state chain that moves with every packet.

Source: E. N. Gilbert, Bell System Technical Journal 39 (1960); E. O. Elliott, ibid. 42 (1963); the parametrisation is
that of Linux netem's `loss gemodel p r 1-h 1-k`. A packet is lost by the state it finds; then the state may change.
A transfer finds the chain in its long-run state: what happened in the transfer before is forgotten.
"""

from dataclasses import dataclass

from fleet.base.errors import Fault, InputError
from fleet.world.radio.channel.losses import Draw


@dataclass(frozen=True, slots=True, kw_only=True)
class GilbertElliott:
    """Chances, 0 to 1. to_bad: p, from good to bad with each packet; to_good: r, back.

    loss_bad: 1 - h, of a packet in the bad state; loss_good: 1 - k, in the good one.
    """

    to_bad: float
    to_good: float
    loss_bad: float = 1.0
    loss_good: float = 0.0

    def __post_init__(self) -> None:
        chances = {name: getattr(self, name) for name in ("to_bad", "to_good", "loss_bad", "loss_good")}
        faults = [
            Fault(f"link.{name}", f"expected 0 to 1, got {chance}; give the chance of it")
            for name, chance in chances.items()
            if not 0 <= chance <= 1
        ]
        if not faults and self.to_bad + self.to_good == 0:
            text = "expected to_bad or to_good above 0, got neither: the state never changes; take independent"
            faults = [Fault("link", text)]
        if faults:
            raise InputError(faults)

    @property
    def bad(self) -> float:
        """Share of packets that find the bad state: p / (p + r)."""
        return self.to_bad / (self.to_bad + self.to_good)

    @property
    def burst(self) -> float:
        """Mean number of packets in a row that find the bad state: 1 / r."""
        return 1 / self.to_good

    def share(self, _bits: int = 0, _at_us: int = 0, /) -> float:
        """Packets lost in the long run."""
        return self.bad * self.loss_bad + (1 - self.bad) * self.loss_good

    def opened(self, draw: Draw, /) -> "Chain":
        """The chain in its long-run state."""
        return Chain(self, bad=draw() < round(self.bad * 2**32))


class Chain:
    """The chain during one transfer: two draws for every packet."""

    __slots__ = ("bad", "model")

    def __init__(self, model: GilbertElliott, *, bad: bool) -> None:
        self.model = model
        self.bad = bad

    def lost(self, draw: Draw, _at_us: int, _bits: int, /) -> bool:
        """Whether a packet is lost; the state moves on."""
        model = self.model
        lost = draw() < round((model.loss_bad if self.bad else model.loss_good) * 2**32)
        if draw() < round((model.to_good if self.bad else model.to_bad) * 2**32):
            self.bad = not self.bad
        return lost
