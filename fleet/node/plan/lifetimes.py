"""When and where the buffers of a program live, as blocks to be placed.

A step is a moment. Within a group (ROWS, CHANNELS) every inner step is one, and the group goes round them again and
again: what outlives a round lives through the whole group, a window of rows or a plane of one channel only from the
inner step that makes it to the last that reads it. Buffers that take each other's bytes are one block.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fleet.node.model.graph import Graph
from fleet.node.plan.arena import aligned, lifetimes, sizes_of
from fleet.node.plan.placement import ALIGN, Block, Part
from fleet.node.plan.placement.cells import cells_of
from fleet.node.plan.rolling import Rolled, rolled
from fleet.node.plan.steps import Code, Program, Ref, Region, Step
from fleet.node.plan.tactics import Tactics

GROUPS: Final = (Code.ROWS, Code.CHANNELS)  # steps that run those behind them, and compute nothing themselves
INPUT_GRADIENTS: Final = (Code.GRAD_CONV, Code.GRAD_DEPTHWISE)
SLICE: Final = " slice"  # ends the name of a buffer that holds the first channels of a map
FLOW_ACC, FLOW_E = 2, 6  # words of fe_flow, behind a step's code and length


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Steps header + 1 to last run together, round by round."""

    code: Code
    header: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lying:
    """Where a buffer lies: delta bytes behind the base of its block, from step first to step last."""

    block: str
    delta: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Blocks to place, and where each buffer lies within them."""

    blocks: tuple[Block, ...]
    lying: Mapping[str, Lying]


def groups(program: Program) -> tuple[Group, ...]:
    """The groups of a program, in order."""
    return tuple(
        Group(code=step.code, header=i, last=i + int(step.fields[0]))  # type: ignore[arg-type]
        for i, step in enumerate(program.steps)
        if step.code in GROUPS
    )


def blocks_of(program: Program, graph: Graph, tactics: Tactics) -> Blocks:
    """The blocks of a program."""
    sizes, lives = sizes_of(program), lifetimes(program)
    parts: dict[str, tuple[Part, ...]] = {
        n: (Part(first=a, last=b, size_bytes=sizes[n]),) for n, (a, b) in lives.items()
    }
    behind: dict[tuple[str, str], int] = {}
    for group in groups(program):
        for name in _inside(program, group):
            lives[name] = _through(lives[name], group)
            parts[name] = (Part(first=lives[name][0], last=lives[name][1], size_bytes=sizes[name]),)
        if group.code is Code.ROWS:
            roll = _roll(program, graph, group, sizes)
            parts |= _windows(program, graph, group, roll)
            behind |= roll.behind
        else:
            parts |= _planes(program, group, lives, sizes)
    chains = _chains(tactics, lives, behind)
    return Blocks(blocks=_blocks(chains, parts), lying=chains)


def _inside(program: Program, group: Group) -> list[str]:
    """Buffers that a group touches."""
    steps = program.steps[group.header + 1 : group.last + 1]
    return list(dict.fromkeys(name for step in steps for name in step.buffers))


def _through(life: tuple[int, int], group: Group) -> tuple[int, int]:
    """A life that begins or ends within a group, as whole rounds."""
    first, last = life
    first = group.header + 1 if first > group.header else first
    return first, group.last if group.header < last <= group.last else last


# --- rows ------------------------------------------------------------------------------------------------------


def _roll(program: Program, graph: Graph, group: Group, sizes: Mapping[str, int]) -> Rolled:
    """What the row driver does with this group."""
    names = list(dict.fromkeys(step.op for step in program.steps[group.header + 1 : group.last + 1]))
    ops = [graph.op(name) for name in names]
    whole = frozenset(op.y for op in ops if sizes.get(op.y) == graph.tensor(op.y).size)
    roll = rolled(graph, ops, whole)
    assert roll is not None, f"{names[0]}: a group that its last operator does not need"
    return roll


def _windows(program: Program, graph: Graph, group: Group, roll: Rolled) -> dict[str, tuple[Part, ...]]:
    """Parts of the windows of a group: the rows held while each inner step runs."""
    steps = program.steps[group.header + 1 : group.last + 1]
    numbers = {name: i for i, name in enumerate(dict.fromkeys(step.op for step in steps))}
    found: dict[str, tuple[Part, ...]] = {}
    for name, held in roll.held.items():
        shape = graph.tensor(name).shape
        rows = [held[numbers[step.op]] for step in steps]
        found[name] = tuple(_runs(rows, shape[1] * shape[2], group.header + 1))
    return found


def _runs(rows: Sequence[int], row_bytes: int, start: int) -> Iterator[Part]:
    """Moments of equal size as one part."""
    first = 0
    for i in range(1, len(rows) + 1):
        if i == len(rows) or rows[i] != rows[first]:
            if rows[first]:
                yield Part(first=start + first, last=start + i - 1, size_bytes=rows[first] * row_bytes)
            first = i


# --- channels --------------------------------------------------------------------------------------------------


def _planes(
    program: Program, group: Group, lives: Mapping[str, tuple[int, int]], sizes: Mapping[str, int]
) -> dict[str, tuple[Part, ...]]:
    """Parts of what one round of a group makes and reads: from the first inner step that names it to the last."""
    start = group.header + 1
    steps = program.steps[start : group.last + 1]
    kept = {acc for acc, e in _sums(steps) if lives[e][1] > group.last}
    found: dict[str, tuple[Part, ...]] = {}
    for name in _inside(program, group):
        touched = [start + i for i, step in enumerate(steps) if name in step.buffers]
        if lives[name] == (start, group.last) and name not in kept:
            found[name] = (Part(first=touched[0], last=touched[-1], size_bytes=sizes[name]),)
    return found


def _sums(steps: Sequence[Step]) -> Iterator[tuple[str, str]]:
    """(acc, e) of the input gradients among some steps: where sums are made, and what becomes of them."""
    for step in steps:
        if step.code in INPUT_GRADIENTS:
            acc, e = step.fields[FLOW_ACC], step.fields[FLOW_E]
            if isinstance(acc, Ref) and isinstance(e, Ref) and acc.region is e.region is Region.ARENA:
                yield acc.name, e.name


# --- blocks ----------------------------------------------------------------------------------------------------


def _chains(
    tactics: Tactics,
    lives: Mapping[str, tuple[int, int]],
    behind: Mapping[tuple[str, str], int],
) -> dict[str, Lying]:
    """Every buffer's block. A later buffer joins the block of the one whose bytes it takes."""
    lying = {name: Lying(block=name, delta=0, first=a, last=b) for name, (a, b) in lives.items()}
    for y, x in tactics.over:
        if x in lying and y in lying:
            _join(lying, y, x, aligned(behind.get((x, y), 0)))
    return lying


