"""How often nodes that talk at once find the channel taken, and how often their frames meet.

The table was counted in an event-by-event simulation of saturated senders, all in hearing of each other: frames of 127
octets, acknowledged, with unslotted CSMA/CA; `tests/world/radio/ieee802154/crowd.py`, 40,000 attempts a row. A test
counts again. Frames meet because a node that turns around no longer listens: two that begin 192 us apart or less.
"""

from dataclasses import dataclass
from typing import Final

PPM: Final = 1_000_000

# Of 1,000 first assessments of a frame, those that find the channel taken; of 1,000 later ones; of 1,000 frames on the
# air, those that meet another. From 2 senders on.
_CROWDED: Final = (
    (406, 712, 182), (618, 749, 302), (734, 784, 376), (797, 809, 452),  # from 2
    (839, 828, 509), (868, 842, 565), (884, 858, 597), (898, 866, 640),  # from 6
    (906, 875, 678), (919, 881, 709), (921, 888, 733), (925, 893, 756),  # from 10
    (931, 897, 788), (935, 901, 803), (933, 904, 820), (937, 906, 840),  # from 14
    (937, 910, 856), (939, 913, 865), (940, 916, 875),  # from 18
)  # fmt: skip
MOST: Final = len(_CROWDED) + 1  # more senders than this count as so many


@dataclass(frozen=True, slots=True, kw_only=True)
class Contention:
    """Chances in millionths: the channel is taken at the first and at a later assessment; a frame meets another."""

    first_ppm: int = 0
    later_ppm: int = 0
    meets_ppm: int = 0

    def beside(self, busy_ppm: int) -> "Contention":
        """The same where others, who are not counted, have the channel for a share of the time."""
        first, later = (busy_ppm + (PPM - busy_ppm) * ppm // PPM for ppm in (self.first_ppm, self.later_ppm))
        return Contention(first_ppm=first, later_ppm=later, meets_ppm=self.meets_ppm)


def contention(talking: int) -> Contention:
    """What each of so many senders meets, itself included in their number."""
    if talking < 2:
        return Contention()
    first, later, meets = _CROWDED[min(talking, MOST) - 2]
    return Contention(first_ppm=1000 * first, later_ppm=1000 * later, meets_ppm=1000 * meets)
