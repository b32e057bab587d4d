"""Our programme, which leaves out what cannot matter, against the published one, which leaves out nothing."""

import pytest

from fleet.base.errors import DoesNotFit
from fleet.node.plan.paging.problem import Problem
from fleet.node.plan.paging.schedule import store_all
from fleet.node.plan.paging.solve import Limits, best_schedule
from tests.node.plan.paging.published import published_energy
from tests.node.plan.paging.test_solve import random_chain, share


def ours(problem: Problem, limits: Limits) -> float | None:
    try:
        found = best_schedule(problem, limits)
    except DoesNotFit:
        return None
    assert found.gap == 0
    return found.energy_j


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("remat,paging", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("seed,n,of", [(1, 4, 0.5), (4, 4, 0.8), (7, 5, 0.7)])
def test_the_least_energy_is_that_of_the_published_programme(
    seed: int, n: int, of: float, remat: bool, paging: bool, strict: bool
) -> None:
    problem = random_chain(seed, n)
    budget = share(problem, of)
    assert budget < store_all(problem).peak_bytes
    expected = published_energy(problem, budget, remat=remat, paging=paging, strict=strict)
    found = ours(problem, Limits(budget_bytes=budget, remat=remat, paging=paging, strict_pagein=strict))
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-6))
