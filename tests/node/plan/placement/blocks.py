"""Blocks for tests: drawn ones, and the question whether a placement of them can be run."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from fleet.node.plan.placement import Block, Part, Placement

MOST_STEP = 12


@st.composite
def parts(draw: st.DrawFn) -> Part:
    first = draw(st.integers(0, MOST_STEP))
    last = draw(st.integers(first, MOST_STEP + 3))
    return Part(
        first=first, last=last, size_bytes=draw(st.integers(0, 60)), delta=draw(st.sampled_from([0, 0, 4, 7, 20, -8]))
    )


def simple(first: int, last: int, size_bytes: int, name: str) -> Block:
    """A block of one part at its base."""
    return Block(name=name, parts=(Part(first=first, last=last, size_bytes=size_bytes),))


def staircases(most: int = 12) -> st.SearchStrategy[list[Block]]:
    """Blocks of one to three parts, overlapping or not."""
    shapes = st.lists(st.lists(parts(), min_size=1, max_size=3), max_size=most)
    return shapes.map(lambda all_: [Block(name=f"b{i}", parts=tuple(of)) for i, of in enumerate(all_)])


def flat_staircases(most: int) -> st.SearchStrategy[list[Block]]:
    """Blocks of one to three parts, all at the base."""
    return staircases(most).map(
        lambda blocks: [replace(b, parts=tuple(replace(part, delta=0) for part in b.parts)) for b in blocks]
    )


def rectangles(most: int = 12) -> st.SearchStrategy[list[Block]]:
    """Blocks of one part at their base."""
    lives = st.tuples(st.integers(0, MOST_STEP), st.integers(0, 6), st.integers(1, 60))
    return st.lists(lives, max_size=most).map(
        lambda all_: [simple(first, first + more, size, f"b{i}") for i, (first, more, size) in enumerate(all_)]
    )


def clashes(blocks: Sequence[Block], placement: Placement) -> list[tuple[str, str, int]]:
    """Pairs of blocks that hold the same byte in the same step, and the step: byte by byte, from the definition."""
    holder: dict[tuple[int, int], str] = {}
    held = [
        ((step, placement.offsets[block.name] + part.delta + byte), block.name)
        for block in blocks
        for part in block.parts
        for step in range(part.first, part.last + 1)
        for byte in range(part.size_bytes)
    ]
    return [(holder[at], name, at[0]) for at, name in held if holder.setdefault(at, name) != name]


def highest(blocks: Sequence[Block], placement: Placement) -> int:
    """Bytes from 0 to the end of the highest part."""
    return max(
        (placement.offsets[b.name] + p.delta + p.size_bytes for b in blocks for p in b.parts if p.size_bytes), default=0
    )


def lowest(blocks: Sequence[Block], placement: Placement) -> int:
    """Where the lowest part begins."""
    return min((placement.offsets[b.name] + p.delta for b in blocks for p in b.parts if p.size_bytes), default=0)


def live_bytes(blocks: Sequence[Block]) -> int:
    """The most bytes that any step holds; of one block each byte once."""
    steps = {part.first for block in blocks for part in block.parts}
    return max((sum(len(_held(block, step)) for block in blocks) for step in steps), default=0)


def _held(block: Block, step: int) -> set[int]:
    return {
        byte
        for part in block.parts
        if part.first <= step <= part.last
        for byte in range(part.delta, part.delta + part.size_bytes)
    }
