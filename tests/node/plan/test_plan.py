"""Plans: memory that never collides, bytes that never change, and refusals."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import EngineError, InputError
from fleet.node.engine.binding import Node
from fleet.node.model.graph import Conv2d, Graph
from fleet.node.model.scheme import KINDS, Scheme, build_scheme, trained_values
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.arena import place
from fleet.node.plan.plan import HEADER, HEADER_WORDS
from fleet.node.plan.state import state_bytes, state_values
from fleet.node.plan.steps import Code, Ref, Region
from tests.node.model.nets import Builder, graphs, imu_net, schemes

# What a small plan's bytes hash to. They change only with the format: raise fe_plan.h's version and say so in SPEC.md.
GOLDEN_PLAN = "d42b4379e2a48f313b8b3b60991671a686f713e70b99e0d29cc16978cb030efd"
GOLDEN_MODEL = "e850ea2bbaa1299af72853c26dda9fbe1da6399741fb23e0e683450626d67c82"
SIZES = st.dictionaries(st.text("abcdef", min_size=1), st.integers(1, 300), min_size=1, max_size=14)


def small() -> tuple[Graph, Scheme]:
    """A net with every operator, and a scheme with every kind of update."""
    build = Builder(5)
    x = build.input((6, 4, 3))
    y = build.conv(x, 4, (3, 3), (1, 1), (1, 1, 1, 1))
    z = build.add(build.depthwise(y, (3, 3), (1, 1), (1, 1, 1, 1)), y)
    graph = build.head(build.pool(z), 3)
    return graph, build_scheme(graph, "full")


def live_pairs(plan: Plan) -> list[tuple[str, str]]:
    """Buffers that live at one time and share a byte."""
    return [
        (a.name, b.name)
        for i, a in enumerate(plan.buffers)
        for b in plan.buffers[i + 1 :]
        if a.first <= b.last and b.first <= a.last and a.offset < b.end and b.offset < a.end
    ]


@given(data=st.data())
def test_no_two_live_buffers_share_a_byte(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    plan = plan_of(graph, data.draw(schemes(graph)))
    assert live_pairs(plan) == []
    assert plan.arena_bytes >= plan.lower_bound_bytes >= max(b.size_bytes for b in plan.buffers)
    assert all(b.offset % 4 == 0 and b.end <= plan.arena_bytes for b in plan.buffers)


@given(sizes=SIZES, data=st.data())
def test_any_lifetimes_are_placed_without_overlap(sizes: dict[str, int], data: st.DataObject) -> None:
    lives = {name: tuple(sorted(data.draw(st.tuples(st.integers(0, 20), st.integers(0, 20))))) for name in sizes}
    buffers = place(sizes, lives)  # type: ignore[arg-type]
    assert {b.name for b in buffers} == set(sizes)
    assert [
        (a, b)
        for i, a in enumerate(buffers)
        for b in buffers[i + 1 :]
        if a.first <= b.last and b.first <= a.last and a.offset < b.end and b.offset < a.end
    ] == []


@given(data=st.data())
def test_a_buffer_lives_from_the_first_step_that_names_it_to_the_last(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    plan = plan_of(graph, data.draw(schemes(graph)))
    lives = {b.name: (b.first, b.last) for b in plan.buffers}
    for index, step in enumerate(plan.steps):
        assert all(lives[name][0] <= index <= lives[name][1] for name in step.buffers)
    assert lives[graph.input.name][0] == 0
    assert lives["gradient exponents"][1] == len(plan.steps) - 1


@given(data=st.data())
def test_an_input_gradient_is_taken_before_the_weights_it_reads_are_updated(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    plan = plan_of(graph, data.draw(schemes(graph)))
    updated: set[str] = set()
    for step in plan.steps:
        if step.code in (Code.UPDATE_CONV, Code.UPDATE_DEPTHWISE, Code.UPDATE_DENSE, Code.UPDATE_BIAS):
            updated.add(step.op)
        if step.code in (Code.GRAD_CONV, Code.GRAD_DEPTHWISE, Code.GRAD_DENSE):
            assert step.op not in updated
    assert updated == {t.op for t in plan.scheme.trained}


@given(data=st.data())
def test_every_constant_lies_at_a_multiple_of_four_and_apart_from_the_others(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    plan = plan_of(graph, data.draw(schemes(graph)))
    ends = [s.offset + len(s.content) for s in plan.image.sections]
    assert all(s.offset % 4 == 0 for s in plan.image.sections)
    assert all(end <= s.offset for end, s in zip(ends, plan.image.sections[1:], strict=False))
    for section in plan.image.sections:
        assert plan.model[section.offset : section.offset + len(section.content)] == section.content


def test_the_bytes_of_a_small_plan_are_the_golden_ones() -> None:
    plan = plan_of(*small())
    assert (plan.digest, sha256(plan.model).hexdigest()) == (GOLDEN_PLAN, GOLDEN_MODEL)


def test_the_same_network_gives_the_same_bytes_and_another_scheme_others() -> None:
    graph = imu_net()
    contents = [plan_of(graph, build_scheme(graph, kind)).content for kind in KINDS]
    assert contents == [plan_of(imu_net(), build_scheme(graph, kind)).content for kind in KINDS]
    assert len(set(contents)) == len(KINDS)


def test_the_model_holds_what_is_frozen_and_the_first_values_of_what_trains() -> None:
    graph = imu_net()
    scheme = build_scheme(graph, "sparse")
    plan = plan_of(graph, scheme)
    frozen = {s.name: s.content for s in plan.image.sections if s.use in ("weights", "biases")}
    pointwise = graph.op("block4.pw")
    assert isinstance(pointwise, Conv2d)
    assert frozen["block4.pw frozen"] == pointwise.weight[..., 16:].tobytes()
    assert "block4.pw bias" not in frozen
    assert "head frozen" not in frozen
    assert len(frozen["stem frozen"]) == 24 * 5 * 6
    assert len(frozen["stem bias"]) == 4 * 24
    first = next(s for s in plan.image.sections if s.name == "first values")
    assert (state_values(plan.layout, first.content) == trained_values(graph, plan.layout)).all()


@given(values=st.integers(0, 2**32 - 1))
def test_a_state_gives_back_the_values_it_was_made_from(values: int) -> None:
    graph, scheme = small()
    plan = plan_of(graph, scheme)
    rng = np.random.default_rng(values)
    made = rng.integers(-(2**30), 2**30 + 1, plan.layout.size).astype(np.int32)
    made[: plan.layout.weights] = rng.integers(-127, 128, plan.layout.weights)
    state = state_bytes(plan.layout, made)
    assert len(state) == plan.state_bytes
    assert (state_values(plan.layout, state) == made).all()


# --- refusals --------------------------------------------------------------------------------------------------

NOWHERE = [*(region << 28 | 0x0FFFFFFC for region in (Region.MODEL, Region.STATE, Region.ARENA)), 7 << 28, 5]


def altered(word: int, value: int) -> Plan:
    """The small plan with one word replaced."""
    plan = plan_of(*small())
    words = np.frombuffer(plan.content, dtype="<i4").copy()
    words[word] = value
    return replace(plan, content=words.tobytes())


def reference_words() -> list[int]:
    """Places of all references of the small plan's steps."""
    places, at = [], HEADER_WORDS
    for step in plan_of(*small()).steps:
        places += [at + 2 + i for i, f in enumerate(step.fields) if isinstance(f, Ref)]
        at += 2 + len(step.fields)
    return places


