"""Less memory for more energy: what is computed again, what is paged to flash, at the least energy for a budget.

`paged_plan(graph, scheme, profile, Limits(budget_bytes=...))` for a plan that the engine runs; `best_schedule(problem,
limits)` and `replay(schedule, compute, ...)` for any other chain of computations.
"""

from fleet.node.plan.paging.paged import PagedPlan, paged_plan
from fleet.node.plan.paging.passes import problem_of
from fleet.node.plan.paging.problem import Node, Problem, Value, chain
from fleet.node.plan.paging.replay import replay
from fleet.node.plan.paging.schedule import Schedule, store_all
from fleet.node.plan.paging.solve import Limits, best_schedule, least_bytes

__all__ = [
    "Limits",
    "Node",
    "PagedPlan",
    "Problem",
    "Schedule",
    "Value",
    "best_schedule",
    "chain",
    "least_bytes",
    "paged_plan",
    "problem_of",
    "replay",
    "store_all",
]
