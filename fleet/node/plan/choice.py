"""The tactics of a plan, chosen: the least fused ones that fit a budget, or those that need the least memory.

What lives at once is known before anything is placed (segments.py), but how well it can be placed is not: maps that
share bytes tie places together. So a few drafts are tried, each the least fused one below another ceiling, and the
smallest plan is kept.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from fleet.node.model.graph import Form, Graph
from fleet.node.model.recipe import Exponents, Gradients
from fleet.node.model.reference.backward import blocked_maps
from fleet.node.model.scheme import Scheme, layout_of
from fleet.node.plan.bottlenecks import bottlenecks
from fleet.node.plan.draft import Draft, draft_of, inference_draft
from fleet.node.plan.forward_order import order_of
from fleet.node.plan.lifetimes import fullest, loads, ties
from fleet.node.plan.placement import Effort, Placement, Progress
from fleet.node.plan.plan import Plan, arena_size, finished
from fleet.node.plan.rolling import Rolls
from fleet.node.plan.segments import Facts, Run, Runs, facts_of, least_fused, runs_of, smallest_peak
from fleet.node.plan.state import whole_state_size
from fleet.node.plan.tactics import LAYERWISE, Tactics

EASES: Final = (100, 98, 97, 95, 92, 88, 86, 85, 80, 70, 60)
"""Per cent of the peak that operators away from the peak may reach."""
MORE: Final = {Effort.GLANCE: 0, Effort.QUICK: 0, Effort.SEARCH: 2, Effort.PROVE: 3}
"""Drafts that are placed again with this effort."""
STATES: Final = 2_000  # sets of operators that the search for another order looks at from either end
GLANCES: Final = 6  # drafts that are looked at, those of the lowest bounds


def best_plan(
    graph: Graph,
    scheme: Scheme,
    *,
    budget_bytes: int | None = None,
    input_streamed: bool = True,
    effort: Effort = Effort.QUICK,
    progress: Progress | None = None,
    windows: Rolls | None = None,
) -> Plan:
    """The least fused plan whose trained state and arena take at most budget_bytes; without a budget, the smallest.

    Where none fits, the smallest: compare its bytes. A scheme that trains nothing gives a plan for inference. Static
    exponents whose shifts the recipe lacks are planned with shifts of 0, which take the same bytes. input_streamed: the
    input is read where it lies, unless it is float32, which may not lie anywhere. progress: told what placed, its arena
    and that arena's bound in bytes. windows: of this very graph, for many plans of it.
    """
    spaces = _spaces(graph, scheme, input_streamed, windows)
    trials = [_Trial(draft=spaces[0].draft(LAYERWISE), placement=None)]
    if budget_bytes is not None:
        if trials[0].total_bytes <= budget_bytes:
            return trials[0].plan
        found = [list(space.tried_below(budget_bytes)) for space in spaces]
        trials += [trial for tried in found for trial in tried]
        if fitting := [trial for trial in trials if trial.total_bytes <= budget_bytes]:
            return min(fitting, key=lambda trial: trial.departures).plan
    trials += [trial for space in spaces for trial in _looked_at(space.smallest)]
    trials.sort(key=lambda trial: trial.rank)
    again = [
        _tried(trial.draft, effort, progress)
        for trial in trials[: MORE[effort]]
        if trial.placement is not None and not trial.placement.proved
    ]
    return min((*again, *trials), key=lambda trial: trial.rank).plan


def smallest_size(graph: Graph, scheme: Scheme, windows: Rolls) -> int:
    """Bytes of trained state and arena of best_plan without a budget, whose bytes are not written."""
    spaces = _spaces(graph, scheme, True, windows)
    layerwise = _Trial(draft=spaces[0].draft(LAYERWISE), placement=None)
    looked_at = (trial for space in spaces for trial in _looked_at(space.smallest))
    return min(trial.total_bytes for trial in (layerwise, *looked_at))


def _spaces(graph: Graph, scheme: Scheme, input_streamed: bool, windows: Rolls | None) -> tuple["Space", ...]:
    """The drafts in the graph's order and, where another one holds less on whole maps, those in that one."""
    streamed = input_streamed and graph.input.form is not Form.FLOAT32
    space = Space(
        graph=graph, scheme=plannable(graph, scheme), input_streamed=streamed, windows=windows or Rolls(graph)
    )
    order = order_of(space.facts, states=STATES).calls
    return (space,) if order == tuple(range(len(order))) else (space, replace(space, order=order))


