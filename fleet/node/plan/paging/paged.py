"""A plan for less memory than one operator after the other takes, at the least energy: `paged_plan(...)`."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fleet.base.errors import DoesNotFit
from fleet.node.model.graph import Graph
from fleet.node.model.scheme import Scheme
from fleet.node.plan.paging.energy import steps_to_wear_out
from fleet.node.plan.paging.passes import problem_of
from fleet.node.plan.paging.schedule import Schedule
from fleet.node.plan.paging.solve import Limits, best_schedule
from fleet.node.plan.paging.unroll import Unrolled, unrolled
from fleet.node.plan.placement import Effort
from fleet.node.plan.plan import Plan, plan_of
from fleet.node.profile import Profile

TRIES = 6  # budgets asked of the solver until what it keeps alive can also be placed


@dataclass(frozen=True, slots=True, kw_only=True)
class PagedPlan:
    """What the engine runs, why, and what it costs.

    plan: values, gradients and updates are those of the plan without paging. Its arena is the node's memory, then the
    page file. memory_bytes: of the node. wears_out: training steps after which a page file of file_bytes, rounded up
    to whole erase units, has used up the erase cycles of the board's flash; None where nothing is paged.
    """

    plan: Plan
    schedule: Schedule
    memory_bytes: int
    file_bytes: int
    wears_out: int | None

    @property
    def recomputed(self) -> tuple[str, ...]:
        """Operators that run more than once, as often as they do so, in order."""
        return tuple(node for _, node in self.schedule.again)

    @property
    def paged(self) -> tuple[tuple[str, int], ...]:
        """Buffers written to flash in each training step, with their bytes."""
        value = self.schedule.problem.value
        return tuple((name, value[name].size_bytes) for stage in self.schedule.outs for name in stage)

    @property
    def explained(self) -> str:
        """What it does, line by line, for people."""
        return "\n".join(_lines(self))


def paged_plan(
    graph: Graph, scheme: Scheme, profile: Profile, limits: Limits, *, effort: Effort = Effort.SEARCH
) -> PagedPlan:
    """The plan of least energy whose arena takes at most the budget of `limits`.

    Raises DoesNotFit for a budget below what any schedule takes, naming the least, and for one at which what lives at
    once fits and no place was found for it; InputError as plan_of and best_schedule.
    """
    plan = plan_of(graph, scheme)
    problem = problem_of(plan, profile)
    asked = limits
    for _ in range(TRIES):
        schedule = best_schedule(problem, asked)
        made = unrolled(plan, schedule, effort)
        above = made.memory_bytes - limits.budget_bytes
        if above <= 0:
            return _finished(schedule, made, profile)
        asked = replace(asked, budget_bytes=min(asked.budget_bytes, schedule.peak_bytes) - above)
    text = f"expected a place within {limits.budget_bytes} B, found one of {made.memory_bytes} B"
    raise DoesNotFit(f"memory budget: {text}; give that much or search longer")


def _finished(schedule: Schedule, made: Unrolled, profile: Profile) -> PagedPlan:
    unit = profile.flash.page_bytes
    file = -(-made.file_bytes // unit) * unit
    return PagedPlan(
        plan=made.plan, schedule=schedule, memory_bytes=made.memory_bytes, file_bytes=made.file_bytes,
        wears_out=steps_to_wear_out(profile, schedule.paged_bytes, file),
    )  # fmt: skip


def _lines(found: PagedPlan) -> Iterator[str]:
    schedule = found.schedule
    whole = schedule.problem.energy_j
    yield f"memory {found.memory_bytes} B, at most {schedule.peak_bytes} B alive at once"
    more = f"{100 * (schedule.energy_j / whole - 1):.1f} % more than without" if whole else "as without"
    yield f"energy {schedule.energy_j * 1e6:.1f} uJ a step, {more}; {_quality(schedule)}"
    yield f"computed again: {', '.join(found.recomputed) or 'nothing'}"
    yield f"paged: {', '.join(f'{name} ({size} B)' for name, size in found.paged) or 'nothing'}"
    if found.wears_out is not None:
        yield f"flash: {schedule.paged_bytes} B written a step, worn out after {found.wears_out} steps"


def _quality(schedule: Schedule) -> str:
    return "proved to be the least" if schedule.gap == 0 else f"the least is at most {100 * schedule.gap:.2f} % below"
