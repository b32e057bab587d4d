"""Blocks over several memories, none of which has to hold them all."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from fleet.base.errors import DoesNotFit, InputError
from fleet.node.plan.placement.blocks import ALIGN, Block, Effort, Placement, check_blocks
from fleet.node.plan.placement.cells import Cells, Int, cells_of
from fleet.node.plan.placement.choose import place_blocks
from fleet.node.plan.placement.first_fit import UNPLACED, lowest_free

MOST_SEARCHED: Final = 32  # blocks, above which divisions are too many to look at
MOST_NODES: Final = 20_000  # partial divisions that the exact search looks at
MOST_PLACED: Final = 100  # whole divisions whose banks it tries to place


def place_in_banks(
    blocks: Sequence[Block], banks: Mapping[str, int], *, align: int = ALIGN, effort: Effort = Effort.QUICK
) -> dict[str, Placement]:
    """A placement in every bank, empty ones included, so that each block lies in one of them.

    banks: bytes by name, the preferred ones first. Blocks that live with most others go first, each to the first bank
    with a gap for it, or with room once what it holds is placed anew. Where that fails, divisions are searched, by
    what lives at once in each bank, for few blocks. DoesNotFit when none is found; InputError for no bank, and as
    place_blocks.
    """
    check_blocks(blocks, align)
    if not banks:
        raise InputError.one("placement", "expected a bank, got none; name at least one with its bytes")
    split = _Split(blocks, banks, align, effort)
    parts = split.first_to_last() or split.searched()
    if parts is None:
        raise DoesNotFit(_arithmetic(split.cells, banks))
    return parts


def _arithmetic(cells: Cells, banks: Mapping[str, int]) -> str:
    needed, there = cells.bound * cells.align, sum(banks.values())
    listed = " + ".join(f"{name} {size:,} B" for name, size in banks.items())
    over = f"{needed - there:,} over" if needed > there else "enough together, but no division of the blocks was found"
    return (
        f"placement: expected room for {needed:,} B that live at once, got {listed} ({over}); "
        "free memory, or plan smaller buffers"
    )


class _Split:
    """Blocks and banks by number, rooms in cells. order: of the blocks, those that live with most others first."""

    def __init__(self, blocks: Sequence[Block], banks: Mapping[str, int], align: int, effort: Effort) -> None:
        self.blocks, self.names = blocks, list(banks)
        self.align, self.effort = align, effort
        self.room = [size // align for size in banks.values()]
        self.cells = cells_of(blocks, align)
        weight = self.cells.loads @ self.cells.load
        self.order = sorted(range(len(blocks)), key=lambda i: (-int(weight[i]), -self.cells.top[i], i))
        self.nodes = self.divisions = 0

    def first_to_last(self) -> dict[str, Placement] | None:
        """Each block in the first bank that takes it; None when none takes one."""
        bases = [[UNPLACED] * self.cells.count for _ in self.names]
        for i in self.order:
            banks = range(len(self.names))
            if not any(self._added(i, bank, bases[bank]) for bank in banks) and not any(
                self._moved(i, bank, bases[bank]) for bank in banks
            ):
                return None
        return {name: self._placement(of) for name, of in zip(self.names, bases, strict=True)}

    def _added(self, i: int, bank: int, bases: list[int]) -> bool:
        """Whether block i has a gap in the bank; then it is there."""
        base = lowest_free(self.cells, i, bases)
        if base + self.cells.top[i] > self.room[bank]:
            return False
        bases[i] = base
        return True

    def _moved(self, i: int, bank: int, bases: list[int]) -> bool:
        """Whether block i and what the bank holds can be placed there anew; then they are."""
        members = [j for j, base in enumerate(bases) if base != UNPLACED or j == i]
        placement = self._placed(members, bank)
        if placement is None:
            return False
        for j in members:
            bases[j] = placement.offsets[self.blocks[j].name] // self.align - self.cells.raised[j]
        return True

    def _placed(self, members: Sequence[int], bank: int) -> Placement | None:
        """A placement of these blocks in this bank; None when there is no room for it."""
        if int(self.cells.loads[members].sum(0).max(initial=0)) > self.room[bank]:
            return None
        placement = place_blocks([self.blocks[i] for i in members], align=self.align, effort=self.effort)
        return placement if placement.peak_bytes <= self.room[bank] * self.align else None

    def _placement(self, bases: Sequence[int]) -> Placement:
        members = [i for i, base in enumerate(bases) if base != UNPLACED]
        cells = cells_of([self.blocks[i] for i in members], self.align)
        return cells.placement([bases[i] for i in members], "first fit in banks")

    def searched(self) -> dict[str, Placement] | None:
        """The first division whose banks can all be placed, for few blocks; None when none is found."""
        if self.cells.count > MOST_SEARCHED:
            return None
        loads = np.zeros((len(self.names), len(self.cells.starts)), np.int64)
        return self._divided(0, [[] for _ in self.names], loads)

    def _divided(self, turn: int, members: list[list[int]], loads: Int) -> dict[str, Placement] | None:
        self.nodes += 1
        if self.nodes > MOST_NODES or self.divisions >= MOST_PLACED:
            return None
        if turn == self.cells.count:
            return self._division(members)
        i = self.order[turn]
        for bank in range(len(self.names)):
            after = loads[bank] + self.cells.loads[i]
            if int(after.max(initial=0)) > self.room[bank] or self._same_as_before(bank, members):
                continue
            others = loads.copy()
            others[bank] = after
            more = [[*of, i] if b == bank else of for b, of in enumerate(members)]
            if found := self._divided(turn + 1, more, others):
                return found
        return None

    def _same_as_before(self, bank: int, members: Sequence[Sequence[int]]) -> bool:
        """Whether the bank is empty like an earlier one of its size: what fits here was tried there."""
        return not members[bank] and any(not members[b] and self.room[b] == self.room[bank] for b in range(bank))

    def _division(self, members: Sequence[Sequence[int]]) -> dict[str, Placement] | None:
        self.divisions += 1
        found: dict[str, Placement] = {}
        for bank, name in enumerate(self.names):
            placement = self._placed(sorted(members[bank]), bank)
            if placement is None:
                return None
            found[name] = placement
        return found
