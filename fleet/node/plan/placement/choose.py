"""One call for every planner: as good a placement as the effort allows, never worse than a cheaper one's."""

from collections.abc import Callable, Sequence
from typing import Final

from fleet.node.plan.placement.blocks import ALIGN, Block, Effort, Placement, check_blocks
from fleet.node.plan.placement.cells import Cells, cells_of
from fleet.node.plan.placement.first_fit import ORDERS, first_fit
from fleet.node.plan.placement.hill_climb import hill_climb

CLIMB: Final = {Effort.QUICK: (500, 2_000_000), Effort.SEARCH: (5_000, 20_000_000), Effort.PROVE: (5_000, 20_000_000)}

Progress = Callable[[str, int, int], None]  # what runs, the peak and the bound so far in bytes


def place_blocks(
    blocks: Sequence[Block], *, align: int = ALIGN, effort: Effort = Effort.QUICK, progress: Progress | None = None
) -> Placement:
    """A base for every block. InputError when they are no blocks.

    progress: told after each method what ran, and the peak and the bound in bytes.
    """
    check_blocks(blocks, align)
    cells = cells_of(blocks, align)
    bases, method, order = _greedy(cells)
    if cells.peak(bases) > cells.bound:
        climbed = hill_climb(cells, order, *CLIMB[effort])
        if cells.peak(climbed) < cells.peak(bases):
            bases, method = climbed, "hill climb"
    placement = cells.placement(bases, method)
    if progress is not None:
        progress(method, placement.peak_bytes, placement.bound_bytes)
    return placement


def _greedy(cells: Cells) -> tuple[list[int], str, list[int]]:
    """Bases of the best of a few orders, its name, and the order."""
    orders = {name: of(cells) for name, of in ORDERS.items()}
    tried = {name: first_fit(cells, order) for name, order in orders.items()}
    best = min(tried, key=lambda name: cells.peak(tried[name]))
    return tried[best], f"first fit by {best}", orders[best]
