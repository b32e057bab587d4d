"""Shadow memory over drafts: any cut, and those that are chosen, touch no byte outside of what lives."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base import rng
from fleet.node.engine.binding import Course, Node
from fleet.node.engine.host import Variant
from fleet.node.model.recipe import Exponents, Gradients, Recipe
from fleet.node.model.scheme import build_scheme
from fleet.node.model.schemes.published import published_scheme
from fleet.node.model.zoo import zoo_net
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.bottlenecks import bottlenecks
from fleet.node.plan.choice import Space, plannable
from fleet.node.plan.draft import Draft
from fleet.node.plan.lifetimes import ties
from fleet.node.plan.placement import Effort
from fleet.node.plan.plan import finished
from fleet.node.plan.segments import Run
from tests.node.engine.runs import own_of, run, targets_of
from tests.node.engine.shadow import check_shadow
from tests.node.model.nets import WEIGHTED, graphs, residual_net, schemes, windows
from tests.node.model.schemes.bottlenecks import random_graph, small_graph

KEY = rng.key(3, rng.Stream.UPDATE, 1)
STEPS = 3


def learnt(plan: Plan) -> object:
    """Losses, state and outputs after some steps."""
    node, x = Node(plan, variant=Variant.PLAIN), windows(plan.graph, STEPS)
    course = Course(key=KEY, rate=0.05, own=own_of(plan.graph))
    losses = run(node, x, targets_of(plan.graph, STEPS), np.arange(STEPS), course)
    return losses, node.state, node.logits(x).tobytes()


def any_cut(data: st.DataObject, space: Space) -> tuple[Run, ...]:
    """A cut into runs that somebody drew, each run one of its ways."""
    ways: dict[int, list[Run]] = {}
    for (first, _), runs in space.runs.items():
        ways.setdefault(first, []).extend(runs)
    cut: list[Run] = []
    at = 0
    while at < len(space.graph.ops):
        cut.append(data.draw(st.sampled_from(sorted(ways[at], key=lambda run: (run.over == "", -run.end)))))
        at = cut[-1].end
    return tuple(cut)


def check(space: Space, draft: Draft) -> Plan:
    plan = finished(draft, draft.placed(Effort.QUICK))
    check_shadow(plan, windows(space.graph, STEPS), targets_of(space.graph, STEPS))
    assert learnt(plan) == learnt(plan_of(space.graph, space.scheme))
    return plan


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_step_of_any_cut_touches_what_does_not_live(data: st.DataObject) -> None:
    graph = data.draw(st.one_of(graphs(kinds=WEIGHTED), st.sampled_from([small_graph(), residual_net()])))
    recipe = Recipe(gradients=data.draw(st.sampled_from(Gradients)), exponents=data.draw(st.sampled_from(Exponents)))
    scheme = plannable(graph, data.draw(schemes(graph, recipe)))
    space = Space(graph=graph, scheme=scheme, input_streamed=data.draw(st.booleans()))
    by = frozenset(b.project for b in bottlenecks(graph, scheme) if data.draw(st.booleans()))
    draft = space.draft(space.tactics(any_cut(data, space), by))
    tied = data.draw(st.lists(st.sampled_from(found), unique=True)) if (found := ties(draft.program)) else []
    check(space, replace(draft, tactics=replace(draft.tactics, over=(*draft.tactics.over, *tied))))


def test_outputs_lie_behind_inputs_that_are_still_read() -> None:
    """A layer that widens its map, one that takes every second row, and both: all of it by rows."""
    graph = small_graph(32)
    scheme = build_scheme(graph, "head")
    space = Space(graph=graph, scheme=scheme, input_streamed=True)
    behind = 0
    for run_ in (way for ways in space.runs.values() for way in ways if way.rows and way.over):
        cut = [Run(first=t, end=t + 1, live_bytes=0) for t in range(len(graph.ops)) if not run_.first <= t < run_.end]
        draft = space.draft(space.tactics(sorted([*cut, run_], key=lambda r: r.first), frozenset()))
        plan = check(space, draft)
        places = {buffer.name: buffer.offset for buffer in plan.buffers}
        behind += places[run_.over] > places[graph.ops[run_.end - 1].y]
    assert behind > 10


@pytest.mark.parametrize("gradients", Gradients)
@pytest.mark.parametrize("label, net", [("98kb", "proxyless-w0.3"), ("99kb", "mcunet-5fps")])
def test_no_step_of_a_chosen_draft_touches_what_does_not_live(net: str, label: str, gradients: Gradients) -> None:
    recipe = Recipe(gradients=gradients, exponents=Exponents.STATIC)
    graph = random_graph(zoo_net(net, 5, (32, 32, 3)))
    scheme = plannable(graph, published_scheme(graph, label, recipe=recipe))
    space = Space(graph=graph, scheme=scheme, input_streamed=True)
    for draft in space.drafts([space.peak, 0], space.peak):
        check(space, draft)
