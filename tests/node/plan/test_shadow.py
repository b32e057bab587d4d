"""Shadow memory: what lives in no step is spoilt before it, and no step may touch it or miss it."""

import ctypes as c
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.base import rng
from fleet.node.engine.binding import Node, _Course, _Real, library
from fleet.node.engine.host import Variant
from fleet.node.model.fixed import real
from fleet.node.model.recipe import Exponents, Gradients, Recipe
from fleet.node.model.scheme import build_scheme
from fleet.node.model.schemes.published import published_scheme
from fleet.node.model.zoo import zoo_net
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.bottlenecks import bottlenecks
from fleet.node.plan.choice import Space, plannable
from fleet.node.plan.draft import Draft
from fleet.node.plan.lifetimes import groups, ties
from fleet.node.plan.placement import Effort
from fleet.node.plan.plan import finished
from fleet.node.plan.segments import Run
from tests.node.model.nets import WEIGHTED, graphs, residual_net, schemes, windows
from tests.node.model.schemes.bottlenecks import random_graph, small_graph

KEY = rng.key(3, rng.Stream.UPDATE, 1)


class Goal(c.Structure):
    """fe_goal."""

    _fields_ = [("label", c.c_int32), ("answer", c.c_void_p)]


def spans(plan: Plan, first: int, last: int) -> NDArray[np.bool_]:
    """bool [arena]: bytes that live in some step from first to last."""
    if plan.placement is None:
        return np.ones(plan.arena_bytes, dtype=bool)
    alive = np.zeros(plan.arena_bytes, dtype=bool)
    for block in plan.draft.blocks:
        for part in block.parts:
            if part.first <= last and first <= part.last:
                start = plan.placement.offsets[block.name] + part.delta
                alive[start : start + -(-part.size_bytes // 4) * 4] = True
    return alive


def moments(plan: Plan) -> Iterator[tuple[int, int]]:
    """First and last step of what runs as one: a step, or a group."""
    within = {group.header: group.last for group in groups(plan.draft.program)}
    at = 0
    while at < len(plan.steps):
        yield at, within.get(at, at)
        at = within.get(at, at) + 1


def run(plan: Plan, steps: int, *, spoil: bool = False) -> tuple[bytes, bytes]:
    """The state after some steps on one window, and what the last forward pass said; step by step."""
    graph = plan.graph
    node, x = Node(plan, variant=Variant.PLAIN), windows(graph, steps)
    own = np.full(-(-graph.classes // 8), 255, dtype=np.uint8)
    rate = real(0.05)
    course = _Course(KEY, _Real(rate.mant, rate.exp), 1, own.ctypes.data)
    memory, said = node._arena.view(np.uint8), b""
    noise = np.random.default_rng(7).integers(0, 256, memory.size, dtype=np.uint8)
    for window in x:
        node._place_of(graph.inputs[0])[:] = window.view(np.uint8).ravel()
        for first, last in moments(plan):
            if plan.trains and first == plan.draft.program.loss:
                said = node._bytes_of(graph.head.y).tobytes()
            alive = spans(plan, first, last)
            if spoil:
                memory[~alive] = noise[~alive]
            before = memory.copy()
            if plan.trains and first == plan.draft.program.loss:
                library().fe_run_loss(
                    c.byref(node._node), c.byref(course), c.byref(Goal(1, None)), c.byref(c.c_uint32())
                )
            else:
                node.host.repeat(first, 1, course)
            touched = (memory != before) & ~alive
            assert not touched.any(), (plan.steps[first].code.name, plan.steps[first].op, np.flatnonzero(touched)[:4])
    return node.state, said


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
    assert run(plan, 3, spoil=True) == run(plan, 3, spoil=False) == run(plan_of(space.graph, space.scheme), 3)
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
