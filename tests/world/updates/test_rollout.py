"""Campaigns in the world: who gets an update when, what it costs, and where it stops."""

from dataclasses import replace
from fractions import Fraction

import pytest

from fleet.base.errors import InputError
from fleet.node.profile import load_profile
from fleet.node.protocol.ota.mcuboot import Mode
from fleet.node.protocol.ota.rehearsal import End, rehearsed
from fleet.scenario.updates import UpdateChoice
from fleet.world.campaign import Campaign
from fleet.world.cohort import Group
from fleet.world.life import Clock, Faults, Life, Presence
from fleet.world.records import Records
from fleet.world.updates.planned import planned_update, rules_of
from fleet.world.updates.rollout import Rollout
from fleet.world.updates.update import Update
from fleet.world.world import World
from tests.run.quickstart import Party
from tests.world.fakes import HOUR_US, lossy, spec

DAY_US = 24 * HOUR_US
BOARD = "nrf52840"


def choice(**changes: object) -> UpdateChoice:
    usual = UpdateChoice(name="v2", content="firmware", at_us=HOUR_US, size_bytes=20_000, canaries=5, growth=5)
    return replace(usual, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def update(party: Party) -> Update:
    return planned_update(0, choice(), party.plan, {BOARD: load_profile(BOARD)})


def course(
    update: Update,
    asked: UpdateChoice,
    nodes: int = 60,
    *,
    loss: float = 0.0,
    life: Life | None = None,
    cohort: bool = False,
) -> tuple[World, Records, Rollout]:
    records = Records()
    rollout = Rollout(
        update=update,
        campaign=Campaign(rules_of(asked, nodes), range(nodes), 3),
        at_us=asked.at_us,
        within_us=asked.within_us,
        board=lambda _: BOARD,
        line="federated",
        records=records,
    )
    world = World(
        [replace(spec(n, link=lossy(loss)), life=life) for n in range(nodes)],
        seed=1,
        line="federated",
        records=records,
        groups=[Group(board=BOARD, first=0, count=nodes)],
        cohort=cohort,
        rollouts=[rollout],
    )
    return world, records, rollout


def test_stages_grow_from_the_canaries_to_all(update: Update) -> None:
    world, records, rollout = course(update, choice())
    world.advance_to(2 * DAY_US)
    world.close()
    assert [sum(row.stage == stage for row in records.updates) for stage in range(3)] == [5, 20, 35]
    assert {row.result for row in records.updates} == {"confirmed"}
    assert rollout.ended == "60 have it, 0 failed, 0 given up, 0 not asked"
    first = {stage: min(row.asked_us for row in records.updates if row.stage == stage) for stage in range(3)}
    assert HOUR_US == first[0] < first[1] < first[2]


def test_what_a_node_spends_is_the_bill_of_its_board(update: Update) -> None:
    world, records, _ = course(update, choice(), nodes=1)
    world.advance_to(DAY_US)
    energy, _ = world.close()
    bill = rehearsed(load_profile(BOARD), Mode.DIRECT_XIP, 20_000, 256, End.CONFIRMED)
    flash = next(row for row in energy if row.cause == "flash")
    assert flash.time_us == records.updates[0].flash_us == bill.download_us + bill.install_us
    assert records.updates[0].erases == bill.erases
    assert sum(row.payload_bytes for row in records.traffic if row.direction == "down") == 20_000 + 384


def test_a_bad_update_stops_at_the_canaries(update: Update, party: Party) -> None:
    bad = planned_update(0, choice(defective=1.0), party.plan, {BOARD: load_profile(BOARD)})
    world, records, rollout = course(bad, choice(defective=1.0))
    world.advance_to(2 * DAY_US)
    world.close()
    assert {row.result for row in records.updates} == {"reverted"}
    assert len(records.updates) == 5
    assert rollout.ended == "0 have it, 5 failed, 0 given up, 55 not asked"
    assert [event.kind for event in records.events] == ["halted"]


def test_nodes_that_were_not_reached_are_asked_again(update: Update) -> None:
    life = Life(presence=Presence(share=0.5, spell_us=2 * HOUR_US), clock=Clock(), faults=Faults())
    asked = choice(within_us=HOUR_US, retry_us=HOUR_US, retries=20)
    world, records, rollout = course(update, asked, life=life)
    world.advance_to(20 * DAY_US)
    world.close()
    assert any(row.attempt > 0 for row in records.updates)
    assert "lost" in {row.result for row in records.updates}
    assert rollout.ended.startswith("60 have it")


def test_a_power_cut_in_the_middle_costs_time_and_bricks_nobody(party: Party) -> None:
    life = Life(presence=Presence(), clock=Clock(), faults=Faults(power_cut_us=HOUR_US // 4))
    large = planned_update(0, choice(size_bytes=400_000), party.plan, {BOARD: load_profile(BOARD)})
    world, records, rollout = course(large, choice(), nodes=600, life=life)
    world.advance_to(3 * DAY_US)
    world.close()
    cuts = [event for event in records.events if event.kind == "power_cut"]
    assert cuts
    assert rollout.ended.startswith("600 have it")
    longer = [row for row in records.updates if row.flash_us > min(r.flash_us for r in records.updates)]
    assert {row.node for row in longer} == {event.node for event in cuts}


def test_a_cohort_updates_as_objects_do(update: Update) -> None:
    life = Life(presence=Presence(share=0.8), clock=Clock(ppm=20), faults=Faults(power_cut_us=50 * HOUR_US))
    asked = choice(retry_us=HOUR_US)
    (one, each, first), (other, rows, second) = (
        course(update, asked, 80, loss=0.1, life=life, cohort=c) for c in (False, True)
    )
    for world in (one, other):
        world.advance_to(4 * DAY_US)
    assert one.close() == other.close()
    assert each.updates == rows.updates
    assert first.ended == second.ended


def test_a_flash_without_room_is_refused_with_the_arithmetic(party: Party) -> None:
    with pytest.raises(InputError, match=r"samd21: update places: expected .* B more"):
        planned_update(0, choice(size_bytes=200_000), party.plan, {"samd21": load_profile("samd21")})


def test_stages_of_a_scenario() -> None:
    assert rules_of(choice(), 1000).shares == (
        Fraction(25, 1000),
        Fraction(125, 1000),
        Fraction(625, 1000),
        Fraction(1),
    )
    assert rules_of(choice(growth=1), 1000).shares == (Fraction(1),)
