"""Where a search begins: the exact best of a simpler question, in which memory adds up.

For each number of biases, each layer takes one share or none; what a share adds to the floor of memory is its weight,
its gain its value. What a plan takes above its floor is not known before it is made, so the room is corrected by it:
less where the answer does not fit, more where it leaves some.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from fleet.run.search.memory import Memory
from fleet.run.search.space import Genes, Space

ROUNDS: Final = 6  # corrections of the room, for each number of biases
CELLS: Final = 1 << 16  # of a table; beyond, weights are rounded up to more than a byte


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A way to take something. weight: 0 or more."""

    weight: int
    value: int


def best_choice(groups: Sequence[Sequence[Item]], room: int) -> tuple[int, ...]:
    """Of each group the index of the item taken, -1 for none, with the largest sum of values within the room.

    Exact while room is below CELLS; beyond, weights are rounded up, so that what is found still has room.
    """
    unit = 1 + room // CELLS
    cells = room // unit + 1
    best = np.zeros(cells, dtype=np.int64)
    taken = np.full((len(groups), cells), -1, dtype=np.int16)
    for number, group in enumerate(groups):
        before = best.copy()
        for index, item in enumerate(group):
            weight = -(-item.weight // unit)
            if item.value <= 0 or weight >= cells:
                continue
            with_it = before[: cells - weight] + item.value
            better = with_it > best[weight:]
            best[weight:][better] = with_it[better]
            taken[number, weight:][better] = index
    return _walk(groups, taken, unit)


def _walk(
    groups: Sequence[Sequence[Item]], taken: np.ndarray[tuple[int, int], np.dtype[np.int16]], unit: int
) -> tuple[int, ...]:
    chosen: list[int] = []
    at = taken.shape[1] - 1
    for number in reversed(range(len(groups))):
        index = int(taken[number, at])
        chosen.append(index)
        if index >= 0:
            at -= -(-groups[number][index].weight // unit)
    return tuple(reversed(chosen))


def beginnings(space: Space, memory: Memory, gain: Callable[[Genes], int]) -> list[Genes]:
    """For each number of biases that fits by itself, the best schemes found that fit."""
    found: list[Genes] = []
    for count in range(space.layers + 1):
        bare = space.biases(count)
        if memory.fits(bare):
            found += [bare, *_filled(space, memory, gain, bare)]
    return list(dict.fromkeys(found))


def _filled(space: Space, memory: Memory, gain: Callable[[Genes], int], bare: Genes) -> list[Genes]:
    """Schemes of these biases that fit, from a room that is corrected by what each plan takes."""
    options, groups = _groups(space, memory, gain, bare)
    room = memory.budget_bytes - memory.planned_bytes(bare)
    found: dict[Genes, bool] = {}
    for _ in range(ROUNDS):
        chosen = best_choice(groups, room)
        genes = bare
        for index, ways in zip(chosen, options, strict=True):
            genes = genes.with_share(*ways[index]) if index >= 0 else genes
        if genes in found:
            break
        left = memory.budget_bytes - memory.planned_bytes(genes)
        found[genes] = left >= 0
        room = max(0, room + left)
    return [genes for genes, fitted in found.items() if fitted]


def _groups(
    space: Space, memory: Memory, gain: Callable[[Genes], int], bare: Genes
) -> tuple[list[list[tuple[int, Fraction]]], list[list[Item]]]:
    """Of each layer whose bias trains: its shares, and as items what they add to the floor and to the gain."""
    options = [[(n, share) for share in space.options[n]] for n in range(space.layers - bare.biases, space.layers)]
    floor, value = memory.floor_bytes(bare), gain(bare)
    return options, [
        [
            Item(weight=memory.floor_bytes(one) - floor, value=gain(one) - value)
            for one in (bare.with_share(*w) for w in ways)
        ]
        for ways in options
    ]
