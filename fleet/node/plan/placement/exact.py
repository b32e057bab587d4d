"""The smallest arena, by branch and bound: limits between the bound and the best so far are asked for one by one.

Two ways lead to an answer. All blocks at once; and a core of them, placed by the same search, round which first fit
lays the others: what finds no place joins the core. A core that cannot lie below a limit excludes it for all blocks,
which is found much sooner.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fleet.node.plan.placement.cells import Cells, loosened
from fleet.node.plan.placement.first_fit import ORDERS, UNPLACED, lowest_free
from fleet.node.plan.placement.ground import Answer, Descent, Ground

PREFERENCES: Final = ("area", "life", "size")  # orders in which equally low blocks are tried
FIRST: Final = 2  # the first question takes at most this part of the nodes: the bound is mostly met
SHARE: Final = 4  # a later one takes at most this part of the nodes that are left, but for the last one
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

    First the bound is asked for, then the middle of what is open; what stays open without an answer is asked
    for last, just below the best.
    least: no limit below it is worth another question. proved: no placement is below it.
    """

    def __init__(self, cells: Cells, nodes: int, heard: Heard | None = None) -> None:
        self.cells = cells
        self.blocks = _Side(cells)
        self.proof = self.blocks if self.blocks.ground.flat else _Side(loosened(cells))
        self.bases = [sum(cells.top[:i]) for i in range(cells.count)]  # one above the other
        self.peak, self.method = sum(cells.top), "stack"
        self.least = self.proved = max(cells.bound, *cells.top, 0)
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

    def ask_bound(self, *, whole: bool = False) -> None:
        """The first question. whole: with all nodes."""
        if self.least < self.peak:
            self._ask(self.least, self.left if whole else max(self.left // FIRST, 1))

    def narrow(self) -> None:
        """The questions after it."""
        while self.least < self.peak and self.left > 0:
            self._ask((self.least + self.peak - 1) // 2, max(self.left // SHARE, 1))
        if self.proved < self.peak and self.left > 0:
            self._ask(self.peak - 1, self.left)

    def _ask(self, limit: int, nodes: int) -> None:
        """Looks for a placement that ends by `limit`, or for a proof that there is none."""
        answer, bases = self._run(self.blocks.grown, limit, nodes // 2)
        if answer is Answer.UNKNOWN:
            answer, bases = self._run(self.blocks.whole, limit, nodes // 4)
        if answer is not Answer.FOUND:
            self.least = limit + 1
            none = answer is Answer.NONE and self.blocks.ground.flat
            if none or (
                self.proof is not self.blocks and self._run(self.proof.grown, limit, nodes // 4)[0] is Answer.NONE
            ):
                self.proved = limit + 1
        self.offer(bases if answer is Answer.FOUND else self.bases, "exact")

    def _run(
        self, look: Callable[[int, int], tuple[Answer, list[int], int]], limit: int, nodes: int
    ) -> tuple[Answer, list[int]]:
        answer, bases, used = look(limit, min(nodes, self.left))
        self.left -= used
        return answer, bases


class _Side:
    """One problem and the two ways to look for an answer: (answer, bases, nodes used)."""

    def __init__(self, cells: Cells) -> None:
        self.cells, self.ground = cells, Ground(cells)
        self.orders = {name: of(cells) for name, of in ORDERS.items()}

    def whole(self, limit: int, nodes: int) -> tuple[Answer, list[int], int]:
        """All blocks at once, in a few orders of preference."""
        dead: set[bytes] = set()
        used = 0
        for turn, name in enumerate(PREFERENCES):
            share = (nodes - used) // (len(PREFERENCES) - turn)
            descent = Descent(self.ground, limit, self.orders[name], share, dead)
            answer = descent.run()
            used += descent.nodes
            if answer is not Answer.UNKNOWN:
                return answer, descent.bases, used
        return Answer.UNKNOWN, [], used

    def grown(self, limit: int, nodes: int) -> tuple[Answer, list[int], int]:
        """A core that grows by what first fit finds no place for round it."""
        core = set(self.orders["size"][:CORE])
        used = 0
        while True:
            order = [i for i in self.orders["area"] if i in core]
            descent = Descent(self.ground, limit, order, nodes - used, set())
            answer = descent.run()
            used += descent.nodes
            if answer is not Answer.FOUND:
                return answer, [], used
            bases, over = self._around(core, descent.bases, limit)
            if not over:
                return answer, bases, used
            core.update(over[:MORE])

    def _around(self, core: set[int], bases: Sequence[int], limit: int) -> tuple[list[int], list[int]]:
        """Bases of all blocks, those of the core as they are, and the others that end above the limit."""
        found = [base if i in core else UNPLACED for i, base in enumerate(bases)]
        over = []
        for i in self.orders["size"]:
            if i not in core:
                found[i] = lowest_free(self.cells, i, found)
                if found[i] + self.cells.top[i] > limit:
                    found[i] = UNPLACED
                    over.append(i)
        return found, over
