"""Groups of channels that a plan describes wrongly: refused before anything runs."""

from collections.abc import Mapping

import numpy as np
import pytest

from fleet.node.engine.binding import Status
from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.scheme import build_scheme
from fleet.node.plan.plan import HEADER_WORDS, Plan, plan_of
from fleet.node.plan.steps import Code, Region
from tests.node.engine.runs import static
from tests.node.engine.test_channels import all_by_channels, narrow_net
from tests.node.engine.test_rows_refused import checked

BEYOND = (Region.ARENA << 28) + 4
FLOW_E, FLOW_SHIFT, PLACES, CHANNELS, R, TRAINED = 8, 10, 11, 12, 15, 18 + 14  # words of an input gradient's step
IN_H, IN_C, OUT_H, OUT_W, OUT_C, K_H, STRIDE = 18, 20, 21, 22, 23, 24, 26
U_X, U_W, U_RATE, U_IN_C, U_TRAINED = 5, 6, 7, 14, 12 + 14  # of an update's
NAMES = (
    *("mask project", "grad project", "update project", "bias project", "mask middle", "grad middle"),
    *("update middle", "bias middle", "mask expand", "grad expand", "update expand", "bias expand"),
)


def words_of(plan: Plan) -> dict[str, int]:
    """Where the last bottleneck's group begins, and each of its steps."""
    at, found = HEADER_WORDS, dict[str, int]()
    for i, step in enumerate(plan.steps):
        if step.code is Code.CHANNELS:
            found["group"] = at
            for name, inner in zip(NAMES, plan.steps[i + 1 :], strict=False):
                at += 2 + len(plan.steps[i].fields) if name == NAMES[0] else 0
                found[name] = at
                at += 2 + len(inner.fields)
            return found
        at += 2 + len(step.fields)
    raise AssertionError("no group")


@pytest.fixture(scope="module", params=Gradients)
def grouped(request: pytest.FixtureRequest) -> Plan:
    """Everything trains; the first group is that of the block before the pool, with all steps that there are."""
    graph = narrow_net()
    scheme = build_scheme(graph, "full", recipe=Recipe(gradients=request.param))
    scheme = scheme if request.param is Gradients.FP32 else static(graph, scheme, 0.05)
    plan = plan_of(graph, scheme, all_by_channels(graph, scheme))
    assert checked(plan, {}) is Status.OK
    return plan


@pytest.mark.parametrize(
    "what, changes",
    [
        ("another length", {("group", 1): 4}),
        ("no step", {("group", 2): 0}),
        ("fewer steps, which then stand alone", {("group", 2): 1}),
        ("more steps than there may be", {("group", 2): 25}),
        ("no channels", {("group", 3): 0}),
        ("other channels", {("group", 3): 8}),
        ("no round", {("group", 4): 0}),
        ("a round of more channels than there are", {("group", 4): 10}),
        ("a round whose planes end outside", {("group", 4): 9, ("grad project", FLOW_E): BEYOND}),
        ("a step that is not of the way back", {("mask project", 0): Code.ROWS}),
        ("an update by another operator", {("update middle", 0): Code.UPDATE_CONV}),
        ("a gradient of another operator", {("grad middle", 0): Code.GRAD_CONV}),
        ("a gradient that nobody makes", {("mask middle", 2): BEYOND}),
        ("no gradient", {("bias middle", 2): 0}),
        ("nowhere to put a plane", {("grad middle", FLOW_E): 0}),
        ("nowhere to put a gradient", {("grad expand", FLOW_E): 0}),
        ("more places of a gradient than its layer has", {("grad expand", PLACES): 2**12}),
        ("more channels of a gradient than its layer has", {("grad expand", CHANNELS): 2**12}),
        ("fewer places of a plane", {("grad project", PLACES): 1}),
        ("the channels of a round alone", {("grad middle", CHANNELS): 1}),
        ("a mask of another size", {("mask expand", 4): 8}),
        ("a mask of none", {("mask expand", 3): 0}),
        ("biases of other places", {("bias expand", 4): 3}),
        ("biases of other channels", {("bias project", 5): 5}),
        ("no biases", {("bias project", 6): 0}),
        ("two taps", {("grad project", K_H): 2}),
        ("a strided pointwise layer", {("grad expand", STRIDE): 2}),
        ("a depthwise layer without stride", {("grad middle", STRIDE): 0}),
        ("another height of the input", {("grad project", IN_H): 3}),
        ("another height of the output", {("grad middle", OUT_H): 5}),
        ("several places, but not all", {("grad project", OUT_H): 2}),
        ("more outputs than channels", {("grad middle", OUT_C): 10}),
        ("more trained than there are", {("grad project", TRAINED): 10}),
        ("more updated than there are", {("update project", U_TRAINED): 10}),
        ("less than nothing updated", {("update middle", U_TRAINED): -1}),
        ("a depthwise layer's slice", {("update middle", U_IN_C): 8}),
        ("no input", {("update expand", U_X): 0}),
        ("no weights", {("update expand", U_W): 0}),
        ("no rate", {("update middle", U_RATE): 0}),
        ("no factors", {("grad expand", R): 0}),
    ],
)
def test_a_group_that_says_something_wrong_is_refused(
    grouped: Plan, what: str, changes: Mapping[tuple[str, int], int]
) -> None:
    places = words_of(grouped)
    altered = {places[step] + word: value for (step, word), value in changes.items()}
    assert checked(grouped, altered) is Status.BAD_PLAN, what


def test_exponents_that_the_plan_does_not_know_are_refused() -> None:
    graph = narrow_net()
    scheme = static(graph, build_scheme(graph, "full"), 0.05)
    plan = plan_of(graph, scheme, all_by_channels(graph, scheme))
    for step in ("grad project", "grad middle", "grad expand"):
        assert checked(plan, {words_of(plan)[step] + FLOW_SHIFT: -1}) is Status.BAD_PLAN
        assert checked(plan, {words_of(plan)[step] + FLOW_SHIFT: 32}) is Status.BAD_PLAN
    assert checked(plan, {words_of(plan)["grad expand"] + 4: 0}) is Status.BAD_PLAN, "no sums"


def test_each_step_comes_once(grouped: Plan) -> None:
    at = words_of(grouped)
    again = {at["bias middle"] + 2: int.from_bytes(grouped.content[4 * at["mask expand"] + 8 :][:4], "little")}
    assert checked(grouped, again) is Status.BAD_PLAN


@pytest.mark.parametrize("first, second", [("mask project", "grad project"), ("grad middle", "update middle")])
def test_another_order_of_the_steps_is_refused(grouped: Plan, first: str, second: str) -> None:
    """Its bits would be others: an executor that runs the steps one by one goes by their order."""
    words, at = np.frombuffer(grouped.content, dtype="<i4").copy(), words_of(grouped)
    ends = [at[name] + int(words[at[name] + 1]) for name in (first, second)]
    swapped = [*words[at[second] : ends[1]], *words[at[first] : ends[0]]]
    assert ends[0] == at[second]
    assert checked(grouped, dict(enumerate(map(int, swapped), at[first]))) is Status.BAD_PLAN
