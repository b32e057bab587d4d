"""The smallest arena, by branch and bound: limits between the bound and the best so far are asked for one by one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fleet.node.plan.placement.cells import Cells
from fleet.node.plan.placement.first_fit import ORDERS
from fleet.node.plan.placement.ground import Answer, Descent, Ground

PREFERENCES: Final = ("area", "life", "size")  # orders in which equally low blocks are tried
SHARE: Final = 4  # a single question takes at most this part of the nodes, but for the last one

Heard = Callable[[str, int, int], None]  # what ran, the peak, and the least that is not excluded, in cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """bases: the best known. method: what found it. exhausted: nothing is below. nodes: partial placements seen."""

    bases: list[int]
    method: str
    exhausted: bool
    nodes: int


def exact(cells: Cells, bases: Sequence[int], nodes: int, heard: Heard | None = None) -> Found:
    """The best placement that so many nodes find, no higher than `bases`. heard: told after every question."""
    search = Search(cells, nodes, heard)
    search.offer(bases, "start")
    search.ask_bound()
    search.narrow()
    return search.found


class Search:
    """Questions with so many nodes for all of them.

    First the bound itself is asked for, then the middle of what is open; what stays open without an answer is asked
    for last, just below the best, where the end of the search is a proof.
    least: no limit below it is worth another question. proved: no placement is below it.
    """

    def __init__(self, cells: Cells, nodes: int, heard: Heard | None = None) -> None:
        self.cells, self.ground = cells, Ground(cells)
        self.orders = [ORDERS[name](cells) for name in PREFERENCES]
        self.bases = [sum(cells.top[:i]) for i in range(cells.count)]  # one above the other
        self.peak, self.method = sum(cells.top), "stack"
        self.least = self.proved = cells.bound
        self.nodes = self.left = nodes
        self.heard = heard

    @property
    def found(self) -> Found:
        """What is known now."""
        proved, used = self.proved >= self.peak, self.nodes - self.left
        return Found(bases=self.bases, method=self.method, exhausted=proved, nodes=used)

    def offer(self, bases: Sequence[int], method: str) -> None:
        """Another placement, kept if it is better."""
        if self.cells.peak(bases) < self.peak:
            self.bases, self.peak, self.method = list(bases), self.cells.peak(bases), method
        if self.heard is not None:
            self.heard(method, self.peak, self.proved)

    def ask_bound(self) -> None:
        """The first question."""
        if self.least < self.peak:
            self._ask(self.least, self.nodes // SHARE)

    def narrow(self) -> None:
        """The questions after it."""
        while self.least < self.peak and self.left > 0:
            self._ask((self.least + self.peak - 1) // 2, max(self.nodes // SHARE, 1))
        while self.ground.flat and self.proved < self.peak and self.left > 0:
            self._ask(self.peak - 1, self.left)

    def _ask(self, limit: int, nodes: int) -> None:
        """Looks for a placement that ends by `limit`."""
        answer, bases = self._answer(limit, nodes)
        if answer is not Answer.FOUND:
            self.least = limit + 1
        if answer is Answer.NONE and self.ground.flat:
            self.proved = limit + 1
        self.offer(bases, "exact")

    def _answer(self, limit: int, nodes: int) -> tuple[Answer, list[int]]:
        dead: set[bytes] = set()
        for turn, order in enumerate(self.orders):
            share = min(nodes // (len(self.orders) - turn), self.left)
            descent = Descent(self.ground, limit, order, share, dead)
            answer = descent.run()
            nodes, self.left = nodes - descent.nodes, self.left - descent.nodes
            if answer is not Answer.UNKNOWN:
                return answer, descent.bases if answer is Answer.FOUND else self.bases
        return Answer.UNKNOWN, self.bases
