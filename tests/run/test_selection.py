"""What a server's books say of its nodes, and whom they make a round ask."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fleet.federation.grid import Exchange
from fleet.run.selection import ENDLESS_NJ, Books
from fleet.scenario.energy_schema import HarvestChoice, StoreChoice
from fleet.world.energy import store_of
from fleet.world.job import Outcome, Reason
from tests.run.quickstart import Party

DAY_US = 86_400_000_000


def books(party: Party, select: str, *energies: StoreChoice) -> Books:
    """Of a fleet with four nodes on each of these stores, of which a round asks four."""
    scenario = party.scenario
    groups = tuple(replace(scenario.fleet[0], count=4, energy=energy) for energy in energies)
    server = replace(scenario.server, select=select, sample=4)
    changed: Any = SimpleNamespace(
        scenario=replace(scenario, fleet=groups, server=server),
        nodes=range(4 * len(groups)),
        asked=4,
        plan=party.plan,
        step_cost=lambda node: party.step_cost(0),
    )
    return Books(party=changed)


def asked(*nodes: int) -> Exchange:
    outcomes = tuple(Outcome(node=node, round=1, reason=Reason.LOST) for node in nodes)
    return Exchange(round=1, opened_us=0, closed_us=1, down_bytes=0, outcomes=outcomes)


def constant(power_nw: int) -> StoreChoice:
    return StoreChoice(kind="supercap", harvest=HarvestChoice(kind="constant", power_nw=power_nw))


def test_books_open_with_what_each_store_holds_and_mains_come_first(party: Party) -> None:
    cell, mains = StoreChoice(kind="cr2032"), StoreChoice(kind="ideal")
    kept = books(party, "battery", cell, mains)
    assert kept.known.left_nj.tolist() == [store_of(cell).capacity_nj] * 4 + [ENDLESS_NJ] * 4
    assert kept.select(1, DAY_US) == [4, 5, 6, 7]


def test_the_sunnier_group_is_asked_until_it_was_asked_for_more(party: Party) -> None:
    """Excess is the harvest now less nJ spent over the time since the start: 2 mW against 1 mW."""
    kept = books(party, "energy-excess", constant(1_000_000), constant(2_000_000))
    assert kept.select(1, DAY_US) == [4, 5, 6, 7]
    each_nj = party.scenario.training.steps_per_round * party.step_cost(0).energy_nj
    kept.learn(asked(4, 5))
    soon_us = each_nj // 2  # in which one round draws 2 mW on average: 4 and 5 have no excess
    chosen = kept.select(2, soon_us)
    assert {6, 7} <= set(chosen)
    assert not {4, 5} & set(chosen)
    assert kept.select(3, 1_000 * soon_us) == [4, 5, 6, 7]


def test_regions_have_their_own_sky_and_nights_have_none(party: Party) -> None:
    pytest.importorskip("pvlib")
    sun = HarvestChoice(kind="solar", area_mm2=1_000, latitude=48.0, regions=2)
    kept = books(party, "energy-excess", StoreChoice(kind="supercap", harvest=sun), StoreChoice(kind="cr2032"))
    excess = []
    for hour in range(24):
        kept.select(1, hour * DAY_US // 24)
        excess.append(kept.known.excess_nw.copy())
    by_hour = np.stack(excess)
    assert (by_hour[0] == 0).all()
    assert (by_hour[12, :4] > 0).all()
    assert (by_hour[:, 4:] == 0).all()
    assert (by_hour[:, 0] == by_hour[:, 2]).all()
    assert (by_hour[:, 0] != by_hour[:, 1]).any()


def test_an_update_that_did_not_arrive_has_no_utility(party: Party) -> None:
    kept = books(party, "oort", constant(0), constant(0))
    kept.learn(asked(0, 1))
    assert kept.known.utility.tolist() == [0] * 8
    assert kept.known.failures.tolist() == [1, 1] + [0] * 6
