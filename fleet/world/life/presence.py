"""When a node is in reach: it joins, is there for spells, and leaves for good."""

from dataclasses import dataclass
from typing import Final

from fleet.base import rng
from fleet.base.errors import Fault, InputError
from fleet.world.life.chance import exponential_us

NEVER: Final = -1
LONGEST: Final = 100_000  # spells that are looked through for the next one in reach

_SPELL, _JOIN, _STAY = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """How the nodes of a group come and go.

    share: of the spells, each drawn for itself, in which a node is in reach (worn, charged, door open), 0 to 1.
    spell_us: length of one; at a share s, a node stays in reach for spell_us / (1 - s) on average.
    joining_us: nodes join evenly over this time from the start; 0: all are there. stay_us: mean time from joining until
    a node leaves for good, drawn from an exponential distribution; 0: it never does.
    """

    share: float = 1.0
    spell_us: int = 3_600_000_000
    joining_us: int = 0
    stay_us: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InputError([Fault("life.available", f"expected above 0 and up to 1, got {self.share}; give a share")])
        if min(self.spell_us - 1, self.joining_us, self.stay_us) < 0:
            raise ValueError("expected times of 0 or more and spells above 0; a scenario is checked before")

    def joins_us(self, seed: int, node: int) -> int:
        """When a node comes into being."""
        return rng.draw32(self._key(seed, node, _JOIN), 0) * self.joining_us >> 32

    def leaves_us(self, seed: int, node: int) -> int:
        """When it leaves for good; NEVER if it does not."""
        if not self.stay_us:
            return NEVER
        return self.joins_us(seed, node) + exponential_us(self._key(seed, node, _STAY), 0, self.stay_us)

    def next_us(self, seed: int, node: int, time_us: int) -> int:
        """The first moment from time_us on at which a node is in reach; NEVER where it does not come any more."""
        leaves_us = self.leaves_us(seed, node)
        time_us = max(time_us, self.joins_us(seed, node))
        if self.share < 1:
            key, first = self._key(seed, node, _SPELL), time_us // self.spell_us
            below = round(self.share * 2**32)
            spells = range(first, first + LONGEST)
            spell = next((k for k in spells if rng.draw32(key, k) < below), None)
            if spell is None:
                return NEVER
            time_us = max(time_us, spell * self.spell_us)
        return NEVER if leaves_us != NEVER and time_us >= leaves_us else time_us

    @staticmethod
    def _key(seed: int, node: int, purpose: int) -> int:
        return rng.key(seed, rng.Stream.LIFE, node, purpose)
