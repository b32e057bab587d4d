"""Tests of the search plan hundreds of schemes: layer by layer, which takes a millisecond each."""

from typing import Any

import pytest

from fleet.node.model.graph import Graph
from fleet.node.model.scheme import Scheme
from fleet.node.plan import Plan, plan_of
from fleet.run.search import memory


def quick_plan(graph: Graph, scheme: Scheme, **_: Any) -> Plan:
    """A plan without tactics, whatever the budget."""
    return plan_of(graph, scheme)


def quick_size(graph: Graph, scheme: Scheme, *_: Any) -> int:
    """Bytes of such a plan."""
    return memory.sram_bytes(quick_plan(graph, scheme))


@pytest.fixture(autouse=True)
def _layer_by_layer(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Unless a test is marked by the name `real_plans` among its fixtures."""
    if "real_plans" not in request.fixturenames:
        monkeypatch.setattr(memory, "best_plan", quick_plan)
        monkeypatch.setattr(memory, "smallest_size", quick_size)


@pytest.fixture
def real_plans() -> None:
    """Asks for the planner as it is."""
