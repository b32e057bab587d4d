"""Which SRAM bank each object of a firmware lies in.

All lie in the first bank while it holds them. Else whole objects leave it until the rest fits: the stack first, since
tightly coupled memory is its usual place, then the smallest, of equals by name, each for the next bank with room for
it. The arena stays: so what can leave does not depend on its size, and a smaller arena never needs more.
"""

from collections.abc import Iterator, Mapping
from typing import Final

ARENA: Final = "fe_arena"
STACK: Final = "fe_stack"


def banks_of(sizes: Mapping[str, int], rooms: Mapping[str, int]) -> dict[str, str]:
    """The bank of each object. sizes: bytes by symbol. rooms: bytes that an image may use, the first bank first.

    Where no division is found all are in the first bank, and `check_fit` says what is missing there.
    """
    first = next(iter(rooms))
    placed = dict.fromkeys(sizes, first)
    over = sum(sizes.values()) - rooms[first]
    for symbol, bank in _leaving(sizes, rooms):
        if over > 0:
            placed[symbol] = bank
            over -= sizes[symbol]
    return placed if over <= 0 else dict.fromkeys(sizes, first)


def arena_room(sizes: Mapping[str, int], rooms: Mapping[str, int]) -> int:
    """Bytes of the largest arena that fits beside these objects, below 0 where not even they do; as banks_of."""
    gone = sum(sizes[symbol] for symbol, _bank in _leaving(sizes, rooms))
    return next(iter(rooms.values())) - (sum(sizes.values()) - gone)


def _leaving(sizes: Mapping[str, int], rooms: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Objects that may leave the first bank, in order, each with where it goes."""
    _first, *others = rooms
    left = dict(rooms)
    for symbol in sorted(sizes.keys() - {ARENA}, key=lambda s: (s != STACK, sizes[s], s)):
        bank = next((bank for bank in others if sizes[symbol] <= left[bank]), None)
        if bank is not None:
            left[bank] -= sizes[symbol]
            yield symbol, bank
