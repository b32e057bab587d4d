"""Plans for less memory than layer by layer: the engine runs them, and nothing it computes changes."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base.errors import DoesNotFit, InputError
from fleet.node.cost import step_cost
from fleet.node.engine.binding import Course, Node
from fleet.node.engine.host import Variant
from fleet.node.model import reference
from fleet.node.model.fixed import real
from fleet.node.model.graph import Graph
from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.plan import Plan, inference_plan, plan_of
from fleet.node.plan.counts import training_counts
from fleet.node.plan.paging.energy import page_out_price, steps_to_wear_out
from fleet.node.plan.paging.paged import paged_plan
from fleet.node.plan.paging.passes import problem_of
from fleet.node.plan.paging.schedule import store_all
from fleet.node.plan.paging.solve import Limits, best_schedule, least_bytes
from fleet.node.plan.steps import Code, Ref
from fleet.node.profile import Profile, load_profile
from tests.node.model.map_nets import map_graphs
from tests.node.model.nets import WEIGHTED, Builder, graphs, imu_net, schemes

FLOATS = Recipe(gradients=Gradients.FP32, momentum=0.5, batch=2)
STEPS = 5


@cache
def board() -> Profile:
    return load_profile("nrf52840")


def lessons(graph: Graph) -> tuple[Any, Any]:
    draw = np.random.default_rng(1)
    windows = draw.integers(-128, 128, (STEPS, *graph.input.shape)).astype(np.int8)
    return windows, draw.integers(0, graph.classes, STEPS).astype(np.uint8)


def trained(plan: Plan, variant: Variant | None = None) -> tuple[bytes, list[float], list[Any]]:
    """State, probabilities and logits after a few steps."""
    node = Node(plan, variant=variant)
    windows, labels = lessons(plan.graph)
    course = Course(key=5, rate=0.05, own=range(plan.graph.classes))
    probabilities = node.train(windows, labels, np.arange(STEPS), course)
    return node.state, probabilities.tolist(), node.logits(windows).tolist()


@cache
def case(kind: str, recipe: Recipe = FLOATS) -> tuple[Graph, Scheme, int, int]:
    """The quickstart's net, a scheme, the least bytes of any schedule, and the bytes of layer by layer."""
    graph = imu_net()
    scheme = build_scheme(graph, kind, recipe=recipe)
    problem = problem_of(plan_of(graph, scheme), board())
    return graph, scheme, least_bytes(problem, Limits(budget_bytes=1)), store_all(problem).peak_bytes


@pytest.mark.parametrize(
    "kind,recipe", [("full", FLOATS), ("sparse", Recipe()), ("bias", Recipe()), ("sparse", FLOATS)]
)
def test_the_problem_counts_the_bytes_and_the_energy_of_the_plan(kind: str, recipe: Recipe) -> None:
    graph = imu_net()
    plan = plan_of(graph, build_scheme(graph, kind, recipe=recipe))
    problem = problem_of(plan, board())
    assert store_all(problem).peak_bytes == plan.lower_bound_bytes
    counts = training_counts(plan)
    assert problem.energy_j * 1e9 == pytest.approx(step_cost(board(), counts).energy_nj, rel=1e-3)
    assert len(problem.nodes) == 1 + sum(i >= plan.draft.program.loss for i in range(len(plan.steps))) + len(graph.ops)


