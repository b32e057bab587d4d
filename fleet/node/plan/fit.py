"""The plan of a scheme for the boards of a fleet: layer by layer where that fits, else fused as little as it takes."""

from collections.abc import Sequence

from fleet.node.model.graph import Graph
from fleet.node.model.scheme import Scheme
from fleet.node.plan.choice import best_plan
from fleet.node.plan.ledger import ledger, node_room, over
from fleet.node.plan.plan import Plan, plan_of
from fleet.node.profile import FLASH, Profile


def plan_for(graph: Graph, scheme: Scheme, profiles: Sequence[Profile], *, windows: int = 0) -> Plan:
    """One plan for all these boards, whose windows lie in flash. Raises InputError as plan_of.

    Where none fits all of them it is the smallest there is: `check_fit` says what is missing.
    """
    plan = plan_of(graph, scheme)
    if all(set(over(ledger(plan, profile, windows=windows))) <= {FLASH} for profile in profiles):
        return plan
    rooms = [node_room(profile, plan.layout, scheme.recipe, streamed=True) for profile in profiles]
    return best_plan(graph, scheme, budget_bytes=min(rooms))
