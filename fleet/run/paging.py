"""A scheme in less memory than layer by layer: what runs again and what is paged to flash, and what that costs."""

from dataclasses import dataclass
from typing import Final

from fleet.base.errors import DoesNotFit, InputError
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.choice import best_plan, plannable
from fleet.node.plan.paging import Limits, PagedPlan, paged_plan, problem_of
from fleet.node.plan.paging.energy import page_in_price, page_out_price
from fleet.node.profile import Profile
from fleet.run.plans import Network, Terms, chosen

WAYS: Final = ("recompute", "flash", "both")
NODES: Final = 500  # of the branch and bound
MOST_STAGES: Final = 64  # above, one node of the search takes minutes


@dataclass(frozen=True, kw_only=True)
class Paged:
    """found: of least energy within the budget. plain: the same layer by layer. fused: by rows, without either."""

    name: str
    way: str
    profile: Profile
    plain: Plan
    fused: Plan
    found: PagedPlan

    @property
    def time_s(self) -> float:
        """Modelled time of a step, copies to and from the flash among it."""
        return self.found.schedule.time_s + self.paging_s

    @property
    def paging_s(self) -> float:
        """Of the copies alone: programming and erasing, and reading back."""
        schedule, value = self.found.schedule, self.found.schedule.problem.value
        outs = [page_out_price(self.profile, value[name].size_bytes) for stage in schedule.outs for name in stage]
        ins = [page_in_price(self.profile, value[name].size_bytes) for stage in schedule.ins for name in stage]
        return sum(price.time_s for price in (*outs, *ins))

    @property
    def state_bytes(self) -> int:
        """Of the trained state."""
        return self.plain.state_bytes


def paged(net: Network, scheme: str, terms: Terms, profile: Profile, way: str) -> Paged:
    """The plan within terms.budget_bytes, of trained state and arena. way: of WAYS.

    InputError as chosen, without a budget, and for a network of more stages than can be searched; DoesNotFit with the
    arithmetic where no schedule takes so little.
    """
    if terms.budget_bytes is None:
        raise InputError.one("--paging", "expected --budget beside it, got none; name the bytes it has to keep to")
    choice = chosen(net, scheme, terms)
    ready = plannable(choice.graph, choice.scheme)
    plain = plan_of(choice.graph, ready)
    stages = len(problem_of(plain, profile).ends)
    if stages > MOST_STAGES:
        text = f"expected at most {MOST_STAGES} stages to search, got {stages}; plan without it, row by row"
        raise InputError.one("--paging", text)
    room = terms.budget_bytes - plain.state_bytes
    limits = Limits(budget_bytes=room, remat=way != "flash", paging=way != "recompute", nodes=NODES)
    fused = best_plan(choice.graph, ready, input_streamed=terms.input_streamed)
    try:
        found = paged_plan(choice.graph, ready, profile, limits)
    except DoesNotFit as fault:
        text = f"--budget: {terms.budget_bytes:,} B less {plain.state_bytes:,} B of trained state leave {room:,} B"
        rows = f"row by row, without recomputing or paging, the arena takes {fused.arena_bytes:,} B"
        raise DoesNotFit(f"{text} of arena; {fault}; {rows}") from fault
    return Paged(name=scheme, way=way, profile=profile, plain=plain, fused=fused, found=found)
