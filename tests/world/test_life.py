"""What happens to nodes besides their work, in the world: presence, clocks, faults."""

from dataclasses import replace

import pytest

from fleet.world.cohort import Group
from fleet.world.job import Reason
from fleet.world.life import Clock, Faults, Life, Presence
from fleet.world.meter import Cause
from fleet.world.node import NodeSpec
from fleet.world.records import Records
from fleet.world.world import World
from tests.world.fakes import HOUR_US, Work, jobs, lossy, spec

DAY_US = 24 * HOUR_US


def lived(node: int, *, presence: Presence = Presence(), clock: Clock = Clock(), faults: Faults = Faults()) -> NodeSpec:  # noqa: B008 (frozen)
    return replace(spec(node), life=Life(presence=presence, clock=clock, faults=faults))


def world(*specs: NodeSpec, seed: int = 0) -> tuple[World, Records]:
    records = Records()
    return World(specs, seed=seed, line="federated", records=records), records


def test_a_life_without_anything_changes_nothing() -> None:
    with_life, without = world(lived(0)), world(spec(0))
    for one, _ in (with_life, without):
        one.exchange(jobs(0), deadline_us=HOUR_US)
        one.advance_to(HOUR_US)
    assert with_life[0].close() == without[0].close()


def test_a_node_out_of_reach_answers_when_it_is_back_or_is_late() -> None:
    presence = Presence(share=0.5, spell_us=HOUR_US)
    fleet, records = world(*(lived(n, presence=presence) for n in range(40)))
    outcomes = fleet.exchange(jobs(*range(40)), deadline_us=HOUR_US + HOUR_US // 2)
    there = {n for n in range(40) if presence.next_us(0, n, 0) == 0}
    soon = {n for n in range(40) if presence.next_us(0, n, 0) == HOUR_US}
    assert {o.node for o in outcomes if o.delivered} == there | soon
    assert {o.node for o in outcomes if o.reason is Reason.LATE} == set(range(40)) - there - soon
    assert {e.node for e in records.events if e.kind == "absent"} == set(range(40)) - there


def test_a_poor_clock_listens_longer_the_longer_it_slept() -> None:
    clock = Clock(ppm=100)
    fleet, records = world(lived(0, clock=clock))
    for number in (1, 2):
        fleet.advance_to(number * DAY_US)
        fleet.exchange(jobs(0, in_round=number), deadline_us=number * DAY_US + HOUR_US)
    energy, _ = fleet.close()
    perfect, _ = world(spec(0))
    for number in (1, 2):
        perfect.advance_to(number * DAY_US)
        perfect.exchange(jobs(0, in_round=number), deadline_us=number * DAY_US + HOUR_US)
    plain, _ = perfect.close()
    more = {e.cause: e.time_us - p.time_us for e, p in zip(energy, plain, strict=True)}
    first = clock.listens_us(0, 0, DAY_US)
    assert 0 < more[Cause.RECEIVE] == pytest.approx(2 * first, rel=1e-3)
    assert not records.events


def test_a_power_cut_loses_the_round_and_not_the_node() -> None:
    faults = Faults(power_cut_us=HOUR_US // 2)
    fleet, records = world(*(lived(n, faults=faults) for n in range(60)))
    works = [Work(node=n, step_us=20_000_000) for n in range(60)]  # 21 minutes of work
    outcomes = fleet.exchange(works, deadline_us=HOUR_US)
    cut = {e.node for e in records.events if e.kind == "power_cut"}
    assert 5 < len(cut) < 55
    assert {o.node for o in outcomes if o.reason is Reason.LOST} == cut
    assert all(works[n].calls[-1].startswith("abandon") for n in cut)
    assert fleet.alive() == tuple(range(60))


def test_a_stuck_radio_and_a_corrupt_model_wait_for_maintenance() -> None:
    faults = Faults(stuck_radio_us=100 * HOUR_US, flash_flip_us=100 * HOUR_US, repair_us=10 * DAY_US)
    fleet, records = world(*(lived(n, faults=faults) for n in range(60)))
    for number, time_us in enumerate((9 * DAY_US, 10 * DAY_US), 1):
        fleet.advance_to(time_us)
        outcomes = fleet.exchange(jobs(*range(60), in_round=number), deadline_us=time_us + HOUR_US)
        answered = sum(outcome.delivered for outcome in outcomes)
        assert answered < 20 if number == 1 else answered == 60
    assert {e.kind for e in records.events} == {"stuck", "corrupt"}


def test_a_cohort_lives_as_objects_do() -> None:
    faults = Faults(stuck_radio_us=300 * HOUR_US, power_cut_us=2000 * HOUR_US, repair_us=5 * DAY_US)
    life = Life(presence=Presence(share=0.7, stay_us=30 * DAY_US), clock=Clock(ppm=50), faults=faults)
    specs = [replace(spec(n, link=lossy(0.05)), life=life) for n in range(100)]
    each, rows = Records(), Records()
    one = World(specs, seed=3, line="federated", records=each)
    group = [Group(board="a", first=0, count=100)]
    other = World(specs, seed=3, line="federated", records=rows, groups=group, cohort=True)
    for fleet in (one, other):
        for number in range(1, 20):
            fleet.advance_to(max(fleet.now_us, number * DAY_US))
            fleet.exchange(jobs(*range(number % 3, 100, 3), in_round=number), deadline_us=fleet.now_us + HOUR_US)
    assert one.close() == other.close()
    assert sorted(each.events, key=str) == sorted(rows.events, key=str)
