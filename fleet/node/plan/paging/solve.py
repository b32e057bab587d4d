"""The schedule of least energy under a budget of memory: POET's integer programme, through HiGHS.

Variables of POET (Patil et al., ICML 2022, section 4; read in ShishirPatil/poet): run R, held at the beginning of a
stage S, stored D, paged in and out, freed F, bytes U. Three departures. F is continuous, since its bounds are whole
where R and S are. What is paged in is charged in the stage in which it is copied (`strict_pagein`), which the
published programme leaves out. Nodes and values that can make no difference in a stage have no variable there.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import gcd

from fleet.base.errors import CheckFailed, DoesNotFit, InputError
from fleet.node.plan.paging.problem import Problem
from fleet.node.plan.paging.rows import ONE, ZERO, Answer, Expr, Rows, const, total
from fleet.node.plan.paging.schedule import Schedule, store_all

SCALED = 1000.0  # what the energy of every node once becomes: HiGHS compares with tolerances of 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a schedule may do. budget_bytes: of memory, fixed bytes among it.

    slowdown: time of all nodes that run, over that of each once; None: any. As in POET, paging takes no time.
    remat, paging: whether these are allowed. strict_pagein: a page-in takes memory from the beginning of its stage on.
    nodes: of the branch and bound. There is no limit of time: the same problem has the same answer everywhere.
    """

    budget_bytes: int
    slowdown: float | None = None
    remat: bool = True
    paging: bool = True
    strict_pagein: bool = True
    nodes: int = 20_000


def best_schedule(problem: Problem, limits: Limits) -> Schedule:
    """The schedule of least energy; its gap is 0 unless the branch and bound ran out of nodes.

    Raises DoesNotFit for a budget in which nothing runs, with the least that would do, and InputError where the
    nodes ran out before any schedule was found.
    """
    simple = store_all(problem)
    if simple.peak_bytes <= limits.budget_bytes and (limits.slowdown is None or limits.slowdown >= 1):
        return replace(simple, overlapped=limits.strict_pagein)
    floor = problem.floor_bytes
    programme = _Programme(problem, replace(limits, budget_bytes=max(floor, limits.budget_bytes)))
    answer = programme.solved() if limits.budget_bytes >= floor else None
    if answer is None or answer.infeasible:
        least = least_bytes(problem, limits)
        text = f"expected at least {least} B, got {limits.budget_bytes} B" if least else _too_slow(limits)
        raise DoesNotFit(f"memory budget: {text}; {_more(limits)}")
    if answer.values is None:
        text = f"expected a schedule within {limits.nodes} nodes of the search, got none"
        raise InputError.one("paging", f"{text}; allow more nodes or a larger budget")
    return checked(programme.schedule(answer), limits)


def least_bytes(problem: Problem, limits: Limits) -> int:
    """The least budget under which a schedule exists, whatever its energy; 0 where none does, whatever the budget.

    Proved unless the nodes of the search run out; then a budget that does, if not the least.
    """
    most = store_all(problem).peak_bytes
    programme = _Programme(problem, replace(limits, budget_bytes=most), least=True)
    answer = programme.solved()
    return programme.schedule(answer).peak_bytes if answer.values is not None else 0


def checked(schedule: Schedule, limits: Limits) -> Schedule:
    """The schedule, if a replay of its moments keeps to the limits. Raises CheckFailed if not: the solver's fault."""
    if schedule.peak_bytes > limits.budget_bytes:
        raise CheckFailed(f"schedule: expected at most {limits.budget_bytes} B, got {schedule.peak_bytes} B; report it")
    most = limits.slowdown and limits.slowdown * schedule.problem.time_s
    if most and schedule.time_s > most * (1 + 1e-9):
        raise CheckFailed(f"schedule: expected at most {most} s, got {schedule.time_s} s; report it")
    return schedule


def _too_slow(limits: Limits) -> str:
    return f"expected a slowdown in which every node runs once, got {limits.slowdown}"


def _more(limits: Limits) -> str:
    off = [name for name, on in (("remat", limits.remat), ("paging", limits.paging)) if not on]
    return f"give more memory{' or allow ' + ' and '.join(off) if off else ' or a smaller network'}"


Cell = tuple[int, int]  # stage, node
Held = tuple[int, str]  # stage, value


