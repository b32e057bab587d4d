"""The smallest arena, by branch and bound: limits between the bound and the best so far are asked for one by one.

Two ways lead to an answer. All blocks at once; and a core of them, placed by the same search, round which first fit
lays the others: what finds no place joins the core. A core that cannot lie below a limit excludes it for all blocks,
which is found much sooner.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fleet.node.plan.placement.cells import Cells
from fleet.node.plan.placement.first_fit import ORDERS, UNPLACED, lowest_free
from fleet.node.plan.placement.ground import Answer, Descent, Ground

PREFERENCES: Final = ("area", "life", "size")  # orders in which equally low blocks are tried
SHARE: Final = 4  # a question takes at most this part of the nodes that are left, but for the last one
CORE: Final = 12  # blocks of the first core, the largest
MORE: Final = 2  # blocks that a core grows by

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
        self.orders = {name: of(cells) for name, of in ORDERS.items()}
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
        self._tell(method)

    def ask_bound(self) -> None:
        """The first question."""
        if self.least < self.peak:
            self._ask(self.least, max(self.left // SHARE, 1))

    def narrow(self) -> None:
        """The questions after it."""
        while self.least < self.peak and self.left > 0:
            self._ask((self.least + self.peak - 1) // 2, max(self.left // SHARE, 1))
        while self.ground.flat and self.proved < self.peak and self.left > 0:
            self._ask(self.peak - 1, self.left)

    def _ask(self, limit: int, nodes: int) -> None:
        """Looks for a placement that ends by `limit`, or for a proof that there is none."""
        answer = self._grow(limit, nodes // 2)
        if answer is Answer.UNKNOWN:
            answer = self._look(limit, nodes - nodes // 2)
        if answer is not Answer.FOUND:
            self.least = limit + 1
        if answer is Answer.NONE and self.ground.flat:
            self.proved = limit + 1
        self._tell("exact")

    def _look(self, limit: int, nodes: int) -> Answer:
        dead: set[bytes] = set()
        for turn, name in enumerate(PREFERENCES):
            descent = Descent(self.ground, limit, self.orders[name], nodes // (len(PREFERENCES) - turn), dead)
            answer = self._run(descent)
            nodes -= descent.nodes
            if answer is Answer.FOUND:
                self.offer(descent.bases, "exact")
            if answer is not Answer.UNKNOWN:
                return answer
        return Answer.UNKNOWN

    def _grow(self, limit: int, nodes: int) -> Answer:
        """What a growing core says."""
        core = set(self.orders["size"][:CORE])
        while True:
            descent = Descent(self.ground, limit, [i for i in self.orders["area"] if i in core], nodes, set())
            answer = self._run(descent)
            nodes -= descent.nodes
            if answer is not Answer.FOUND:
                return answer
            bases = [base if i in core else UNPLACED for i, base in enumerate(descent.bases)]
            over = []
            for i in self.orders["size"]:
                if i not in core:
                    bases[i] = lowest_free(self.cells, i, bases)
                if bases[i] + self.cells.top[i] > limit:
                    over.append(i)
                    bases[i] = UNPLACED
            if not over:
                self.offer(bases, "exact")
                return Answer.FOUND
            core.update(over[:MORE])

    def _run(self, descent: Descent) -> Answer:
        answer = descent.run()
        self.left -= descent.nodes
        return answer

    def _tell(self, method: str) -> None:
        if self.heard is not None:
            self.heard(method, self.peak, self.proved)
