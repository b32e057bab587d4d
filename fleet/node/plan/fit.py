"""The plan of a scheme for the boards of a fleet: layer by layer where that fits, else fused as little as it takes."""

from collections.abc import Sequence

from fleet.node.model.graph import Graph
from fleet.node.model.scheme import Scheme
from fleet.node.plan.choice import best_plan
from fleet.node.plan.ledger import Ledger, ledger
from fleet.node.plan.plan import Plan, plan_of
from fleet.node.profile import Profile


def plan_for(graph: Graph, scheme: Scheme, profiles: Sequence[Profile], *, windows: int = 0) -> Plan:
    """One plan for all these boards, whose windows lie in flash. Raises InputError as plan_of.

    Where none fits all of them it is the smallest there is: `check_fit` says what is missing.
    """
    plan = plan_of(graph, scheme)
    rooms = [_room(ledger(plan, profile, windows=windows)) for profile in profiles]
    if all(room >= plan.state_bytes + plan.arena_bytes for room in rooms):
        return plan
    return best_plan(graph, scheme, budget_bytes=min(rooms))


def _room(whole: Ledger) -> int:
    """Bytes that a board has for state and arena beside what no tactics change."""
    bank = whole.profile.banks[0].name
    return whole.capacity(bank) - whole.taken(bank) + whole.plan.state_bytes + whole.plan.arena_bytes
