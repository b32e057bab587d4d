"""Every schedule of a tiny problem, tried: written from POET's rules alone, one node and one value per stage."""

from collections.abc import Iterator
from itertools import combinations

from fleet.node.plan.paging.problem import Problem

State = tuple[frozenset[int], frozenset[int]]  # held and stored at the beginning of a stage


def least_energy(problem: Problem, budget_bytes: int, *, remat: bool, paging: bool) -> float | None:
    """The least energy of any schedule whose page-ins take memory through their whole stage; None: there is none."""
    best: dict[State, float] = {(frozenset(), frozenset()): 0.0}
    count = len(problem.nodes)
    for stage in range(count):
        later: dict[State, float] = {}
        for (held, stored), energy in best.items():
            for state, cost in _steps(problem, stage, held, stored, budget_bytes, remat=remat, paging=paging):
                later[state] = min(later.get(state, float("inf")), energy + cost)
        best = later
    return min(best.values(), default=None)


def _subsets(of: frozenset[int]) -> Iterator[frozenset[int]]:
    for size in range(len(of) + 1):
        yield from map(frozenset, combinations(sorted(of), size))


def _steps(
    problem: Problem,
    stage: int,
    held: frozenset[int],
    stored: frozenset[int],
    budget: int,
    *,
    remat: bool,
    paging: bool,
) -> Iterator[tuple[State, float]]:
    inputs = [frozenset(problem.maker[name] for name in node.reads) for node in problem.nodes]
    older = frozenset(range(stage)) - held if remat else frozenset()
    for again in _subsets(older):
        run = sorted(again | {stage})
        if any(not inputs[i] <= held | frozenset(run) for i in run):
            continue
        for ins in _subsets(stored - held - again if paging else frozenset()):
            for keep in _subsets(
                (held | frozenset(run) | ins) - {i for i in range(count(problem)) if dead(problem, i, stage)}
            ):
                if not ins <= keep or _peak(problem, inputs, run, held, ins, keep) > budget:
                    continue
                for outs in _subsets(held - stored if paging else frozenset()):
                    cost = sum(problem.nodes[i].energy_j for i in run)
                    cost += sum(problem.values[i].in_j for i in ins) + sum(problem.values[i].out_j for i in outs)
                    yield (keep, stored | outs), cost


def count(problem: Problem) -> int:
    return len(problem.nodes)


def dead(problem: Problem, i: int, stage: int) -> bool:
    """Whether nobody can read the value of node i after a stage: neither a node to come nor one run again for it."""
    return not any(j > stage or not dead(problem, j, stage) for j in problem.readers[problem.values[i].name])


def _peak(
    problem: Problem,
    inputs: list[frozenset[int]],
    run: list[int],
    held: frozenset[int],
    ins: frozenset[int],
    keep: frozenset[int],
) -> int:
    size = [value.size_bytes for value in problem.values]
    live, peak = set(held), 0
    extra = sum(size[i] for i in ins)
    for at, i in enumerate(run):
        live.add(i)
        peak = max(peak, sum(size[j] for j in live) + extra)
        rest = frozenset().union(*(inputs[j] for j in run[at + 1 :]))
        live -= {j for j in live if j not in rest and j not in keep}
    return peak
