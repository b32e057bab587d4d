"""One block after the other, each at the lowest base that is free for its whole life."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from fleet.node.plan.placement.cells import Cells

UNPLACED: Final = -1

Order = list[int]  # numbers of all blocks


def first_fit(cells: Cells, order: Sequence[int]) -> list[int]:
    """Bases of all blocks when they are placed in this order."""
    bases = [UNPLACED] * cells.count
    for i in order:
        bases[i] = lowest_free(cells, i, bases)
    return bases


def lowest_free(cells: Cells, i: int, bases: Sequence[int]) -> int:
    """The least base of block i clear of every block that has one."""
    taken = [(bases[j] + low, bases[j] + high) for j, low, high in cells.conflicts[i] if bases[j] >= 0]
    taken.sort()
    base = 0
    for low, high in taken:
        if low >= base:
            break
        base = max(base, high)
    return base


def by_size(cells: Cells) -> Order:
    """Largest first; of equals the longer life."""
    return _sorted(cells, lambda o: (-o.size, -o.life, o.first))


def by_life(cells: Cells) -> Order:
    """Longest life first; of equals the larger."""
    return _sorted(cells, lambda o: (-o.life, -o.size, o.first))


def by_area(cells: Cells) -> Order:
    """Most cells times steps first."""
    return _sorted(cells, lambda o: (-o.size * o.life, -o.size, o.first))


def by_start(cells: Cells) -> Order:
    """Earliest first; of equals the larger."""
    return _sorted(cells, lambda o: (o.first, -o.size, -o.life))


def by_load(cells: Cells) -> Order:
    """Those that live at the fullest step first, then at the next fullest; of equals the larger."""
    return _sorted(cells, lambda o: (-o.load, -o.size, o.first))


ORDERS: Final[dict[str, Callable[[Cells], Order]]] = {
    "size": by_size,
    "life": by_life,
    "area": by_area,
    "start": by_start,
    "load": by_load,
}


class _Outline(NamedTuple):
    """A block roughly: cells from its base to its highest, steps of life, first step, load of its fullest step."""

    size: int
    life: int
    first: int
    load: int


def _sorted(cells: Cells, key: Callable[[_Outline], tuple[int, ...]]) -> Order:
    outlines = _outlines(cells)
    return sorted(range(cells.count), key=lambda i: (*key(outlines[i]), i))


def _outlines(cells: Cells) -> list[_Outline]:
    outlines = [_Outline(0, 0, 0, 0)] * cells.count
    begins = np.searchsorted(cells.starts, cells.first)
    ends = np.searchsorted(cells.starts, cells.last, "right")
    for i in np.unique(cells.owner).tolist():
        parts = np.nonzero(cells.owner == i)[0]
        first = int(cells.first[parts].min())
        load = int(cells.load[begins[parts].min() : ends[parts].max()].max())
        life = int(cells.last[parts].max()) - first + 1
        outlines[i] = _Outline(cells.top[i], life, first, load)
    return outlines
