"""A schedule: which nodes run in each stage, what is kept between stages, what is paged; and what each moment holds."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property

from fleet.base.errors import CheckFailed
from fleet.node.plan.paging.problem import Problem


class Act(Enum):
    """What happens at a moment."""

    PAGE_OUT = "page out"
    PAGE_IN = "page in"
    RUN = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One act. name: the value that is paged or the node that runs. drops: values not needed behind it.

    takes: values that get memory for it. live_bytes: what is held while it happens, fixed bytes among it.
    """

    act: Act
    stage: int
    name: str
    takes: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()
    live_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Stage by stage: numbers of the nodes that run; names of the values kept from before, paged out, paged in.

    What is paged out is there when its stage begins; what is paged in can be read in the next stage. overlapped: it
    takes memory from the beginning of its stage, because the copy runs beside the nodes; else it comes after the
    last node. bound_j: no schedule of this problem under its limits needs less energy; equal to energy_j when proved.
    """

    problem: Problem
    runs: tuple[tuple[int, ...], ...]
    kept: tuple[frozenset[str], ...]
    outs: tuple[tuple[str, ...], ...]
    ins: tuple[tuple[str, ...], ...]
    overlapped: bool = True
    bound_j: float = 0.0

    @property
    def again(self) -> tuple[tuple[int, str], ...]:
        """(stage, node) of everything that runs once more."""
        first = self.problem.stage_of
        return tuple((s, self.problem.nodes[i].name) for s, run in enumerate(self.runs) for i in run if first[i] != s)

    @property
    def compute_j(self) -> float:
        """Energy of all nodes that run."""
        return sum(self.problem.nodes[i].energy_j for run in self.runs for i in run)

    @property
    def paging_j(self) -> float:
        """Energy of all paging."""
        value = self.problem.value
        outs = sum(value[name].out_j for stage in self.outs for name in stage)
        return outs + sum(value[name].in_j for stage in self.ins for name in stage)

    @property
    def energy_j(self) -> float:
        return self.compute_j + self.paging_j

    @property
    def gap(self) -> float:
        """How far the energy may be above the least, as a share of it; 0 when proved."""
        return max(0.0, self.energy_j - self.bound_j) / self.energy_j if self.energy_j else 0.0

    @property
    def time_s(self) -> float:
        """Of the nodes alone, as POET counts it."""
        return sum(self.problem.nodes[i].time_s for run in self.runs for i in run)

    @property
    def paged_bytes(self) -> int:
        """Bytes written to the secondary memory."""
        return sum(self.problem.value[name].size_bytes for stage in self.outs for name in stage)

    @property
    def peak_bytes(self) -> int:
        """Most bytes held at any moment."""
        return max(moment.live_bytes for moment in self.moments)

    @cached_property
    def moments(self) -> tuple[Moment, ...]:
        """Everything that happens, in order. Raises CheckFailed where something is read that is not there."""
        return tuple(_moments(self))


def store_all(problem: Problem) -> Schedule:
    """Every node once, every value kept for as long as somebody reads it."""
    runs = tuple(problem.own(s) for s in range(len(problem.ends)))
    kept = tuple(frozenset(_alive(problem, s)) for s in range(len(runs)))
    nothing = ((),) * len(runs)
    return Schedule(problem=problem, runs=runs, kept=kept, outs=nothing, ins=nothing, bound_j=problem.energy_j)


def _alive(problem: Problem, stage: int) -> Iterator[str]:
    """Values made before a stage and read in it or later."""
    for name, readers in problem.readers.items():
        if readers and problem.stage_of[problem.maker[name]] < stage <= problem.stage_of[readers[-1]]:
            yield name


# --- moments ---------------------------------------------------------------------------------------------------


def _moments(schedule: Schedule) -> Iterator[Moment]:
    held: set[str] = set()
    stored: set[str] = set()
    for stage in range(len(schedule.runs)):
        for moment in _of_stage(schedule, stage, held):
            wanted = _wanted(schedule.problem, moment)
            there = stored if moment.act is Act.PAGE_IN else held
            if missing := sorted(wanted - there):
                text = f"expected {', '.join(missing)} to be there, got nothing; the schedule is none of this problem"
                raise CheckFailed(f"stage {stage}, {moment.act.value} {moment.name}: {text}")
            if moment.act is Act.PAGE_OUT:
                stored.add(moment.name)
            held |= set(moment.takes)
            yield _counted(schedule.problem, moment, held)
            held -= set(moment.drops)


def _wanted(problem: Problem, moment: Moment) -> set[str]:
    """Values that an act begins with."""
    if moment.act is not Act.RUN:
        return {moment.name}
    return set(problem.node[moment.name].reads)


def _counted(problem: Problem, moment: Moment, held: set[str]) -> Moment:
    live = problem.fixed_bytes + sum(problem.value[name].size_bytes for name in held)
    return replace(moment, live_bytes=live)


def _of_stage(schedule: Schedule, stage: int, held: set[str]) -> Iterator[Moment]:
    """The moments of a stage; `held` changes while they are taken."""
    run, outs = schedule.runs[stage], schedule.outs[stage]
    later = schedule.kept[stage + 1] if stage + 1 < len(schedule.kept) else frozenset[str]()
    ins = [Moment(act=Act.PAGE_IN, stage=stage, name=name, takes=(name,)) for name in schedule.ins[stage]]
    for at, name in enumerate(outs):
        drops = _dead(schedule, held - set(outs[at + 1 :]), run, later)
        yield Moment(act=Act.PAGE_OUT, stage=stage, name=name, drops=drops)
    yield from ins if schedule.overlapped else ()
    for at, i in enumerate(run):
        node = schedule.problem.nodes[i]
        takes = tuple(name for name in node.makes if name not in held)
        drops = _dead(schedule, {*held, *takes}, run[at + 1 :], later)
        yield Moment(act=Act.RUN, stage=stage, name=node.name, takes=takes, drops=drops)
    yield from () if schedule.overlapped else ins


def _dead(schedule: Schedule, held: set[str], rest: tuple[int, ...], later: frozenset[str]) -> tuple[str, ...]:
    """Values that neither the rest of a stage nor a later one reads where they lie."""
    read = {name for i in rest for name in schedule.problem.nodes[i].reads}
    return tuple(sorted(name for name in held if name not in read and name not in later))