def _looked_at(drafts: Iterable[Draft]) -> list["_Trial"]:
    """A glance at drafts by their bounds, up to one that meets its own: none behind it can be smaller.

    Then a longer look at the one that came out smallest, if it may still be smaller.
    """
    trials: list[_Trial] = []
    for draft in sorted(drafts, key=lambda draft: fullest(draft.blocks)[0])[:GLANCES]:
        trials.append(_tried(draft, Effort.GLANCE))
        if trials[-1].meets_bound:
            break
    best = min(trials, key=lambda trial: trial.rank)
    return trials if best.meets_bound else [*trials, _tried(best.draft, Effort.QUICK)]


def plannable(graph: Graph, scheme: Scheme) -> Scheme:
    """The scheme with a shift for every map; those its recipe lacks are 0."""
    recipe = scheme.recipe
    if recipe.gradients is not Gradients.INT8 or recipe.exponents is not Exponents.STATIC:
        return scheme
    shifts = dict.fromkeys(blocked_maps(graph, scheme), 0) | dict(recipe.shifts)
    return replace(scheme, recipe=replace(recipe, shifts=tuple(sorted(shifts.items()))))


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """A draft with places; without a placement, greedy by size."""

    draft: Draft
    placement: Placement | None

    @cached_property
    def plan(self) -> Plan:
        return finished(self.draft, self.placement)

    @property
    def state_bytes(self) -> int:
        return whole_state_size(self.draft.layout, self.draft.scheme.recipe)

    @cached_property
    def total_bytes(self) -> int:
        """Trained state and arena."""
        return self.state_bytes + arena_size(self.draft.buffers(self.placement))

    @property
    def bound_bytes(self) -> int:
        """What no placement of the draft can be below, the state included."""
        return self.state_bytes + (self.placement.bound_bytes if self.placement is not None else 0)

    @property
    def meets_bound(self) -> bool:
        """Whether it is as small as that."""
        return self.total_bytes == self.bound_bytes

    @property
    def rank(self) -> tuple[int, ...]:
        """Smaller is better: bytes, then departures from layer by layer."""
        return self.total_bytes, *self.departures

    @property
    def departures(self) -> tuple[int, int, int, int]:
        """From layer by layer in the graph's order."""
        tactics = self.draft.tactics
        fused = sum(end - first for first, end in tactics.segments)
        return fused, len(tactics.over), len(tactics.by_channels), int(bool(tactics.order))


def _tried(draft: Draft, effort: Effort, progress: Progress | None = None) -> _Trial:
    return _Trial(draft=draft, placement=draft.placed(effort, progress))


