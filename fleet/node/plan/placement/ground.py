"""A search from the ground up: is there a placement that ends by so many cells?

Blocks are laid one on another, always as low as what lies below them allows. Every step has a floor, the end of what
lies there; a block's base is the least that clears the floors of its life. A branch ends where what is still to come
cannot lie between the floors and the limit in some step. Where every part begins at its block's base, blocks that
share a step lie in the order of their bases, so that the search may go upwards only (next bases never lower): any
placement can be pushed down and taken apart from the top. A search that comes to its end without an answer then
proves that there is none. A block with a part above its base may bridge others, so that then only an answer counts.
After Moffitt, "MiniMalloc: A Lightweight Memory Allocator for
Hardware-Accelerated Machine Learning", ASPLOS 2023, of which this is a plain version with a memory of dead ends.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from fleet.node.plan.placement.cells import Cells, Int

FAR: Final = 1 << 40  # above any cell
MOST_DEAD_ENDS: Final = 200_000


class Answer(Enum):
    """Whether a placement below a limit exists."""

    FOUND = "found"
    NONE = "none"
    UNKNOWN = "unknown"  # out of nodes


class Ground:
    """A problem as its steps see it.

    lo, hi: [blocks, steps] of each block the cells it takes from its base, lo FAR and hi -FAR where it takes none.
    span: of each block its steps, first and end. twin: of each block the one before it of the same shape and life,
    or -1. flat: whether every part begins at its block's base.
    """

    def __init__(self, cells: Cells) -> None:
        shape = (cells.count, len(cells.starts))
        self.cells = cells
        self.lo, self.hi = np.full(shape, FAR), np.full(shape, -FAR)
        begins = np.searchsorted(cells.starts, cells.first).tolist()
        ends = np.searchsorted(cells.starts, cells.last, "right").tolist()
        for p, i in enumerate(cells.owner.tolist()):
            columns = slice(begins[p], ends[p])
            self.lo[i, columns] = np.minimum(self.lo[i, columns], cells.low[p])
            self.hi[i, columns] = np.maximum(self.hi[i, columns], cells.high[p])
        live = self.hi > self.lo
        self.thick = np.where(live, self.hi - self.lo, 0)
        self.top = np.array(cells.top, np.int64)
        columns_of = [np.nonzero(row)[0] for row in live]
        self.span = [(int(of[0]), int(of[-1]) + 1) if of.size else (0, 0) for of in columns_of]
        self.flat = bool((cells.low == 0).all())
        self.twin = self._twins()

    def _twins(self) -> list[int]:
        before: dict[bytes, int] = {}
        found = []
        for i in range(self.cells.count):
            shape = self.lo[i].tobytes() + self.hi[i].tobytes()
            found.append(before.get(shape, -1))
            before[shape] = i
        return found

    def groups(self, blocks: Sequence[int]) -> Iterator[tuple[tuple[int, ...], int, int]]:
        """Blocks that share steps, directly or through others, and their steps, first and end."""
        members: list[int] = []
        begin = end = 0
        for i in sorted(blocks, key=self.span.__getitem__):
            if members and self.span[i][0] >= end:
                yield tuple(members), begin, end
                members = []
            if not members:
                begin = self.span[i][0]
            members.append(i)
            end = max(end, self.span[i][1])
        if members:
            yield tuple(members), begin, end


@dataclass(frozen=True, slots=True)
class _Goal:
    """Blocks still to be laid on these floors, at bases of at least `least`. asker: the branch that needs it."""

    blocks: tuple[int, ...]
    begin: int
    end: int
    floor: Int
    least: int
    asker: int


@dataclass(frozen=True, slots=True)
class _Branch:
    """A goal and what may be laid next for it: (base, block), best first. later: goals that wait meanwhile."""

    goal: _Goal
    state: bytes
    turns: Iterator[tuple[int, int]]
    later: tuple[_Goal, ...]


class Descent:
    """One search: the blocks of `order` below `limit`, preferred in this order.

    dead: states without an answer, shared by searches for one limit.
    """

    def __init__(self, ground: Ground, limit: int, order: Sequence[int], nodes: int, dead: set[bytes]) -> None:
        self.ground = ground
        self.limit = limit
        self.most = nodes
        self.nodes = 0
        self.dead = dead
        self.order = order
        self.bases = [0] * ground.cells.count
        self.rank = [0] * ground.cells.count
        for turn, i in enumerate(order):
            self.rank[i] = turn
        self._branches: list[_Branch] = []

    def run(self) -> Answer:
        """FOUND, with self.bases; NONE when every branch came to an end; UNKNOWN when out of nodes."""
        taking = [i for i in self.order if self.ground.span[i][1] > self.ground.span[i][0]]
        goals: tuple[_Goal, ...] | None = self._goals(taking, np.zeros(len(self.ground.cells.starts), np.int64), 0, -1)
        while goals:
            if self.nodes == self.most:
                return Answer.UNKNOWN
            self.nodes += 1
            goal, *rest = goals
            turns = self._turns(goal)
            if turns is None:
                goals = self._back(goal.asker)
            elif len(goal.blocks) == 1:
                self.bases[goal.blocks[0]] = turns[0][0]
                goals = tuple(rest)
            else:
                self._branches.append(_Branch(goal, self._state(goal), iter(turns), tuple(rest)))
                goals = self._back(len(self._branches) - 1)
        return Answer.NONE if goals is None else Answer.FOUND

    def _back(self, at: int) -> tuple[_Goal, ...] | None:
        """Goals after the next turn of the branch `at`, or of one below it when it has none; None at the ground."""
        while at >= 0:
            del self._branches[at + 1 :]
            branch = self._branches[at]
            goal = branch.goal
            for base, i in branch.turns:
                self.bases[i] = base
                begin, end = self.ground.span[i]
                floor = goal.floor.copy()
                floor[begin:end] = np.maximum(floor[begin:end], base + self.ground.hi[i, begin:end])
                return self._goals([j for j in goal.blocks if j != i], floor, base, at) + branch.later
            if len(self.dead) < MOST_DEAD_ENDS:
                self.dead.add(branch.state)
            at = goal.asker
        return None

    def _goals(self, blocks: Sequence[int], floor: Int, least: int, asker: int) -> tuple[_Goal, ...]:
        goals = [_Goal(group, begin, end, floor, least, asker) for group, begin, end in self.ground.groups(blocks)]
        return tuple(sorted(goals, key=lambda goal: len(goal.blocks)))

    def _state(self, goal: _Goal) -> bytes:
        """What decides whether a goal can be met."""
        least = goal.least if self.ground.flat else 0
        return repr((goal.blocks, least)).encode() + goal.floor[goal.begin : goal.end].tobytes()

    def _turns(self, goal: _Goal) -> list[tuple[int, int]] | None:
        """Bases and blocks that may be laid next, best first; None where the rest cannot lie below the limit.

        A block that leaves room below it for a whole other one is not next.
        """
        ground, ids, here = self.ground, np.array(goal.blocks), goal.floor[goal.begin : goal.end]
        low = ground.lo[ids, goal.begin : goal.end]
        base = np.maximum((here - low).max(1), goal.least if ground.flat else 0)
        top = base + ground.top[ids]
        if int(top.max()) > self.limit:
            return None
        lifted = np.maximum(here, (base[:, None] + low).min(0))  # what lies below the lowest of the rest stays empty
        ends = np.where(lifted < FAR // 2, lifted + ground.thick[ids, goal.begin : goal.end].sum(0), 0)
        if int(ends.max()) > self.limit or self._state(goal) in self.dead:
            return None
        waiting, first_top = set(goal.blocks), int(top.min())
        turns = [
            (b, self.rank[i], i)
            for b, i in zip(base.tolist(), goal.blocks, strict=True)
            if b < first_top and ground.twin[i] not in waiting
        ]
        return [(b, i) for b, _, i in sorted(turns)]
