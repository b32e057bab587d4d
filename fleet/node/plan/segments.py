"""Which operators of the forward pass run together row by row: exact over all cuts of the operators' order.

What lives while operators first to end - 1 run together depends on nothing but these two numbers, so that the
smallest peak over all ways to cut is a dynamic programme over ends. Counted: maps that somebody still reads, the
windows between the operators (rolling.py), what is kept for the way back, and its masks; all of these are charged
from the beginning of the run that makes them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Final

from fleet.node.model.graph import Add, Graph, Op, inputs, positions
from fleet.node.model.reference import tensors_with_gradient
from fleet.node.model.scheme import Scheme
from fleet.node.plan.arena import aligned
from fleet.node.plan.bottlenecks import one_each
from fleet.node.plan.floor import mask_bytes
from fleet.node.plan.rolling import Rolled, Rolls, can_roll, roots
from fleet.node.plan.steps import program
from fleet.node.plan.steps.passes import can_clip
from fleet.node.plan.steps.program import output_size, size_bytes
from fleet.node.plan.steps.rows import kept_maps

LONGEST: Final = 12  # operators of a run: three bottlenecks; longer runs hold more rows than they save maps


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Operators first to end - 1, together. live_bytes: the most that lives meanwhile.

    rows: whether they run row by row, which one alone may do as well. over: the input that the last one's output
    lies over, '' for none.
    """

    first: int
    end: int
    live_bytes: int
    rows: bool = False
    over: str = ""

    @property
    def effort(self) -> tuple[int, int, int]:
        """What a plan should have little of: operators within groups, groups, maps that share their bytes."""
        return (self.end - self.first) * self.rows, int(self.rows), int(bool(self.over))


Runs = Mapping[tuple[int, int], tuple[Run, ...]]  # by (first, end): the ways to run them, the least effort first


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What counting needs of a graph. Maps go by the name of the buffer they lie in.

    ops: the operators as they run. made: the operator that makes a map, -1 for an input. last: the last that reads
    it, the number of operators for what a caller reads. size, kept: bytes of the map, and what the way back reads of
    it. masks: bytes of the masks before each operator. rolls: which operators can run row by row. windows: of groups
    of them.
    """

    graph: Graph
    ops: tuple[Op, ...]
    made: Mapping[str, int]
    last: Mapping[str, int]
    size: Mapping[str, int]
    kept: Mapping[str, int]
    masks: tuple[int, ...]
    rolls: tuple[bool, ...]
    windows: Rolls

    def plane(self, name: str) -> int:
        """Bytes of one channel of a map."""
        shape = self.graph.tensor(name).shape
        return aligned(shape[0] * shape[1])

    def row(self, name: str) -> int:
        """Bytes of one row of a map."""
        shape = self.graph.tensor(name).shape
        return shape[1] * shape[2]

    @property
    def own_masks(self) -> tuple[int, ...]:
        """Bytes of the mask of each operator."""
        return tuple(after - before for before, after in pairwise(self.masks))

    def in_order(self, order: Sequence[int]) -> "Facts":
        """The same when the operators run in another order. order: numbers in ops."""
        ops, masks = tuple(self.ops[i] for i in order), self.own_masks
        made, last = _lives(self.graph, ops)
        return replace(
            self, ops=ops, made=made, last=last, masks=tuple(accumulate((masks[i] for i in order), initial=0)),
            rolls=tuple(self.rolls[i] for i in order),
        )  # fmt: skip


def facts_of(graph: Graph, scheme: Scheme, *, input_streamed: bool, windows: Rolls | None = None) -> Facts:
    """The facts of a graph under a scheme; of one that trains nothing, of inference. windows: of this very graph."""
    trains = bool(scheme.trained)
    needed = tensors_with_gradient(graph, scheme) if trains else set()
    masked = [op.y in needed and can_clip(op) for op in graph.ops]
    root = roots(graph)
    made, last = _lives(graph, graph.ops)
    size = {name: aligned(output_size(graph, name)) for name in made}
    streamed = graph.inputs[0] if input_streamed and size_bytes(graph.input) == graph.input.size else ""
    size |= {streamed: 0} if streamed else {}
    kept = _kept(graph, scheme, size) if trains else {}
    sizes = [aligned(mask_bytes(graph, op)) * there for op, there in zip(graph.ops, masked, strict=True)]
    return Facts(
        graph=graph, ops=graph.ops, made=made, last=last, size=size,
        kept={root[name]: min(count, size[root[name]]) for name, count in kept.items()},
        masks=tuple(accumulate(sizes, initial=0)),
        rolls=tuple(can_roll(graph, op, masked=there) for op, there in zip(graph.ops, masked, strict=True)),
        windows=windows or Rolls(graph),
    )  # fmt: skip


def _lives(graph: Graph, ops: Sequence[Op]) -> tuple[dict[str, int], dict[str, int]]:
    """When each map is made and last read, as Facts has it, if the operators run in this order."""
    root = roots(graph)
    made = {root[name]: -1 for name in graph.inputs}
    last = dict.fromkeys(made, 0)
    for t, op in enumerate(ops):
        made.setdefault(root[op.y], t)
        last.update({root[name]: t for name in inputs(op) if root[name] in made} | {root[op.y]: t})
    last.update({root[name]: len(ops) for name in graph.outputs if root[name] in made})
    return made, last


def _kept(graph: Graph, scheme: Scheme, size: Mapping[str, int]) -> dict[str, int]:
    """Bytes of what the way back's steps read of maps: all of it, or first channels."""
    maps = kept_maps(graph, scheme, program(graph, scheme), slices=True)
    slices = {name: aligned(positions(graph.tensor(name)) * count) for name, count in maps.slices.items()}
    return {name: size[name] for name in maps.whole if name in size} | slices


