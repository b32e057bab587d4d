"""Forward passes in another order: as small as the best of all orders, and every value as in the graph's own."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.node.engine.binding import Course, Node
from fleet.node.model import reference as ref
from fleet.node.model.graph import Dense, Graph, Op, Reshape, inputs
from fleet.node.model.recipe import Exponents, Gradients, Recipe, Rule
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.plan import Plan, inference_plan, plan_of
from fleet.node.plan.arena import aligned
from fleet.node.plan.choice import Space, best_plan, plannable, smallest_size
from fleet.node.plan.forward_order import order_of
from fleet.node.plan.rolling import Rolls
from fleet.node.plan.segments import Facts, facts_of, runs_of
from fleet.node.plan.steps.program import output_size
from fleet.node.plan.tactics import LAYERWISE, Tactics
from tests.node.engine.runs import own_of, run, static, targets_of
from tests.node.engine.shadow import check_shadow
from tests.node.model.map_nets import fork_net, map_graphs
from tests.node.model.nets import recipes, residual_net, schemes, windows

INFERENCE = Scheme(name="inference", trained=())
KEY = rng.key(5, rng.Stream.UPDATE, 1)
STEPS = 20


def orders(graph: Graph, begun: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """All orders in which the operators can run."""
    if len(begun) == len(graph.ops):
        yield begun
    made = {op.y for op in graph.ops} - {graph.ops[i].y for i in begun}
    for i, op in enumerate(graph.ops):
        if i not in begun and not made & set(inputs(op)):
            yield from orders(graph, (*begun, i))


def counted(facts: Facts) -> int:
    """Bytes that live while an operator runs, at most, as cuts into single operators count them."""
    runs = runs_of(facts, longest=1, overlays=False)
    return max(run.live_bytes for ways in runs.values() for run in ways)


def learnt(plan: Plan) -> object:
    """Losses, state and outputs after some steps."""
    graph = plan.graph
    node, x = Node(plan), windows(graph, 4)
    course = Course(key=KEY, rate=0.05, own=own_of(graph))
    losses = run(node, x, targets_of(graph, 4), np.arange(STEPS) % 4, course)
    return losses, node.state, {name: array.tobytes() for name, array in node.outputs(x).items()}


def total(plan: Plan) -> int:
    return plan.state_bytes + plan.arena_bytes


# --- what an order holds ---------------------------------------------------------------------------------------


def maps_held_at_most(graph: Graph, ops: Sequence[Op]) -> int:
    """Bytes of maps while an operator runs, at most; those with the same bytes under another shape are one."""
    root = {tensor.name: tensor.name for tensor in graph.tensors if tensor.value is None}
    for op in graph.ops:
        if isinstance(op, Reshape):
            root[op.y] = root[op.x]
    reads = [{root[x] for x in inputs(op) if x in root} for op in ops]
    kept = {root[name] for name in graph.outputs}
    there, peak = {*graph.inputs, *kept} - {root[op.y] for op in ops}, 0
    for i, op in enumerate(ops):
        there |= {root[op.y]} | (reads[i] & set(graph.inputs))
        peak = max(peak, sum(aligned(output_size(graph, name)) for name in there))
        there &= set().union(kept, *reads[i + 1 :])
    return peak


@settings(max_examples=80)
@given(graph=map_graphs())
def test_a_graph_computes_the_same_in_its_best_order(graph: Graph) -> None:
    order = order_of(facts_of(graph, INFERENCE, input_streamed=False))
    ops = tuple(graph.ops[i] for i in order.calls)
    assert order.peak_bytes == maps_held_at_most(graph, ops) <= maps_held_at_most(graph, graph.ops)
    window = windows(graph, 1)[0]
    made, expected = ref.forward(replace(graph, ops=ops), window).maps, ref.forward(graph, window).maps
    assert made.keys() == expected.keys() >= {op.y for op in ops if not isinstance(op, Dense)}
    assert all((made[name] == values).all() for name, values in expected.items())


@settings(max_examples=40)
@given(data=st.data())
def test_an_order_holds_what_cuts_count_kept_slices_and_masks_included(data: st.DataObject) -> None:
    graph = data.draw(st.one_of(map_graphs(), st.just(fork_net())))
    scheme = data.draw(st.one_of(st.just(INFERENCE), schemes(graph, Recipe())))
    facts = facts_of(graph, scheme, input_streamed=data.draw(st.booleans()))
    order = order_of(facts)
    assert order.peak_bytes == counted(facts.in_order(order.calls)) <= counted(facts)


@pytest.mark.parametrize("kind", ["inference", "head", "bias", "full"])
def test_no_order_of_a_fork_holds_less(kind: str) -> None:
    graph = fork_net()
    scheme = INFERENCE if kind == "inference" else build_scheme(graph, kind)
    facts = facts_of(graph, scheme, input_streamed=True)
    found = order_of(facts)
    assert found.proved
    assert found.peak_bytes == min(counted(facts.in_order(order)) for order in orders(graph))
    assert (found.peak_bytes < counted(facts)) == (kind != "full")  # which keeps every map


def test_a_graph_holds_whole_maps_of_what_is_still_read() -> None:
    """The entry of an inverted bottleneck, which its sum reads, beside the two wide maps of its depthwise layer."""
    order = order_of(facts_of(residual_net(head=False), INFERENCE, input_streamed=False))
    assert order.proved
    assert order.peak_bytes == 9 * 8 * (12 + 24 + 24)


# --- plans -----------------------------------------------------------------------------------------------------


def test_a_fork_infers_branch_by_branch() -> None:
    """8 x 8 places: the wider branch's two maps beside the 3 channels that end the other one."""
    graph = fork_net()
    plan, x = best_plan(graph, INFERENCE), windows(graph, 3)
    assert [graph.ops[i].name for i in plan.tactics.order] != [op.name for op in graph.ops]
    assert plan.proved
    assert plan.arena_bytes == 64 * (3 + 24 + 24)
    own = Space(graph=graph, scheme=INFERENCE, input_streamed=True)
    assert own.peak == 64 * (24 + 20 + 24)
    assert smallest_size(graph, INFERENCE, Rolls(graph)) == plan.arena_bytes
    assert Node(plan).logits(x).tobytes() == Node(inference_plan(graph)).logits(x).tobytes()


