"""Better orders for first fit, by small changes to the one at hand.

Each round takes a block that reaches the peak and gives it the turn of, or an earlier turn than, a block that it
lives with. What is not worse is kept. After the hill climbing planner of Apache TVM's USMP
(src/tir/usmp/algo/hill_climb.cc), which swaps neighbours of the highest pool the same way.
"""

from collections.abc import Sequence
from typing import Final

from fleet.base import rng
from fleet.node.plan.placement.cells import Cells
from fleet.node.plan.placement.first_fit import UNPLACED, first_fit, lowest_free

SEED: Final = 0x5EED  # of every search: the same blocks get the same bases


def hill_climb(cells: Cells, order: Sequence[int], rounds: int, work: int, *, lane: int = 0) -> list[int]:
    """Bases no higher than first fit's in this order. work: conflicts to look at. lane: for draws of its own.

    Ends at the bound, or when the rounds or the work are done; a round's work is at most cells.pairs.
    """
    order = list(order)
    bases = first_fit(cells, order)
    peak, left, turn = cells.peak(bases), work, 0
    key = rng.key(SEED, lane)
    while peak > cells.bound and left > 0 and turn < rounds:
        changed, begin = _changed(cells, order, bases, peak, key, turn)
        found, cost = _again(cells, changed, begin, bases, peak)
        left, turn = left - cost - cells.count, turn + 1
        if found is not None:
            order, bases, peak = changed, found, cells.peak(found)
    return bases


def _changed(cells: Cells, order: list[int], bases: list[int], peak: int, key: int, turn: int) -> tuple[list[int], int]:
    """Another order, and its first turn that is not as before."""
    high = [i for i in order if bases[i] + cells.top[i] == peak]
    one = high[rng.below(key, 4 * turn, len(high))]
    others = sorted({j for j, _, _ in cells.conflicts[one]}) or [one]
    other = others[rng.below(key, 4 * turn + 1, len(others))]
    if rng.below(key, 4 * turn + 2, 3) == 0 and len(others) > 1:  # further away: another one's neighbour moves
        more = sorted({j for j, _, _ in cells.conflicts[other]})
        one, other = other, more[rng.below(key, 4 * turn + 3, len(more))]
    a, b = order.index(one), order.index(other)
    begin, end = min(a, b), max(a, b)
    changed = list(order)
    if rng.below(key, 4 * turn + 3, 2):
        changed[a], changed[b] = other, one
    else:
        changed.insert(begin, changed.pop(end))
    return changed, begin


def _again(cells: Cells, order: list[int], begin: int, bases: list[int], most: int) -> tuple[list[int] | None, int]:
    """First fit from turn `begin` on; None as soon as one ends above `most`. And the conflicts looked at."""
    found, cost = list(bases), 0
    for i in order[begin:]:
        found[i] = UNPLACED
    for i in order[begin:]:
        found[i] = lowest_free(cells, i, found)
        cost += len(cells.conflicts[i])
        if found[i] + cells.top[i] > most:
            return None, cost
    return found, cost