def test_the_small_plan_itself_is_accepted() -> None:
    assert Node(plan_of(*small())).plan.digest == GOLDEN_PLAN


@pytest.mark.parametrize(
    "field, value, status",
    [
        ("magic", 0, "BAD_MAGIC"),
        ("version", 1, "BAD_VERSION"),
        ("words", 99, "BAD_PLAN"),
        ("arena_bytes", 2**30, "BAD_PLAN"),
        ("state_bytes", 2**30, "BAD_PLAN"),
        ("model_bytes", 2**30, "BAD_PLAN"),
        ("classes", 2**31 - 1, "BAD_PLAN"),
        ("classes", -1, "BAD_PLAN"),
        ("input", Region.MODEL << 28, "BAD_PLAN"),
        ("input_bytes", 2**31 - 1, "BAD_PLAN"),
        ("input_bytes", 0, "BAD_PLAN"),
        ("output", 0, "BAD_PLAN"),
        ("output_bytes", -4, "BAD_PLAN"),
        ("exponents", Region.STATE << 28, "BAD_PLAN"),
        ("exponent_count", 2**30, "BAD_PLAN"),
        ("exponent_count", 0, "BAD_PLAN"),
        ("first_values", Region.MODEL << 28 | 0x0FFFFFF0, "BAD_PLAN"),
        ("value_bytes", 2**30, "BAD_PLAN"),
        ("weights", 2**30, "BAD_PLAN"),
        ("loss_word", HEADER_WORDS, "BAD_PLAN"),
        ("loss_word", 2**30, "BAD_PLAN"),
        ("apply_word", HEADER_WORDS, "BAD_PLAN"),
        ("gradients", 2, "BAD_PLAN"),
        ("gradients", 1, "BAD_PLAN"),
        ("rule", 7, "BAD_PLAN"),
        ("rule", -1, "BAD_PLAN"),
        ("rule", 6, "BAD_PLAN"),
        ("momentum", 32768, "BAD_PLAN"),
        ("batch", 0, "BAD_PLAN"),
        ("first code", 41, "BAD_PLAN"),
        ("first code", 0, "BAD_PLAN"),
        ("first length", 26, "BAD_PLAN"),
        ("first length", -1, "BAD_PLAN"),
    ],
)
def test_a_plan_with_a_wrong_word_is_refused(field: str, value: int, status: str) -> None:
    word = (*HEADER, "first code", "first length").index(field)
    with pytest.raises(EngineError, match=f"expected a plan of this engine, got {status}; plan it again"):
        Node(altered(word, value))