@pytest.mark.parametrize("gradients", Gradients)
@pytest.mark.parametrize("exponents", Exponents)
@pytest.mark.parametrize("kind", ["head", "bias", "sparse"])
def test_a_fork_learns_the_same_in_less(kind: str, exponents: Exponents, gradients: Gradients) -> None:
    graph = fork_net()
    recipe = Recipe(gradients=gradients, exponents=exponents, momentum=0.5, batch=3)
    scheme = static(graph, build_scheme(graph, kind, blocks=1, layers=1, recipe=recipe), rate=0.05)
    layerwise, plan = plan_of(graph, scheme), best_plan(graph, scheme)
    assert plan.tactics.order
    assert total(plan) < total(layerwise)
    assert learnt(plan) == learnt(layerwise)
    check_shadow(plan, windows(graph, 3), targets_of(graph, 3))


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_order_of_a_fork_learns_the_same(data: st.DataObject) -> None:
    """Draws are keyed by an operator's number in the graph and values lie in its order, whatever runs first."""
    graph = fork_net()
    scheme = plannable(graph, data.draw(schemes(graph, data.draw(recipes()))))
    order = data.draw(st.sampled_from(list(orders(graph))))
    plan = plan_of(graph, scheme, Tactics(order=order, slices=data.draw(st.booleans())))
    layerwise = plan_of(graph, scheme)
    assert plan.layout == layerwise.layout
    assert learnt(plan) == learnt(layerwise)


def test_rows_run_in_another_order_too() -> None:
    """Segments and orders together: every draft of the reordered space, each as layer by layer."""
    graph = fork_net()
    scheme = build_scheme(graph, "bias", blocks=1, recipe=Recipe(rule=Rule.STOCHASTIC))
    order = best_plan(graph, scheme).tactics.order
    space = Space(graph=graph, scheme=scheme, input_streamed=True, order=order)
    expected, seen = learnt(plan_of(graph, scheme)), 0
    for chosen in (way for ways in space.runs.values() for way in ways if way.rows):
        plan = plan_of(graph, scheme, replace(space.tactics([chosen], frozenset()), over=()))
        assert learnt(plan) == expected, chosen
        seen += chosen.end - chosen.first > 1
    assert seen


def test_a_budget_between_the_orders_is_met_without_fusing() -> None:
    graph = fork_net()
    least = best_plan(graph, INFERENCE)
    assert best_plan(graph, INFERENCE, budget_bytes=total(plan_of(graph, INFERENCE))).tactics == LAYERWISE
    plan = best_plan(graph, INFERENCE, budget_bytes=total(least))
    assert plan.tactics.order
    assert not plan.tactics.segments
    assert total(plan) == total(least)


@pytest.mark.parametrize("order", [(0,), tuple(range(1, 10)), (*range(9), 8)])
def test_an_order_of_other_operators_is_refused(order: tuple[int, ...]) -> None:
    graph = fork_net()
    with pytest.raises(InputError, match="expected each of 12 operators once, got"):
        plan_of(graph, build_scheme(graph, "head"), Tactics(order=order))


def test_an_order_that_reads_what_is_not_made_is_refused() -> None:
    graph = fork_net()
    with pytest.raises(InputError, match="expected 'map1' made before 'op3' reads it, got it later"):
        plan_of(graph, INFERENCE, Tactics(order=(0, 3, 1, 2, *range(4, len(graph.ops)))))
