"""A schedule executed on real arrays, with every byte of them counted."""

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from fleet.base.errors import CheckFailed
from fleet.node.plan.paging.problem import Node
from fleet.node.plan.paging.schedule import Act, Moment, Schedule

Arrays = Mapping[str, NDArray[Any]]
Compute = Callable[[Node, Arrays], Arrays]


def replay(schedule: Schedule, compute: Compute, *, budget_bytes: int) -> dict[str, NDArray[Any]]:
    """What a schedule makes that no node reads, by name.

    compute: what a node makes of what it reads; it may keep nothing. Memory holds the arrays of the schedule's moments
    and no other. Raises CheckFailed when their bytes exceed the budget, or are not those that the problem names.
    """
    memory: dict[str, NDArray[Any]] = {}
    store: dict[str, NDArray[Any]] = {}
    results: dict[str, NDArray[Any]] = {}
    for moment in schedule.moments:
        match moment.act:
            case Act.PAGE_OUT:
                store[moment.name] = memory[moment.name].copy()
            case Act.PAGE_IN:
                memory[moment.name] = store[moment.name].copy()
            case Act.RUN:
                node = schedule.problem.node[moment.name]
                memory |= compute(node, {name: memory[name] for name in node.reads})
        _check(schedule, moment, memory, budget_bytes)
        for name in moment.drops:
            array = memory.pop(name)
            if not schedule.problem.readers[name]:
                results[name] = array
    return results


def _check(schedule: Schedule, moment: Moment, memory: Arrays, budget_bytes: int) -> None:
    where = f"stage {moment.stage}, {moment.act.value} {moment.name}"
    for name in moment.takes:
        expected, found = schedule.problem.value[name].size_bytes, memory[name].nbytes
        if found != expected:
            raise CheckFailed(f"{where}: expected {expected} B of {name}, got {found} B; the problem's sizes are wrong")
    live = schedule.problem.fixed_bytes + sum(array.nbytes for array in memory.values())
    if live > budget_bytes:
        raise CheckFailed(f"{where}: expected at most {budget_bytes} B, got {live} B; the schedule is for another one")
