"""One call for every planner: as good a placement as the effort allows, never worse than a cheaper one's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fleet.node.plan.placement.blocks import ALIGN, Block, Effort, Placement, check_blocks
from fleet.node.plan.placement.cells import Cells, cells_of
from fleet.node.plan.placement.exact import exact
from fleet.node.plan.placement.first_fit import ORDERS, first_fit
from fleet.node.plan.placement.hill_climb import hill_climb

Progress = Callable[[str, int, int], None]  # what ran, the peak, and what is proved to be the least, in bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """rounds: of the hill climb. work: its conflicts looked at. nodes: of the exact search."""

    rounds: int
    work: int
    nodes: int


LIMITS: Final = {
    Effort.QUICK: _Limits(rounds=300, work=1_000_000, nodes=3_000),
    Effort.SEARCH: _Limits(rounds=3_000, work=10_000_000, nodes=60_000),
    Effort.PROVE: _Limits(rounds=3_000, work=10_000_000, nodes=1_000_000),
}


def place_blocks(
    blocks: Sequence[Block], *, align: int = ALIGN, effort: Effort = Effort.QUICK, progress: Progress | None = None
) -> Placement:
    """A base for every block. InputError when they are no blocks.

    First fit in a few orders, a hill climb from the best of them, then the exact search; each only while the peak is
    above the bound. progress: told after each of them, and after each question of the last.
    """
    check_blocks(blocks, align)
    cells, limits = cells_of(blocks, align), LIMITS[effort]

    def heard(peak: int, least: int, method: str = "exact") -> None:
        if progress is not None:
            progress(method, peak * align, least * align)

    bases, method, order = _greedy(cells)
    heard(cells.peak(bases), cells.bound, method)
    if cells.peak(bases) > cells.bound:
        climbed = hill_climb(cells, order, limits.rounds, limits.work)
        if cells.peak(climbed) < cells.peak(bases):
            bases, method = climbed, "hill climb"
        heard(cells.peak(bases), cells.bound, method)
    found = exact(cells, bases, limits.nodes, heard)
    if cells.peak(found.bases) < cells.peak(bases):
        bases, method = found.bases, "exact"
    return cells.placement(bases, method, exhausted=found.exhausted)


def _greedy(cells: Cells) -> tuple[list[int], str, list[int]]:
    """Bases of the best of a few orders, its name, and the order."""
    orders = {name: of(cells) for name, of in ORDERS.items()}
    tried = {name: first_fit(cells, order) for name, order in orders.items()}
    best = min(tried, key=lambda name: cells.peak(tried[name]))
    return tried[best], f"first fit by {best}", orders[best]
