"""One plan for a fleet's boards: layer by layer where that fits, fused as little as it takes where it does not."""

from dataclasses import replace

import numpy as np
import pytest

from fleet.base.errors import DoesNotFit
from fleet.node.engine.binding import Course, Node
from fleet.node.model.scheme import build_scheme
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.choice import best_plan
from fleet.node.plan.fit import plan_for
from fleet.node.plan.ledger import check_fit, ledger
from fleet.node.plan.tactics import LAYERWISE
from fleet.node.profile import Profile, load_profile
from tests.node.model.nets import imu_net, windows

GRAPH = imu_net()
SCHEME = build_scheme(GRAPH, "sparse")


def board(spare_bytes: int) -> Profile:
    """An nrf52840 that has so many bytes more than the layer-by-layer plan needs; negative: fewer."""
    profile = load_profile("nrf52840")
    bank = profile.banks[0]
    needed = ledger(plan_of(GRAPH, SCHEME), profile).taken(bank.name)
    return replace(profile, banks=(replace(bank, size_bytes=needed + spare_bytes),))


def trained(plan: Plan) -> bytes:
    node, x = Node(plan), windows(GRAPH, 5)
    labels = np.arange(5, dtype=np.uint8) % GRAPH.classes
    node.train(x, labels, np.arange(5), Course(key=1, rate=0.05, own=range(GRAPH.classes)))
    return node.state


def test_a_fleet_that_has_room_runs_layer_by_layer() -> None:
    plan = plan_for(GRAPH, SCHEME, [board(0), board(1000)])
    assert plan.tactics == LAYERWISE
    assert plan.content == plan_of(GRAPH, SCHEME).content


def test_the_tightest_board_decides_and_changes_no_value() -> None:
    tight = board(-1)
    plan = plan_for(GRAPH, SCHEME, [board(1000), tight])
    assert plan.tactics != LAYERWISE
    check_fit(ledger(plan, tight))
    assert trained(plan) == trained(plan_of(GRAPH, SCHEME))


def test_where_nothing_fits_the_smallest_plan_says_what_is_missing() -> None:
    smallest = best_plan(GRAPH, SCHEME)
    whole = plan_of(GRAPH, SCHEME)
    tight = board(smallest.arena_bytes - whole.arena_bytes - 1)
    plan = plan_for(GRAPH, SCHEME, [tight])
    assert plan.arena_bytes == smallest.arena_bytes
    with pytest.raises(DoesNotFit, match=", 1 B over"):
        check_fit(ledger(plan, tight))
