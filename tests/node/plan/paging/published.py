"""POET's programme as it was published, every variable in every stage, solved without any of the project's rows.

Its rules: Patil et al., ICML 2022, section 4. One node per stage, one value per node, both numbered alike.
"""

from itertools import count, product

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from fleet.node.plan.paging.problem import Problem

Terms = list[tuple[int, float]]
KINDS = ("run", "ram", "store", "in", "out", "used")


def published_energy(problem: Problem, budget: int, *, remat: bool, paging: bool, strict: bool) -> float | None:
    """The least energy; None: there is no schedule. strict: a page-in also takes memory while it is copied."""
    made = _Published(problem, strict=strict)
    off = {kind for kind, on in (("in", paging), ("out", paging), ("store", paging)) if not on}
    return made.least(budget, off, remat=remat)


class _Published:
    """Numbers of all variables, and rows: terms with their least and their most."""

    def __init__(self, problem: Problem, *, strict: bool) -> None:
        self.problem, self.strict = problem, strict
        self.nodes = range(len(problem.nodes))
        self.size = [float(value.size_bytes) for value in problem.values]
        self.edges = [(problem.maker[name], k) for k in self.nodes for name in problem.nodes[k].reads]
        number = count()
        self.at = {(kind, t, i): next(number) for kind, t, i in product(KINDS, self.nodes, self.nodes)}
        self.free = {(t, edge): next(number) for t, edge in product(self.nodes, self.edges)}
        self.width = next(number)
        self.rows: list[tuple[Terms, float, float]] = []
        for t in self.nodes:
            self._reads(t)
            self._order(t)
            self._bytes(t)

    def _most(self, terms: Terms, most: float) -> None:
        self.rows.append((terms, -np.inf, most))

    def _reads(self, t: int) -> None:
        """A value read is made or held; it is free behind a reader if and only if nothing stands against it."""
        at, later = self.at, t + 1 < len(self.nodes)
        for i, k in self.edges:
            self._most([(at["run", t, k], 1), (at["run", t, i], -1), (at["ram", t, i], -1)], 0)
            uses: Terms = [(at["run", t, j], 1) for a, j in self.edges if a == i and j > k]
            hazards = [(at["run", t, k], -1.0), *uses, *([(at["ram", t + 1, i], 1.0)] if later else [])]
            most = 1 + len(uses) + later
            self._most([(self.free[t, (i, k)], -1), *((v, -c) for v, c in hazards)], 0)
            self._most([(self.free[t, (i, k)], most), *hazards], most - 1)

    def _order(self, t: int) -> None:
        """Where a value may come from in the next stage, and what may be paged."""
        at = self.at
        for i in self.nodes:
            self._most([(at["in", t, i], 1), (at["store", t, i], -1)], 0)
            self._most([(at["out", t, i], 1), (at["ram", t, i], -1)], 0)
            if t + 1 < len(self.nodes):
                self._most([(at["ram", t + 1, i], 1), *((at[kind, t, i], -1.0) for kind in ("ram", "run", "in"))], 0)
                self._most([(at["store", t + 1, i], 1), (at["store", t, i], -1), (at["out", t, i], -1)], 0)

    def _bytes(self, t: int) -> None:
        at, size = self.at, self.size
        held = [(at[kind, t, i], -size[i]) for kind in ("ram", "in")[: 1 + self.strict] for i in self.nodes]
        self.rows.append(([(at["used", t, 0], 1), (at["run", t, 0], -size[0]), *held], 0, 0))
        for k in self.nodes[:-1]:
            freed = [(self.free[t, (i, j)], size[i]) for i, j in self.edges if j == k]
            grown = [(at["used", t, k + 1], 1.0), (at["used", t, k], -1.0), (at["run", t, k + 1], -size[k + 1])]
            self.rows.append(([*grown, *freed], 0, 0))

    def least(self, budget: int, off: set[str], *, remat: bool) -> float | None:
        """The least energy within a budget, without the kinds in `off`."""
        low, high, whole, cost = np.zeros(self.width), np.ones(self.width), np.ones(self.width), np.zeros(self.width)
        for (kind, t, i), v in self.at.items():
            value = self.problem.values[i]
            cost[v] = {"run": self.problem.nodes[i].energy_j, "in": value.in_j, "out": value.out_j}.get(kind, 0.0)
            if kind == "used":
                high[v], whole[v] = budget, 0
            else:
                early = i < t or (i == t and kind in ("run", "in", "out"))
                high[v] = early and kind not in off and (remat or kind != "run" or i == t)
                low[v] = kind == "run" and i == t
        matrix = np.zeros((len(self.rows), self.width))
        for number, (terms, _, _) in enumerate(self.rows):
            for variable, factor in terms:
                matrix[number, variable] += factor
        sums = LinearConstraint(matrix, np.array([r[1] for r in self.rows]), np.array([r[2] for r in self.rows]))
        found = milp(cost, integrality=whole, bounds=Bounds(low, high), constraints=sums, options={"mip_rel_gap": 0.0})
        assert found.status in (0, 2), found.message
        return float(found.fun) if found.status == 0 else None