def _join(lying: dict[str, Lying], y: str, x: str, behind: int) -> None:
    """y and all of its block into the block of x: y begins `behind` bytes before x."""
    target, own = lying[x], lying[y]
    if target.block == own.block:
        return
    shift = target.delta - behind - own.delta
    for name, at in lying.items():
        if at.block == own.block:
            lying[name] = replace(at, block=target.block, delta=at.delta + shift)


def ties(program: Program) -> tuple[tuple[str, str], ...]:
    """(y, x) of what may lie over what, by names of buffers, beside outputs over inputs.

    A slice over the map it is taken of, where nothing else needs that any more: a move runs upwards and never writes
    above what it reads. What a group of channels shifts to int8 over its sums: place by place upwards.
    """
    lives = lifetimes(program)
    return *_sliced(program, lives), *_summed(program)


def _sliced(program: Program, lives: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, str]]:
    inside = {i for group in groups(program) for i in range(group.header, group.last + 1)}
    for i, step in enumerate(program.steps):
        if step.code is not Code.MOVE or i in inside:
            continue
        x, y = (field for field in step.fields if isinstance(field, Ref))
        if x.region is y.region is Region.ARENA and y.name.endswith(SLICE) and lives[x.name][1] == i:
            yield y.name, x.name


def _summed(program: Program) -> Iterator[tuple[str, str]]:
    for group in groups(program):
        if group.code is Code.CHANNELS:
            steps = program.steps[group.header + 1 : group.last + 1]
            yield from ((e, acc) for acc, e in _sums(steps) if program.sizes[acc] >= 4 * program.sizes[e])


def _blocks(lying: Mapping[str, Lying], parts: Mapping[str, tuple[Part, ...]]) -> tuple[Block, ...]:
    """Blocks with a base of 0 and more, in the order of their first buffers."""
    found: dict[str, list[Part]] = {}
    for name, at in lying.items():
        found.setdefault(at.block, []).extend(replace(part, delta=at.delta) for part in parts[name])
    return tuple(Block(name=name, parts=tuple(of)) for name, of in found.items())


def loads(blocks: Sequence[Block], steps: int) -> list[int]:
    """Bytes that live in each of so many steps, or a few more.

    Of a step where nothing begins to live, those of the last one where something did: some of it may have ended.
    """
    cells = cells_of(blocks, ALIGN)
    at = np.searchsorted(cells.starts, np.arange(steps), "right") - 1
    return [int(load) * ALIGN for load in np.where(at < 0, 0, cells.load[at])]


def fullest(blocks: Sequence[Block]) -> tuple[int, int]:
    """Most bytes that live in one step, and the first step where they do: no placement can be smaller."""
    cells = cells_of(blocks, ALIGN)
    at = int(cells.load.argmax())
    return int(cells.load[at]) * ALIGN, int(cells.starts[at])