def runs_of(facts: Facts, *, longest: int = LONGEST, overlays: bool = True) -> Runs:
    """All runs of up to `longest` operators, each with its ways."""
    count = len(facts.ops)
    found: dict[tuple[int, int], tuple[Run, ...]] = {}
    for first in range(count):
        found[first, first + 1] = tuple(_single(facts, first, overlays=overlays))
        end = first + 2
        while end <= min(count, first + longest) and all(facts.rolls[first:end]):
            if ways := tuple(_together(facts, first, end, overlays=overlays)):
                found[first, end] = ways
            end += 1
    return found


def _single(facts: Facts, t: int, *, overlays: bool) -> Iterator[Run]:
    """One operator on whole maps, in place, or row by row behind its input."""
    base = _outside(facts, t, t + 1)
    yield Run(first=t, end=t + 1, live_bytes=base)
    op = facts.ops[t]
    if not overlays:
        return
    for x in _dying(facts, t, t + 1):
        if one_each(facts.graph, op):
            both = facts.size[x] + facts.size[op.y]
            larger = max(facts.size[x], facts.size[op.y]) + facts.plane(op.y)
            yield Run(first=t, end=t + 1, live_bytes=base - both + larger, over=x)
        if isinstance(op, Add) and facts.graph.tensor(x).size == facts.graph.tensor(op.y).size:  # or x is read again
            yield Run(first=t, end=t + 1, live_bytes=base - facts.size[x], over=x)
    if facts.rolls[t]:
        yield from (run for run in _together(facts, t, t + 1, overlays=True) if run.over)


def _together(facts: Facts, first: int, end: int, *, overlays: bool) -> Iterator[Run]:
    """A group, without and with its output over an input."""
    ops = facts.ops[first:end]
    y = ops[-1].y
    whole = frozenset(op.y for op in ops if facts.last[op.y] >= end or 0 < facts.size[op.y] == facts.kept.get(op.y))
    roll = facts.windows.of(ops, whole)
    if roll is None:
        return
    base = _outside(facts, first, end) + _windows(facts, roll, len(ops)) + _slices(facts, ops, whole)
    yield Run(first=first, end=end, live_bytes=base, rows=True)
    for x in _dying(facts, first, end) if overlays else ():
        both, behind = facts.size[x] + facts.size[y], aligned(roll.behind[x, y])
        over = max(behind + facts.size[x], facts.size[y])
        if over < both:
            yield Run(first=first, end=end, live_bytes=base - both + over, rows=True, over=x)


def _outside(facts: Facts, first: int, end: int) -> int:
    """Whole maps, what is kept of them and masks, while operators first to end - 1 run."""
    total = facts.masks[end]
    for name, made in facts.made.items():
        if made >= end:
            continue
        inner = made >= first and facts.last[name] < end and made < end - 1
        if inner:
            total += facts.size[name] if facts.size[name] == facts.kept.get(name) else 0
        else:
            total += facts.size[name] if facts.last[name] >= first else facts.kept.get(name, 0)
    return total


def _windows(facts: Facts, roll: Rolled, count: int) -> int:
    """Bytes of the windows while the operator runs at which they are fullest."""
    return max(
        sum(aligned(held[u] * facts.row(name)) for name, held in roll.held.items()) for u in range(count)
    )  # fmt: skip


def _slices(facts: Facts, ops: tuple[Op, ...], whole: frozenset[str]) -> int:
    """What is kept of maps that exist as windows only."""
    return sum(facts.kept.get(op.y, 0) for op in ops[:-1] if op.y not in whole)


def _dying(facts: Facts, first: int, end: int) -> Iterator[str]:
    """Whole maps that nobody needs behind operator end - 1, not even in part."""
    for name, made in facts.made.items():
        if made < first <= facts.last[name] < end and facts.size[name] and not facts.kept.get(name):
            yield name


def smallest_peak(facts: Facts, runs: Runs) -> int:
    """The least peak over all ways to cut the operators into runs."""
    best = [0] * (len(facts.ops) + 1)
    for end in range(1, len(best)):
        best[end] = min(
            max(best[first], min(run.live_bytes for run in runs[first, end]))
            for first in range(max(0, end - LONGEST), end)
            if (first, end) in runs
        )
    return best[-1]


def least_fused(facts: Facts, runs: Runs, ceiling_bytes: int, ease_bytes: int | None = None) -> tuple[Run, ...]:
    """The cut with the fewest operators within groups, then groups, then shared maps, all runs within the ceiling.

    What cannot be brought below the ceiling takes the way that needs least. ease_bytes: below the ceiling, runs
    should also stay below this, by as little as they must exceed it, so that places are easier to find.
    """
    ease = ceiling_bytes if ease_bytes is None else ease_bytes
    costs: list[tuple[int, ...]] = [(0,) * 5]
    ends: list[Run | None] = [None]
    for end in range(1, len(facts.ops) + 1):
        ways = []
        for first in range(max(0, end - LONGEST), end):
            before = costs[first]
            for run in runs.get((first, end), ()):
                excess = max(before[0], run.live_bytes - ceiling_bytes)
                added = (max(0, run.live_bytes - ease), *run.effort)
                ways.append(((excess, *(a + b for a, b in zip(before[1:], added, strict=True))), run))
        cost, best = min(ways, key=lambda way: (way[0], way[1].first))
        costs.append(cost)
        ends.append(best)
    return tuple(_walk(ends))


def _walk(ends: list[Run | None]) -> list[Run]:
    found: list[Run] = []
    end = len(ends) - 1
    while (run := ends[end]) is not None:
        found.append(run)
        end = run.first
    return found[::-1]
