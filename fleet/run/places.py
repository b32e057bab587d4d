"""Which node has what: shards where nodes outnumber them, and the nodes that tables have a row for."""

from collections.abc import Sequence
from typing import Final

from fleet.scenario import FleetGroup
from fleet.scenario.names import LARGE

SAMPLED: Final = 200
"""Nodes of a large fleet that tables have rows for, over all groups."""


def watched_nodes(counts: Sequence[int], shards: int) -> Sequence[int]:
    """Numbers, ascending: all, or of more than LARGE the first nodes of each group by its share, one per shard."""
    total = sum(counts)
    if total <= LARGE:
        return range(total)
    starts = [sum(counts[:n]) for n in range(len(counts))]
    shown = set(range(min(shards, total)))
    for start, count in zip(starts, counts, strict=True):
        shown.update(range(start, start + min(count, -(-SAMPLED * count // total))))
    return sorted(shown)


def places_on(board: str, groups: Sequence[FleetGroup], shards: int) -> set[int]:
    """Numbers of the shards that nodes on a board have."""
    found: set[int] = set()
    start = 0
    for group in groups:
        if group.board == board:
            found.update(node % shards for node in range(start, start + min(group.count, shards)))
        start += group.count
    return found