class _Programme:
    """The rows of one problem under its limits. least: minimises the budget, not the energy."""

    def __init__(self, problem: Problem, limits: Limits, *, least: bool = False) -> None:
        self.problem, self.limits, self.rows = problem, limits, Rows()
        self.stages = range(len(problem.ends))
        self.unit = gcd(*(v.size_bytes for v in problem.values if v.size_bytes), problem.fixed_bytes) or 1
        self.runs = [problem.runs_in(s) if limits.remat else problem.own(s) for s in self.stages]
        self.run = self._run_variables()
        self.held = self._held_variables(lambda _: True, 0)
        paged = self._pageable if limits.paging else (lambda _: False)
        self.stored = self._held_variables(paged, 1)
        self.outs = {at: self.rows.binary() for at in self._held_variables(paged, 0, make=False)}
        self.ins = {at: self.rows.binary() for at in self.stored if (at[0] + 1, at[1]) in self.held}
        room = (limits.budget_bytes if not least else store_all(problem).peak_bytes) / self.unit
        self.budget = self.rows.number(problem.floor_bytes / self.unit, room) if least else const(room)
        self.least = least
        self._order()
        self._paging()
        self._memory()
        self._deadline()

    def solved(self) -> Answer:
        """The best values of all variables."""
        problem = self.problem
        if self.least:
            return self.rows.solved(self.budget, nodes=self.limits.nodes)
        factor = SCALED / problem.energy_j if problem.energy_j else 1.0
        costs = [(factor * problem.nodes[i].energy_j, expr) for (_, i), expr in self.run.items()]
        costs += [(factor * problem.value[name].out_j, expr) for (_, name), expr in self.outs.items()]
        costs += [(factor * problem.value[name].in_j, expr) for (_, name), expr in self.ins.items()]
        answer = self.rows.solved(total(costs), nodes=self.limits.nodes)
        return replace(answer, objective=answer.objective / factor, bound=answer.bound / factor)

    # --- variables ---------------------------------------------------------------------------------------------

    def _run_variables(self) -> dict[Cell, Expr]:
        own = self.problem.stage_of
        return {(s, i): const(1) if own[i] == s else self.rows.binary() for s in self.stages for i in self.runs[s]}

    def _last(self, name: str) -> int:
        """The last stage in which somebody may read a value."""
        readers, problem = self.problem.readers[name], self.problem
        last = problem.last_stage if self.limits.remat else problem.stage_of
        return max((last[i] for i in readers), default=-1)

    def _held_variables(self, of: Callable[[str], bool], after: int, *, make: bool = True) -> dict[Held, Expr]:
        """A variable for each stage in which a value, made at least 1 + after stages before, can be of use."""
        made = {v.name: self.problem.stage_of[self.problem.maker[v.name]] for v in self.problem.values}
        return {
            (s, v.name): self.rows.binary() if make else ZERO
            for v in self.problem.values
            if of(v.name)
            for s in range(made[v.name] + 1 + after, self._last(v.name) + 1)
        }

    def _pageable(self, name: str) -> bool:
        return self.problem.value[name].pageable

    # --- rows --------------------------------------------------------------------------------------------------

    def _order(self) -> None:
        """What a node reads was held or is made before it; what is held was held, made or paged in before."""
        problem, add = self.problem, self.rows.at_most
        for (s, i), run in self.run.items():
            for name in problem.nodes[i].reads:
                add([(1, run), (-1, self._made(s, name)), (-1, self.held.get((s, name), ZERO))], 0)
        for (s, name), held in self.held.items():
            before = [self.held.get((s - 1, name), ZERO), self._made(s - 1, name), self.ins.get((s - 1, name), ZERO)]
            add([(1, held), *((-1, expr) for expr in before)], 0)
            if len(problem.nodes[problem.maker[name]].makes) == 1:
                add([(1, held), (1, self._made(s, name))], 1)

    def _paging(self) -> None:
        for (s, name), stored in self.stored.items():
            before = [self.stored.get((s - 1, name), ZERO), self.outs.get((s - 1, name), ZERO)]
            self.rows.at_most([(1, stored), *((-1, expr) for expr in before)], 0)
        for at, paged in self.ins.items():
            self.rows.at_most([(1, paged), (-1, self.stored[at])], 0)
        for at, paged in self.outs.items():
            self.rows.at_most([(1, paged), (-1, self.held[at])], 0)

    def _made(self, stage: int, name: str) -> Expr:
        return self.run.get((stage, self.problem.maker[name]), ZERO)

    def _memory(self) -> None:
        """The bytes at each node of each stage: of the one before, less what was freed, and what it makes."""
        for s in self.stages:
            here = total((self._units(n), e) for (t, n), e in self.held.items() if t == s)
            ins = total((self._units(n), e) for (t, n), e in self.ins.items() if t == s)
            charge = ins if self.limits.strict_pagein else ZERO
            load: Expr = total([(1, here), (1, charge), (1, const(self.problem.fixed_bytes / self.unit))])
            self.rows.at_most([(1, load), (-1, self.budget)], 0)
            for i in self.runs[s]:
                load = self._next(load, [(1, self._takes(s, i))])
                load = total([(1, load), *((-self._units(name), free) for name, free in self._freed(s, i))])

    def _next(self, load: Expr, more: list[tuple[float, Expr]]) -> Expr:
        """A variable for a load, which the budget bounds."""
        grown = total([(1, load), *more])
        if not any(variable != ONE for variable in grown):
            self.rows.at_most([(1, grown), (-1, self.budget)], 0)
            return grown
        used = self.rows.number(0.0, float("inf") if self.least else self.budget.get(ONE, 0.0))
        self.rows.equal([(1, grown), (-1, used)], 0)
        if self.least:
            self.rows.at_most([(1, used), (-1, self.budget)], 0)
        return used

    def _takes(self, stage: int, i: int) -> Expr:
        size = sum(self._units(name) for name in self.problem.nodes[i].makes)
        return {variable: size * c for variable, c in self.run[stage, i].items()}

    def _units(self, name: str) -> float:
        return self.problem.value[name].size_bytes / self.unit

    def _freed(self, stage: int, i: int) -> list[tuple[str, Expr]]:
        """What of the values that a node reads or makes is free behind it."""
        node = self.problem.nodes[i]
        return [(name, self._free(stage, i, name)) for name in dict.fromkeys((*node.reads, *node.makes))]

    def _free(self, stage: int, i: int, name: str) -> Expr:
        """1 only if the node runs, no later one of the stage reads the value, and the next stage does not hold it."""
        later = [self.run[stage, j] for j in self.problem.readers[name] if j > i and (stage, j) in self.run]
        against = [self.held.get((stage + 1, name), ZERO), *later]
        if any(expr == const(1) for expr in against):
            return ZERO
        limits = [self.run[stage, i], *(total([(1, const(1)), (-1, expr)]) for expr in against)]
        if all(limit == const(1) for limit in limits):
            return const(1)
        free = self.rows.number(0.0, 1.0)
        for limit in limits:
            self.rows.at_most([(1, free), (-1, limit)], 0)
        return free

    def _deadline(self) -> None:
        if self.limits.slowdown is not None and self.problem.time_s:
            share = [(self.problem.nodes[i].time_s / self.problem.time_s, run) for (_, i), run in self.run.items()]
            self.rows.at_most(share, self.limits.slowdown)

    # --- answer ------------------------------------------------------------------------------------------------

    def schedule(self, answer: Answer) -> Schedule:
        """What the variables say, without what is held for nothing."""

        def chosen(expr: Expr) -> bool:
            return round(answer.value(expr)) == 1

        runs = [tuple(i for i in self.runs[s] if chosen(self.run[s, i])) for s in self.stages]
        outs = [tuple(n for (t, n), e in self.outs.items() if t == s and chosen(e)) for s in self.stages]
        ins = [tuple(n for (t, n), e in self.ins.items() if t == s and chosen(e)) for s in self.stages]
        held = [{n for (t, n), e in self.held.items() if t == s and chosen(e)} for s in self.stages]
        kept = _needed(self.problem, runs, held, outs, ins)
        read = [tuple(n for n in ins[s] if s + 1 < len(kept) and n in kept[s + 1]) for s in self.stages]
        found = Schedule(
            problem=self.problem, runs=tuple(runs), kept=kept, outs=tuple(outs), ins=tuple(read),
            overlapped=self.limits.strict_pagein,
        )  # fmt: skip
        bound = found.energy_j if answer.optimal else min(answer.bound, found.energy_j)
        return replace(found, bound_j=bound)


def _needed(
    problem: Problem,
    runs: list[tuple[int, ...]],
    held: list[set[str]],
    outs: list[tuple[str, ...]],
    ins: list[tuple[str, ...]],
) -> tuple[frozenset[str], ...]:
    """Of what is held, what is read, paged out, or held on."""
    later: frozenset[str] = frozenset()
    found: list[frozenset[str]] = []
    for s in reversed(range(len(runs))):
        made = {name for i in runs[s] for name in problem.nodes[i].makes}
        read = {name for i in runs[s] for name in problem.nodes[i].reads} - made
        later = frozenset(held[s] & (read | set(outs[s]) | (later - made - set(ins[s]))))
        found.append(later)
    return tuple(reversed(found))