@dataclass(frozen=True, kw_only=True)
class Space:
    """All drafts of a graph and a scheme that could be tried.

    input_streamed: the input takes no memory. windows: of the graph's operators row by row. order: as in Tactics.
    """

    graph: Graph
    scheme: Scheme
    input_streamed: bool
    windows: Rolls | None = None
    order: tuple[int, ...] = ()

    def draft(self, tactics: Tactics) -> Draft:
        if self.scheme.trained:
            return draft_of(self.graph, self.scheme, tactics)
        return inference_draft(self.graph, tactics)

    @cached_property
    def facts(self) -> Facts:
        facts = facts_of(self.graph, self.scheme, input_streamed=self.input_streamed, windows=self.windows)
        return facts.in_order(self.order) if self.order else facts

    @cached_property
    def runs(self) -> Runs:
        return runs_of(self.facts)

    @cached_property
    def forward_peak(self) -> int:
        """Bytes of the best cut of the forward pass, as segments.py counts them."""
        return smallest_peak(self.facts, self.runs)

    @cached_property
    def backward_peaks(self) -> dict[str, tuple[int, int]]:
        """Bytes while a bottleneck's way back runs, layer by layer and channel by channel, by its last layer."""
        blocks = bottlenecks(self.graph, self.scheme)
        ways = [self.draft(self.tactics((), by)) for by in (frozenset(), frozenset(b.project for b in blocks))]
        peaks = [_peaks(draft) for draft in ways]
        names = {b.project: (b.expand, b.depthwise, b.project) for b in blocks}
        least, most = ({p: max(peak.get(n, 0) for n in of) for p, of in names.items()} for peak in peaks)
        return {project: (least[project], most[project]) for project in names}

    @cached_property
    def peak(self) -> int:
        """Bytes that the smallest drafts are looked for around.

        Not a bound: ties, and what a run keeps only from its last operator on, can still save a few.
        """
        return max([self.forward_peak, *(min(ways) for ways in self.backward_peaks.values())])

    @property
    def smallest(self) -> Iterator[Draft]:
        """Drafts around the least peak."""
        return self.drafts((self.peak * ease // 100 for ease in EASES), self.peak)

    def below(self, arena_bytes: int) -> Iterator[Draft]:
        """The least fused drafts whose peak is below a budget by 0, 1, 2, 4, 8 ... per cent."""
        ceilings = [arena_bytes * (100 - part) // 100 for part in (0, 1, 2, 4, 8, 16)]
        for ceiling in (c for c in ceilings if c >= self.peak):
            yield from self.drafts([ceiling], ceiling)

    def tried_below(self, budget_bytes: int) -> Iterator[_Trial]:
        """The least fused drafts with places, up to the first that takes no more than the budget."""
        arena_bytes = budget_bytes - whole_state_size(layout_of(self.graph, self.scheme), self.scheme.recipe)
        for draft in self.below(arena_bytes):
            trial = _tried(draft, Effort.QUICK)
            yield trial
            if trial.total_bytes <= budget_bytes:
                return

    def drafts(self, eases: Iterable[int], peak: int) -> Iterator[Draft]:
        """The least fused drafts within a peak, each above another ease as little as it must (segments.py)."""
        seen: set[Tactics] = set()
        for ease in eases:
            runs = least_fused(self.facts, self.runs, peak, ease)
            by = frozenset(p for p, (whole, planes) in self.backward_peaks.items() if whole > max(ease, planes))
            tactics = self.tactics(runs, by)
            if tactics not in seen:
                seen.add(tactics)
                yield _tied(self.draft(tactics), ease)

    def tactics(self, runs: Sequence[Run], by_channels: frozenset[str]) -> Tactics:
        """Tactics of a cut."""
        return Tactics(
            order=self.order,
            segments=tuple((run.first, run.end) for run in runs if run.rows),
            over=tuple((self.facts.ops[run.end - 1].y, run.over) for run in runs if run.over),
            by_channels=by_channels,
            input_streamed=self.input_streamed,
            slices=True,
        )


def _tied(draft: Draft, ceiling_bytes: int) -> Draft:
    """The draft with those ties without which more than the ceiling would live in some step."""
    load, lying, found = loads(draft.blocks, len(draft.program.steps)), draft.lives.lying, []
    for y, x in ties(draft.program):
        first, last = max(lying[y].first, lying[x].first), min(lying[y].last, lying[x].last)
        if max(load[first : last + 1], default=0) > ceiling_bytes:
            found.append((y, x))
    return replace(draft, tactics=replace(draft.tactics, over=(*draft.tactics.over, *found)))


def _peaks(draft: Draft) -> dict[str, int]:
    """Bytes while the way back through each operator runs, by its name."""
    steps, found = draft.program.steps, dict[str, int]()
    for step, load in list(zip(steps, loads(draft.blocks, len(steps)), strict=True))[draft.program.loss :]:
        found[step.op] = max(found.get(step.op, 0), load)
    return found
