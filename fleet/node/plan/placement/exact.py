"""The smallest arena, by branch and bound: limits between the bound and the best so far are asked for one by one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fleet.node.plan.placement.cells import Cells
from fleet.node.plan.placement.first_fit import ORDERS
from fleet.node.plan.placement.ground import Answer, Descent, Ground

PREFERENCES: Final = ("area", "life", "size")  # orders in which equally low blocks are tried
SHARE: Final = 4  # a single question takes at most this part of the nodes, but for the last one

Heard = Callable[[int, int], None]  # the peak and the least that is not excluded, in cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """bases: the best known. exhausted: nothing is below. nodes: partial placements looked at."""

    bases: list[int]
    exhausted: bool
    nodes: int


def exact(cells: Cells, bases: Sequence[int], nodes: int, heard: Heard | None = None) -> Found:
    """The best placement that so many nodes find, no higher than `bases`.

    First the bound itself is asked for, then the middle of what is open; what stays open without an answer is asked
    for last, just below the best, where the end of the search is a proof. heard: told after every question.
    """
    search = _Search(cells, list(bases), nodes)
    limit = cells.bound
    while search.least < search.peak and search.left > 0:
        search.ask(limit, max(nodes // SHARE, 1))
        if heard is not None:
            heard(search.peak, search.proved)
        limit = (search.least + search.peak - 1) // 2
    while search.ground.rectangles and search.proved < search.peak and search.left > 0:
        search.ask(search.peak - 1, search.left)
        if heard is not None:
            heard(search.peak, search.proved)
    return Found(bases=search.bases, exhausted=search.proved >= search.peak, nodes=nodes - search.left)


class _Search:
    """What is known. least: no limit below it is worth another question. proved: no placement is below it."""

    def __init__(self, cells: Cells, bases: list[int], nodes: int) -> None:
        self.cells, self.ground = cells, Ground(cells)
        self.orders = [ORDERS[name](cells) for name in PREFERENCES]
        self.bases, self.peak = bases, cells.peak(bases)
        self.least = self.proved = cells.bound
        self.left = nodes

    def ask(self, limit: int, nodes: int) -> None:
        """Looks for a placement that ends by `limit`."""
        dead: set[bytes] = set()
        for turn, order in enumerate(self.orders):
            share = min(nodes // (len(self.orders) - turn), self.left)
            descent = Descent(self.ground, limit, order, share, dead)
            answer = descent.run()
            nodes, self.left = nodes - descent.nodes, self.left - descent.nodes
            if answer is Answer.FOUND:
                self.bases, self.peak = descent.bases, self.cells.peak(descent.bases)
                return
            if answer is Answer.NONE:
                self.proved = limit + 1 if self.ground.rectangles else self.proved
                break
        self.least = limit + 1
