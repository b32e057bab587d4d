"""One call for every planner: as good a placement as the effort allows, never worse than a cheaper one's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fleet.node.plan.placement.blocks import ALIGN, Block, Effort, Placement, check_blocks
from fleet.node.plan.placement.cells import cells_of
from fleet.node.plan.placement.exact import Search
from fleet.node.plan.placement.first_fit import ORDERS, first_fit
from fleet.node.plan.placement.hill_climb import hill_climb

Progress = Callable[[str, int, int], None]  # what ran, the peak, and what is proved to be the least, in bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """rounds: of the hill climb. work: its conflicts looked at. nodes: of the exact search.

    Without a round the search only asks for the bound, with all its nodes.
    """

    rounds: int
    work: int
    nodes: int


LIMITS: Final = {
    Effort.GLANCE: _Limits(rounds=0, work=0, nodes=5_000),
    Effort.QUICK: _Limits(rounds=200, work=500_000, nodes=10_000),
    Effort.SEARCH: _Limits(rounds=3_000, work=10_000_000, nodes=60_000),
    Effort.PROVE: _Limits(rounds=3_000, work=10_000_000, nodes=1_000_000),
}


def place_blocks(
    blocks: Sequence[Block], *, align: int = ALIGN, effort: Effort = Effort.QUICK, progress: Progress | None = None
) -> Placement:
    """A base for every block. InputError when they are no blocks.

    First fit in a few orders, the exact search for the bound, a hill climb from the best order, and the exact search
    for what lies between; each only while the peak is above the bound. progress: told after each of them, and after
    each question of the exact search.
    """
    check_blocks(blocks, align)
    cells, limits = cells_of(blocks, align), LIMITS[effort]

    def heard(method: str, peak: int, least: int) -> None:
        if progress is not None:
            progress(method, peak * align, least * align)

    search = Search(cells, limits.nodes, heard)
    orders = {name: of(cells) for name, of in ORDERS.items()}
    tried = {name: first_fit(cells, order) for name, order in orders.items()}
    best = min(tried, key=lambda name: cells.peak(tried[name]))
    search.offer(tried[best], f"first fit by {best}")
    search.ask_bound(whole=not limits.rounds)
    if limits.rounds and search.peak > search.proved:
        search.offer(hill_climb(cells, orders[best], limits.rounds, limits.work), "hill climb")
        search.narrow()
    found = search.found
    return cells.placement(found.bases, found.method, exhausted=found.exhausted)