@pytest.mark.parametrize("kind,recipe", [("sparse", Recipe()), ("sparse", FLOATS), ("full", FLOATS)])
def test_the_engine_computes_the_same_in_less_memory(kind: str, recipe: Recipe) -> None:
    graph, scheme, least, whole = case(kind, recipe)
    expected = trained(plan_of(graph, scheme))
    for budget in (least, (least + whole) // 2):
        found = paged_plan(graph, scheme, board(), Limits(budget_bytes=budget))
        assert found.schedule.peak_bytes <= found.memory_bytes <= budget < whole
        assert found.schedule.gap == 0
        assert found.recomputed or found.paged
        assert trained(found.plan) == expected
        assert trained(found.plan, Variant.PLAIN) == expected


def test_it_learns_what_the_reference_learns() -> None:
    """Paging and recomputation against the numeric truth, which knows nothing of plans."""
    graph, scheme, least, _ = case("sparse", Recipe())
    found = paged_plan(graph, scheme, board(), Limits(budget_bytes=least))
    assert found.recomputed
    assert found.paged
    truth = reference.ReferenceNode(graph, scheme)
    windows, labels = lessons(graph)
    course = reference.Course(key=5, rate=real(0.05), own=frozenset(range(graph.classes)))
    truth.train(windows, [int(label) for label in labels], range(STEPS), course)
    node = Node(found.plan)
    node.train(windows, labels, np.arange(STEPS), Course(key=5, rate=0.05, own=range(graph.classes)))
    assert np.array_equal(node.values, truth.values)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_any_network_trains_alike(data: st.DataObject) -> None:
    graph = data.draw(st.one_of(graphs(kinds=WEIGHTED), map_graphs()))
    scheme = data.draw(schemes(graph))
    plan = plan_of(graph, scheme)
    problem = problem_of(plan, board())
    assert store_all(problem).peak_bytes == plan.lower_bound_bytes
    least = least_bytes(problem, Limits(budget_bytes=1))
    try:
        found = paged_plan(graph, scheme, board(), Limits(budget_bytes=least))
    except DoesNotFit:  # alive at once they fit, placed they do not: room for one more map is enough
        found = paged_plan(graph, scheme, board(), Limits(budget_bytes=least + max(plan.draft.program.sizes.values())))
    assert trained(found.plan) == trained(plan)


def test_every_output_can_be_fetched_behind_the_way_forward() -> None:
    """Also one that is made early and that nobody reads: it lies there, whatever is paged, until the loss."""
    build = Builder(3)
    x = build.conv(build.input((6, 5, 3)), 8, (3, 3), (1, 1), (1, 1, 1, 1))
    build.conv(x, 5, (1, 1))
    for _ in range(2):
        x = build.conv(x, 8, (3, 3), (1, 1), (1, 1, 1, 1))
    graph = replace(build.head(build.pool(x), 3), outputs=("logits", "map1"))
    scheme = build_scheme(graph, "full")
    plan = plan_of(graph, scheme)
    least = least_bytes(problem_of(plan, board()), Limits(budget_bytes=1))
    found = paged_plan(graph, scheme, board(), Limits(budget_bytes=least))
    windows, _ = lessons(graph)
    expected, got = Node(plan).outputs(windows), Node(found.plan).outputs(windows)
    assert least < plan.lower_bound_bytes
    assert {name: array.tolist() for name, array in got.items()} == {n: a.tolist() for n, a in expected.items()}
    assert trained(found.plan) == trained(plan)


def test_only_copies_touch_the_page_file() -> None:
    graph, scheme, _, whole = case("sparse")
    found = paged_plan(graph, scheme, board(), Limits(budget_bytes=whole - 200, remat=False))
    pages = {b.name for b in found.plan.buffers if b.offset >= found.memory_bytes}
    assert len(pages) == len(found.paged) > 0
    assert found.memory_bytes + found.file_bytes == found.plan.arena_bytes
    touching = [step for step in found.plan.steps if pages & set(step.buffers)]
    assert {step.code for step in touching} == {Code.MOVE}
    written = [f.name for step in touching for f in step.fields[1:2] if isinstance(f, Ref) and f.name in pages]
    assert sorted(written) == sorted(pages)
    assert all(b.end <= found.memory_bytes for b in found.plan.buffers if b.name not in pages)


def test_both_together_never_cost_more_than_one_alone() -> None:
    graph, scheme, least, whole = case("sparse", Recipe())
    problem = problem_of(plan_of(graph, scheme), board())
    budget = (least + whole) // 2
    joint, *alone = (
        best_schedule(problem, Limits(budget_bytes=budget, remat=remat, paging=paging)).energy_j
        for remat, paging in ((True, True), (True, False), (False, True))
    )
    assert problem.energy_j < joint <= min(alone) * (1 + 1e-9)
    with pytest.raises(DoesNotFit, match="allow paging"):
        best_schedule(problem, Limits(budget_bytes=least, paging=False))


def test_weights_that_changed_are_not_used_to_recompute() -> None:
    graph, scheme, least, whole = case("full")
    limits = Limits(budget_bytes=(least + whole) // 2, paging=False)
    schedule = best_schedule(problem_of(plan_of(graph, scheme), board()), limits)
    order = [moment.name for moment in schedule.moments]
    assert schedule.again
    for op in {node for _, node in schedule.again}:
        updates = [i for i, name in enumerate(order) if name.startswith(f"{op} update")]
        assert max(i for i, name in enumerate(order) if name == op) < min(updates)


def test_a_budget_of_everything_changes_nothing() -> None:
    graph, scheme, _, whole = case("sparse")
    found = paged_plan(graph, scheme, board(), Limits(budget_bytes=whole + 1000))
    assert (found.recomputed, found.paged, found.file_bytes, found.wears_out) == ((), (), 0, None)
    assert "computed again: nothing" in found.explained


def test_the_explanation_says_what_it_costs() -> None:
    graph, scheme, _, whole = case("sparse")
    found = paged_plan(graph, scheme, board(), Limits(budget_bytes=whole - 200, remat=False))
    name, size = found.paged[0]
    lines = found.explained.splitlines()
    assert lines[0] == f"memory {found.memory_bytes} B, at most {found.schedule.peak_bytes} B alive at once"
    assert "% more than without; proved to be the least" in lines[1]
    assert lines[2] == "computed again: nothing"
    assert f"{name} ({size} B)" in lines[3]
    assert lines[4] == f"flash: {found.schedule.paged_bytes} B written a step, worn out after {found.wears_out} steps"


def test_paging_is_priced_by_the_flash() -> None:
    """nRF52840: erasing 4096 B takes 85 ms and a word 41 us, at 6.9 mA and 3 V in the profile's words."""
    flash, current = board().flash, board().currents.flash_na
    whole = page_out_price(board(), flash.page_bytes)
    time_us = flash.erase_us + flash.page_bytes // flash.program_bytes * flash.program_us
    assert whole.time_s == pytest.approx(time_us * 1e-6)
    assert whole.energy_j == pytest.approx(board().supply_mv * 1e-3 * current * 1e-9 * time_us * 1e-6, rel=1e-6)
    assert page_out_price(board(), flash.page_bytes // 2).energy_j == pytest.approx(whole.energy_j / 2, rel=1e-6)
    assert steps_to_wear_out(board(), 1024, 4096) == 4 * flash.endurance
    assert steps_to_wear_out(board(), 0, 0) is None


def test_too_small_a_budget_names_the_least() -> None:
    graph, scheme, least, _ = case("sparse")
    with pytest.raises(DoesNotFit, match=f"expected at least {least} B, got 1000 B"):
        paged_plan(graph, scheme, board(), Limits(budget_bytes=1000))


def test_plans_without_a_way_back_are_refused() -> None:
    with pytest.raises(InputError, match="only infers"):
        problem_of(inference_plan(imu_net()), board())


def test_the_same_question_has_the_same_bytes() -> None:
    graph, scheme, least, whole = case("sparse", Recipe())
    first, second = (
        paged_plan(graph, scheme, board(), Limits(budget_bytes=(least + whole) // 2)).plan.digest for _ in range(2)
    )
    assert first == second
