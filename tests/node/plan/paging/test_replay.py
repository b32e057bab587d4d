"""Schedules on real arrays: gradients of a chain of layers, to the last bit, in less memory."""

import numpy as np
import pytest

from fleet.base.errors import CheckFailed
from fleet.node.plan.paging.problem import Node, Problem, chain
from fleet.node.plan.paging.replay import Arrays, replay
from fleet.node.plan.paging.schedule import store_all
from fleet.node.plan.paging.solve import Limits, best_schedule, least_bytes

WIDTHS = (12, 6, 10, 4, 9, 7)


def layers() -> Problem:
    """Tanh layers of these widths in float64, the first one the input; wide ones take more energy."""
    return chain([8 * w for w in WIDTHS], [float(w) for w in WIDTHS], page_out_j=0.02, page_in_j=0.02)


def computed(node: Node, given: Arrays) -> Arrays:
    """f{i}: x_i = tanh(W_i x_{i-1}). b{i}: the gradient of x_{i-1}, of sum(x_last) behind it; b0 passes it on."""
    i = int(node.name[1:])
    weight = np.cos(np.arange(WIDTHS[i] * WIDTHS[i - 1], dtype=np.float64)).reshape(WIDTHS[i], WIDTHS[i - 1])
    if node.name[0] == "f":
        return {f"x{i}": np.tanh(weight @ given[f"x{i - 1}"]) if i else np.linspace(-1, 1, WIDTHS[0])}
    g = given.get(f"g{i + 1}", np.ones(WIDTHS[i]))
    return {f"g{i}": weight.T @ (g * (1 - given[f"x{i}"] ** 2)) if i else g.copy()}


@pytest.mark.parametrize("remat,paging", [(True, True), (True, False), (False, True)])
def test_gradients_are_those_of_storing_everything(remat: bool, paging: bool) -> None:
    problem = layers()
    simple = store_all(problem)
    expected = replay(simple, computed, budget_bytes=simple.peak_bytes)
    limits = Limits(budget_bytes=1, remat=remat, paging=paging)
    least = least_bytes(problem, limits)
    assert least < simple.peak_bytes
    for budget in (least, (least + simple.peak_bytes) // 2):
        found = best_schedule(problem, Limits(budget_bytes=budget, remat=remat, paging=paging))
        results = replay(found, computed, budget_bytes=budget)
        assert results.keys() == expected.keys() == {"g0"}
        assert results["g0"].tobytes() == expected["g0"].tobytes()
        assert bool(found.again) <= remat
        assert bool(found.paged_bytes) <= paging


def test_the_gradient_is_the_slope() -> None:
    """The chain of the other test is what it says: against differences of its output."""
    problem = layers()
    found = replay(store_all(problem), computed, budget_bytes=10**6)["g0"]

    def output(x: np.ndarray) -> float:
        values: Arrays = {"x0": x}
        for i in range(1, len(WIDTHS)):
            values = computed(problem.node[f"f{i}"], values)
        return float(values[f"x{len(WIDTHS) - 1}"].sum())

    x, step = np.linspace(-1, 1, WIDTHS[0]), 1e-6 * np.eye(WIDTHS[0])
    slopes = [(output(x + d) - output(x - d)) / 2e-6 for d in step]
    assert found == pytest.approx(slopes, rel=1e-5, abs=1e-7)


def test_a_replay_over_its_budget_stops_there() -> None:
    simple = store_all(layers())
    with pytest.raises(CheckFailed, match=f"expected at most {simple.peak_bytes - 1} B, got {simple.peak_bytes} B"):
        replay(simple, computed, budget_bytes=simple.peak_bytes - 1)


def test_arrays_of_other_sizes_are_refused() -> None:
    simple = store_all(layers())
    with pytest.raises(CheckFailed, match="expected 96 B of x0, got 48 B"):
        replay(simple, lambda node, given: {node.makes[0]: np.zeros(6)}, budget_bytes=10**6)
