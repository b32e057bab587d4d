"""Planned memory of schemes: what their trained values and their arena take, after the planner has done its best."""

from dataclasses import dataclass, field

from fleet.node.plan import Plan
from fleet.node.plan.choice import best_plan, smallest_size
from fleet.node.plan.floor import floor_of
from fleet.node.plan.rolling import Rolls
from fleet.run.search.results import Results
from fleet.run.search.space import Genes, Space


def sram_bytes(plan: Plan) -> int:
    """Trained state and arena: what a scheme costs in SRAM. Stack and radio are the board's, whatever the scheme."""
    return plan.state_bytes + plan.arena_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The planner's answers for one budget, remembered.

    _above: by number of biases, the least that plans made so far took above their floor. _windows: of every plan.
    """

    space: Space
    budget_bytes: int
    results: Results
    _floors: dict[Genes, int] = field(default_factory=dict)
    _above: dict[int, int] = field(default_factory=dict)
    _windows: dict[str, Rolls] = field(default_factory=dict)

    def plan(self, genes: Genes) -> Plan:
        """The least fused plan that fits, or the smallest there is."""
        return best_plan(self.space.graph, self.space.scheme(genes), budget_bytes=self.budget_bytes)

    def planned_bytes(self, genes: Genes) -> int:
        """What the smallest plan takes, whatever the budget; its floor where that is beyond the budget already."""
        floor = self.floor_bytes(genes)
        return floor if floor > self.budget_bytes else self.smallest_bytes(genes)

    def smallest_bytes(self, genes: Genes) -> int:
        """What the smallest plan takes; remembered for searches with other budgets too."""
        found = int(self.results.get(f"planned {genes.text}", lambda: self._smallest(genes)))
        above = found - self.floor_bytes(genes)
        self._above[genes.biases] = min(above, self._above.get(genes.biases, above))
        return found

    def may_fit(self, genes: Genes) -> bool:
        """Whether it is worth a plan: its floor, and the least that plans with as many biases took above theirs."""
        return self.floor_bytes(genes) + self._above.get(genes.biases, 0) <= self.budget_bytes

    def _smallest(self, genes: Genes) -> int:
        graph = self.space.graph
        windows = self._windows.setdefault(graph.name, Rolls(graph))
        return smallest_size(graph, self.space.scheme(genes), windows)

    def fits(self, genes: Genes) -> bool:
        """Whether a plan of it is within the budget."""
        return self.planned_bytes(genes) <= self.budget_bytes

    def floor_bytes(self, genes: Genes) -> int:
        """What no plan of the scheme can go below."""
        if genes not in self._floors:
            self._floors[genes] = floor_of(self.space.graph, self.space.scheme(genes)).total_bytes
        return self._floors[genes]