@pytest.mark.parametrize("reference", NOWHERE)
def test_a_step_that_points_outside_its_memory_is_refused(reference: int) -> None:
    for word in reference_words():
        with pytest.raises(EngineError, match="BAD_PLAN"):
            Node(altered(word, reference))


@pytest.mark.parametrize("slot", [-1, 1000])
def test_a_step_that_names_an_exponent_there_is_not_is_refused(slot: int) -> None:
    plan = plan_of(*small())
    at = HEADER_WORDS
    for step in plan.steps:
        if step.code is Code.BLOCK:
            with pytest.raises(EngineError, match="BAD_PLAN"):
                Node(altered(at + 3, slot))
        at += 2 + len(step.fields)


def test_a_plan_cut_short_or_made_longer_is_refused() -> None:
    plan = plan_of(*small())
    for content in (plan.content[:-4], plan.content + bytes(4), plan.content[:8], b""):
        with pytest.raises(EngineError, match=r"BAD_PLAN|BAD_MAGIC"):
            Node(replace(plan, content=content))


def deep(**changed: Any) -> Graph:
    """One dense layer over a map of many places, with fields of the head replaced."""
    build = Builder(1)
    made = build.head(build.input((1, 1, 8)), 2)
    return replace(made, ops=(replace(made.head, **changed),))


@pytest.mark.parametrize(
    "graph, text",
    [
        (deep(weight=np.zeros((2, 33_156), np.int8)), "expected at most 33155 products per output, got 33156"),
        (deep(weight=np.full((2, 8), -128, np.int8)), "expected weights from -127 to 127, got -128"),
        (deep(bias=np.array([0, -(2**30) - 1], np.int32)), r"expected biases within 2\^30, got 1073741825"),
        (deep(bias=np.zeros(100_097, np.int32)), "expected at most 100096 products per input gradient, got 100097"),
        (deep(bias=np.zeros(2041, np.int32)), "expected at most 2040 classes, got 2041"),
    ],
)
def test_a_network_whose_sums_could_overflow_is_refused(graph: Graph, text: str) -> None:
    with pytest.raises(InputError, match=text):
        plan_of(graph, build_scheme(graph, "head"))


@pytest.mark.parametrize("scale", [1e-38, 3e38])
def test_a_quotient_of_scales_beyond_its_word_is_refused_by_operator(scale: float) -> None:
    graph, scheme = small()
    tensors = tuple(replace(t, scale=scale) if t.name == graph.input.name else t for t in graph.tensors)
    with pytest.raises(
        InputError, match=r"op\d: expected quotients of scales below 2\^127, got one of 2\^1[23]\d or more"
    ):
        plan_of(replace(graph, tensors=tensors), scheme)


def test_a_map_with_too_many_places_for_a_weight_gradient_is_refused() -> None:
    build = Builder(1)
    graph = build.head(build.pool(build.conv(build.input((66_312, 1, 1)), 1, (1, 1))), 2)
    with pytest.raises(InputError, match="op0: expected at most 66311 output positions, got 66312"):
        plan_of(graph, build_scheme(graph, "head"))
