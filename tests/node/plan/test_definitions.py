"""The counts of papers: their published numbers for their published schemes."""

import pytest

from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.schemes import PUBLISHED_SCHEMES, named_scheme
from fleet.node.model.untrained import untrained_graph
from fleet.node.model.zoo import zoo_net
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.definitions import Definition, definitions
from fleet.node.plan.tactics import LAYERWISE, Tactics


def planned(name: str, label: str, tactics: Tactics = LAYERWISE) -> Plan:
    graph = untrained_graph(zoo_net(name, 10))
    return plan_of(
        graph, named_scheme(graph, f"sparse:{label}", recipe=Recipe(gradients=Gradients.FP32)).scheme, tactics
    )


def by_key(plan: Plan) -> dict[str, Definition]:
    return {item.key: item for item in definitions(plan)}


@pytest.mark.parametrize("name", PUBLISHED_SCHEMES)
def test_a_label_is_the_whole_kib_of_its_count(name: str) -> None:
    for label in PUBLISHED_SCHEMES[name]:
        size = by_key(planned(name, label))["mcunetv3_label"].size_bytes
        assert f"{size // 1024}kb" == label


def test_beside_the_arena_the_header_of_the_released_demonstration_has_the_published_buffers() -> None:
    """mit-han-lab/tinyengine, generated genModel.h of the 49 KB scheme: im2col 8,712 and kernel 864."""
    plan = planned("mcunet-5fps", "49kb")
    assert by_key(plan)["tinyengine_header"].size_bytes - plan.arena_bytes == 8712 + 864


def test_ours_comes_first_and_says_whether_the_window_is_in_it() -> None:
    plan = planned("mcunet-5fps", "49kb")
    ours, *_ = definitions(plan)
    assert ours.size_bytes == plan.state_bytes + plan.arena_bytes
    assert "the window included" in ours.counts
    streamed = definitions(planned("mcunet-5fps", "49kb", Tactics(input_streamed=True)))[0]
    assert "the window aside" in streamed.counts
