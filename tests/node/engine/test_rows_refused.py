"""Groups of rows that a plan describes wrongly: refused before anything runs."""

import numpy as np
import pytest

from fleet.node.engine.binding import Status, library
from fleet.node.model.scheme import Scheme, Trained, build_scheme
from fleet.node.plan.plan import HEADER, HEADER_WORDS, Plan, plan_of
from fleet.node.plan.steps import NOTHING, Code, Region
from fleet.node.plan.tactics import Tactics
from tests.node.model.nets import Builder


def checked(plan: Plan, changes: dict[int, int]) -> Status:
    """What the engine says of the plan with some words changed."""
    words = np.frombuffer(plan.content, dtype="<i4").copy()
    for at, word in changes.items():
        words[at] = word
    sizes = (words.size, len(plan.model), plan.state_bytes, plan.arena_bytes)
    return Status(library().fe_check_plan(words.ctypes.data, *sizes))


@pytest.fixture(scope="module")
def grouped() -> Plan:
    """A group of a convolution, a depthwise layer whose input's slice is kept, one more convolution and a skip."""
    build = Builder(6)
    x = build.conv(build.input((9, 4, 3), zero=4), 8, (3, 3), pad=(1, 1, 1, 1), zero=-20)
    y = build.conv(build.depthwise(x, (3, 3), pad=(1, 1, 1, 1), zero=-20), 8, (1, 1), zero=3)
    graph = build.head(build.pool(build.add(y, x)), 3)
    trained = (Trained(op="op2", channels=3, bias=True), Trained(op="head", channels=8, bias=True))
    tactics = Tactics(segments=((0, 4),), input_streamed=True, slices=True)
    plan = plan_of(graph, Scheme(name="slices", trained=trained), tactics)
    assert [s.code for s in plan.steps[:6]] == [Code.ROWS, Code.CONV, Code.DEPTHWISE, Code.MOVE, Code.CONV, Code.ADD]
    assert checked(plan, {}) is Status.OK
    return plan


GROUP = HEADER_WORDS
FORMS = GROUP + 3
STEPS_AT = FORMS + 3 * 5
CONV, DEPTHWISE, MOVE, POINTWISE, ADD = (STEPS_AT + n for n in (0, 27, 54, 72, 99))


@pytest.mark.parametrize(
    "what, changes",
    [
        ("another length", {GROUP + 1: 17}),
        ("no step", {GROUP + 2: 0}),
        ("fewer steps than forms", {GROUP + 2: 4}),
        ("more steps than there are", {GROUP + 2: 25}),
        ("a window of too few rows", {FORMS: 2}),
        ("a window of fewer than none", {FORMS: -1}),
        ("a window of more rows than its map", {FORMS: 10}),
        ("an input made later", {FORMS + 1: 1}),
        ("an input of its own", {FORMS + 4: 1}),
        ("an input below all", {FORMS + 4: -2}),
        ("a second input of a convolution", {FORMS + 5: 0}),
        ("no second input of a sum", {FORMS + 14: 9}),
        ("a slice of what is made outside", {FORMS + 7: -1}),
        ("a window of a slice", {FORMS + 6: 2}),
        ("an input from a slice", {FORMS + 10: 2}),
        ("another height", {DEPTHWISE + 9: 8}),
        ("another width", {DEPTHWISE + 10: 5}),
        ("a height without end", {CONV + 12: 2**30}),
        ("no stride", {CONV + 17: 0}),
        ("padding below nothing", {CONV + 19: -1}),
        ("a group within a group", {CONV: 41}),
        ("a step that does not know rows", {CONV: Code.DENSE}),
        ("no input", {CONV + 2: 0}),
        ("no second input", {ADD + 3: 0}),
        ("an output where the window is", {CONV + 3: Region.INPUT << 28}),
        ("an output that ends outside", {CONV + 3: (Region.ARENA << 28) + 1600}),
        ("a slice wider than its map", {MOVE + 6: 9}),
        ("a slice from the middle", {MOVE + 7: 1}),
        ("a slice that fills", {MOVE + 15: 1}),
        ("a sum that repeats a side", {ADD + 9: 0}),
        ("a step that is cut short", {ADD + 1: 25}),
        ("a window that is not streamed", {7: Region.ARENA << 28}),
        ("a window in part", {7: (Region.INPUT << 28) + 4}),
    ],
)
def test_a_group_that_says_something_wrong_is_refused(grouped: Plan, what: str, changes: dict[int, int]) -> None:
    assert checked(grouped, changes) is Status.BAD_PLAN, what


def test_a_mask_that_ends_outside_the_arena_is_refused(grouped: Plan) -> None:
    last = (Region.ARENA << 28) + grouped.arena_bytes - 9 * 4 * 8 // 8
    assert checked(grouped, {CONV + 4: last}) is Status.OK
    assert checked(grouped, {CONV + 4: last + 4}) is Status.BAD_PLAN
    assert checked(grouped, {CONV + 4: (Region.MODEL << 28) + 4}) is Status.BAD_PLAN


def test_steps_that_end_a_batch_do_not_begin_within_a_group(grouped: Plan) -> None:
    apply = HEADER.index("apply_word")
    assert checked(grouped, {apply: CONV}) is Status.BAD_PLAN


def test_a_row_of_a_mask_that_begins_within_a_byte_is_refused() -> None:
    build = Builder(2)
    x = build.conv(build.input((5, 3, 2)), 8, (1, 1), zero=-30, span=(-1, 1))
    graph = build.head(build.pool(build.conv(x, 8, (1, 1), zero=-30)), 2)
    plan = plan_of(graph, build_scheme(graph, "full"), Tactics(segments=((0, 2),)))
    first = HEADER_WORDS + 3 + 3 * 2
    assert checked(plan, {}) is Status.OK
    assert plan.steps[1].fields[2] != NOTHING
    channels, second, trained = first + 14, first + 27 + 11, first + 27 + 23
    seven = {channels: 7, second: 7, trained: 7}
    assert checked(plan, seven) is Status.BAD_PLAN
    assert checked(plan, {**seven, first + 4: 0}) is Status.OK


def test_a_layer_in_place_whose_output_lies_elsewhere_is_refused() -> None:
    """The engine writes where the input is."""
    build = Builder(8)
    x = build.conv(build.input((5, 4, 3), zero=4), 8, (3, 3), pad=(1, 1, 1, 1), zero=-20)
    y = build.depthwise(x, (3, 3), pad=(1, 1, 1, 1), zero=-20)
    graph = build.head(build.pool(y), 3)
    scheme = Scheme(name="head", trained=(Trained(op="head", channels=8, bias=True),))
    plan = plan_of(graph, scheme, Tactics(over=((y.name, x.name),)))
    at = HEADER_WORDS + 27
    words = np.frombuffer(plan.content, dtype="<i4")
    place, channels = int(words[at + 2]), at + 9 + 5
    assert words[at] == Code.DEPTHWISE_IN_PLACE
    assert words[at + 3] == place
    assert checked(plan, {}) is Status.OK
    assert checked(plan, {at + 3: (Region.ARENA << 28) + (4 if place & 0xFFFF == 0 else 0)}) is Status.BAD_PLAN
    assert checked(plan, {at + 2: Region.MODEL << 28, at + 3: Region.MODEL << 28}) is Status.BAD_PLAN
    assert checked(plan, {channels: 16}) is Status.BAD_PLAN
