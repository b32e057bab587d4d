"""Blocks in cells of the alignment, and which differences of two bases are forbidden: all that a search reads.

A base is a whole number of cells. A part takes every cell that it touches, so that parts of different blocks
share no cell; for parts that begin at multiples of the alignment this loses nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.node.plan.placement.blocks import Block, Placement

Int = NDArray[np.int64]
Conflict = tuple[int, int, int]  # other, low, high: base - base of other is not strictly between low and high


@dataclass(frozen=True, slots=True)
class Cells:
    """A problem, prepared once. n blocks by number, in the order given; sizes and bases in cells of `align` bytes.

    owner, first, last, low, high: [parts] of each part its block, life and cells from the base, high exclusive.
    conflicts: of each block, in the order of the other's number. top: cells from the base to the block's highest end.
    raised: cells by which a block's base here lies below the given one, whose parts may have a negative delta; here
    none has, and a base may be 0. loads: [blocks, steps] cells of each block at each step that begins a life, of
    parts that overlap each cell once; starts: those steps; load: [steps] the sum.
    """

    names: tuple[str, ...]
    align: int
    owner: Int
    first: Int
    last: Int
    low: Int
    high: Int
    conflicts: tuple[tuple[Conflict, ...], ...]
    top: tuple[int, ...]
    raised: tuple[int, ...]
    starts: Int
    loads: Int
    load: Int

    @property
    def count(self) -> int:
        """Blocks."""
        return len(self.names)

    @property
    def bound(self) -> int:
        """The most cells that live in one step."""
        return int(self.load.max(initial=0))

    @property
    def pairs(self) -> int:
        """Conflicts, each counted from both sides: the work of placing every block once."""
        return sum(len(of) for of in self.conflicts)

    def peak(self, bases: Sequence[int]) -> int:
        """Cells of the arena."""
        return max((base + top for base, top in zip(bases, self.top, strict=True)), default=0)

    def placement(self, bases: Sequence[int], method: str, *, exhausted: bool = False) -> Placement:
        """Bases in cells as a Placement in bytes."""
        given = zip(self.names, bases, self.raised, strict=True)
        offsets: Mapping[str, int] = {name: (base + raised) * self.align for name, base, raised in given}
        peak, bound = self.peak(bases) * self.align, self.bound * self.align
        return Placement(offsets=offsets, peak_bytes=peak, bound_bytes=bound, method=method, exhausted=exhausted)


Row = tuple[int, int, int, int, int]  # of a part: owner, first, last, low, high


def cells_of(blocks: Sequence[Block], align: int) -> Cells:
    """The problem of these blocks, which `check_blocks` has passed. Parts of no byte take no cell."""
    raised = tuple(max([0, *(-(part.delta // align) for part in block.parts if part.size_bytes)]) for block in blocks)
    rows = [
        (i, part.first, part.last, part.delta // align + up, -(-(part.delta + part.size_bytes) // align) + up)
        for i, (block, up) in enumerate(zip(blocks, raised, strict=True))
        for part in block.parts
        if part.size_bytes
    ]
    return _prepared(tuple(block.name for block in blocks), align, rows, raised)


def loosened(cells: Cells) -> Cells:
    """The problem with every block that bridges others cut: its lowest parts stay together, the others go free.

    A placement of the blocks is one of the cut ones, so that what excludes a limit here excludes it there.
    """
    parts: dict[int, list[Row]] = {}
    columns = (cells.owner, cells.first, cells.last, cells.low, cells.high)
    for row in zip(*(column.tolist() for column in columns), strict=True):
        parts.setdefault(row[0], []).append(row)
    rows: list[Row] = []
    count = 0
    for of in parts.values():
        ground = min(row[3] for row in of)
        lowest = [row for row in of if row[3] == ground]
        rows += [(count, first, last, 0, high - low) for _, first, last, low, high in lowest]
        count += 1
        for first, last, thick in _cuts([row for row in of if row[3] > ground], lowest, cells.starts.tolist()):
            rows.append((count, first, last, 0, thick))
            count += 1
    return _prepared(tuple(str(i) for i in range(count)), cells.align, rows, (0,) * count)


def _cuts(parts: Sequence[Row], below: Sequence[Row], starts: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """First and last step and thickness of the thickest of the parts at each start where none of `below` lives."""
    begun: tuple[int, int, Row] | None = None
    for step in starts if parts else ():
        live = [] if _live(below, step) else _live(parts, step)
        best = max(live, key=lambda row: row[4] - row[3]) if live else None
        if begun is not None and best is not begun[2]:
            yield begun[0], begun[1], begun[2][4] - begun[2][3]
            begun = None
        if best is not None:
            begun = (begun[0] if begun else step, step, best)
    if begun is not None:
        yield begun[0], begun[1], begun[2][4] - begun[2][3]


def _live(parts: Sequence[Row], step: int) -> list[Row]:
    return [row for row in parts if row[1] <= step <= row[2]]


def _prepared(names: tuple[str, ...], align: int, rows: Sequence[Row], raised: tuple[int, ...]) -> Cells:
    table = np.array(rows, np.int64).reshape(-1, 5)
    owner, first, last, low, high = (np.ascontiguousarray(column) for column in table.T)
    starts = np.unique(first)
    loads = _loads(len(names), rows, starts)
    tops = [0] * len(names)
    for i, _, _, _, end in rows:
        tops[i] = max(tops[i], end)
    return Cells(
        names=names,
        align=align,
        owner=owner,
        first=first,
        last=last,
        low=low,
        high=high,
        conflicts=_conflicts(len(names), owner, first, last, low, high),
        top=tuple(tops),
        raised=raised,
        starts=starts,
        loads=loads,
        load=loads.sum(0),
    )


def _conflicts(n: int, owner: Int, first: Int, last: Int, low: Int, high: Int) -> tuple[tuple[Conflict, ...], ...]:
    """Part p of one block lives with q of another: the first base less the other is not between

    low_q - high_p (q ends above p) and high_q - low_p (p begins above q).
    """
    together = (first[:, None] <= last) & (first <= last[:, None]) & (owner[:, None] != owner)
    p, q = np.nonzero(together)
    between = np.stack([owner[p], owner[q], low[q] - high[p], high[q] - low[p]], axis=1)
    found: list[list[Conflict]] = [[] for _ in range(n)]
    for one, other, below, above in np.unique(between, axis=0).tolist():
        found[one].append((other, below, above))
    return tuple(tuple(of) for of in found)


def _loads(n: int, rows: Sequence[Row], starts: Int) -> Int:
    loads = np.zeros((n, len(starts)), np.int64)
    by_block: dict[int, list[tuple[int, int, int, int]]] = {}
    for i, first, last, low, high in rows:
        by_block.setdefault(i, []).append((first, last, low, high))
    for i, parts in by_block.items():
        begin = int(np.searchsorted(starts, min(part[0] for part in parts)))
        end = int(np.searchsorted(starts, max(part[1] for part in parts), "right"))
        if len(parts) == 1:
            loads[i, begin:end] = parts[0][3] - parts[0][2]
            continue
        for t in range(begin, end):
            step = int(starts[t])
            loads[i, t] = covered([(low, high) for first, last, low, high in parts if first <= step <= last])
    return loads


def covered(spans: Sequence[tuple[int, int]]) -> int:
    """Cells in at least one of the spans."""
    total, reach = 0, None
    for low, high in sorted(spans):
        begin = low if reach is None else max(low, reach)
        total += max(high - begin, 0)
        reach = max(high, begin)
    return total
