"""Words of a plan that begin where a Cortex-M0+ cannot load them: refused before anything runs."""

import pytest

from fleet.node.engine.binding import Status
from fleet.node.model.recipe import Gradients, Recipe, Rule
from fleet.node.model.scheme import build_scheme
from fleet.node.plan.plan import HEADER, Plan, plan_of
from tests.node.engine.runs import static
from tests.node.engine.test_channels import all_by_channels, narrow_net
from tests.node.engine.test_channels_refused import FLOW_E, words_of
from tests.node.engine.test_rows_refused import checked
from tests.node.model.nets import imu_net

FLOW_G, FLOW_ACC = 2, 4


def word(plan: Plan, at: int) -> int:
    return int.from_bytes(plan.content[4 * at :][:4], "little")


def header(plan: Plan, name: str, by: int) -> dict[int, int]:
    at = HEADER.index(name)
    return {at: word(plan, at) + by, HEADER.index("arena_bytes"): plan.arena_bytes}


@pytest.mark.parametrize("by", [1, 2, 3])
def test_exponents_begin_with_a_word(by: int) -> None:
    graph = imu_net()
    plan = plan_of(graph, build_scheme(graph, "full"))
    assert checked(plan, header(plan, "exponents", 4)) is Status.OK
    assert checked(plan, header(plan, "exponents", by)) is Status.BAD_PLAN


def test_logits_that_are_given_out_begin_with_a_half_word() -> None:
    graph = imu_net()
    plan = plan_of(graph, build_scheme(graph, "full"))
    assert checked(plan, header(plan, "output", -2)) is Status.OK
    assert checked(plan, header(plan, "output", -1)) is Status.BAD_PLAN


@pytest.mark.parametrize("by", [1, 2, 3])
def test_latent_weights_behind_the_values_begin_with_a_word(by: int) -> None:
    graph = imu_net()
    plan = plan_of(graph, build_scheme(graph, "full", recipe=Recipe(gradients=Gradients.FP32, rule=Rule.LATENT)))
    assert checked(plan, header(plan, "value_bytes", -4)) is Status.OK
    assert checked(plan, header(plan, "value_bytes", -by)) is Status.BAD_PLAN


@pytest.mark.parametrize("by", [1, 2, 3])
@pytest.mark.parametrize("gradients", Gradients)
def test_what_a_group_of_channels_sums_begins_with_a_word(gradients: Gradients, by: int) -> None:
    graph = narrow_net()
    scheme = build_scheme(graph, "full", recipe=Recipe(gradients=gradients))
    is_float = gradients is Gradients.FP32
    scheme = scheme if is_float else static(graph, scheme, 0.05)
    plan = plan_of(graph, scheme, all_by_channels(graph, scheme))
    place = words_of(plan)["grad expand"] + (FLOW_E if is_float else FLOW_ACC)
    back = word(plan, place) - 4 if word(plan, place) & 0xFFFFFFF else word(plan, place) + 4
    assert checked(plan, {place: back}) is Status.OK
    assert checked(plan, {place: back + by}) is Status.BAD_PLAN


@pytest.mark.parametrize("by", [1, 2, 3])
def test_planes_of_floats_begin_with_a_word(by: int) -> None:
    """All steps of the group that name a plane name it anew, so that nothing but its place is wrong."""
    graph = narrow_net()
    scheme = build_scheme(graph, "full", recipe=Recipe(gradients=Gradients.FP32))
    plan = plan_of(graph, scheme, all_by_channels(graph, scheme))
    at = words_of(plan)
    for maker in ("grad project", "grad middle"):
        named = word(plan, at[maker] + FLOW_E)
        group = range(at["group"], at["bias expand"] + 10)
        moved = {place: named for place in group if word(plan, place) == named}
        assert len(moved) > 2
        for offset, status in ((-4, Status.OK), (-4 + by, Status.BAD_PLAN)):
            assert checked(plan, dict.fromkeys(moved, named + offset)) is status
