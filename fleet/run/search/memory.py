"""Planned memory of schemes: what their trained values and their arena take, after the planner has done its best."""

from dataclasses import dataclass, field

from fleet.node.plan import Plan
from fleet.node.plan.choice import best_plan
from fleet.node.plan.floor import floor_of
from fleet.run.search.results import Results
from fleet.run.search.space import Genes, Space


def sram_bytes(plan: Plan) -> int:
    """Trained state and arena: what a scheme costs in SRAM. Stack and radio are the board's, whatever the scheme."""
    return plan.state_bytes + plan.arena_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The planner's answers for one budget, remembered."""

    space: Space
    budget_bytes: int
    results: Results
    _floors: dict[Genes, int] = field(default_factory=dict)

    def plan(self, genes: Genes) -> Plan:
        """The least fused plan that fits, or the smallest there is."""
        return best_plan(self.space.graph, self.space.scheme(genes), budget_bytes=self.budget_bytes)

    def planned_bytes(self, genes: Genes) -> int:
        """What that plan takes. It is not planned where even its floor is too high: then that is the answer."""
        floor = self.floor_bytes(genes)
        if floor > self.budget_bytes:
            return floor
        return int(self.results.get(f"planned {self.budget_bytes} {genes.text}", lambda: sram_bytes(self.plan(genes))))

    def fits(self, genes: Genes) -> bool:
        """Whether a plan of it is within the budget."""
        return self.planned_bytes(genes) <= self.budget_bytes

    def floor_bytes(self, genes: Genes) -> int:
        """What no plan of the scheme can go below."""
        if genes not in self._floors:
            self._floors[genes] = floor_of(self.space.graph, self.space.scheme(genes)).total_bytes
        return self._floors[genes]
