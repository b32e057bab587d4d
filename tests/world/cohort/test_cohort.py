"""The cohort against a fleet in which every node is an object: the same jobs leave the same records."""

from dataclasses import replace

import numpy as np
import pytest

from fleet.base import rng
from fleet.world.cohort import Group
from fleet.world.cohort.rows import energies_nj
from fleet.world.harvest import Trace
from fleet.world.meter import Cause, Draw
from fleet.world.node import NodeSpec
from fleet.world.outage import Recovery
from fleet.world.radio import BleLink
from fleet.world.radio.link import Standby
from fleet.world.records import Records
from fleet.world.reports.report import Block, Ints, Mask
from fleet.world.stores import Store
from fleet.world.stores.cr2032 import cr2032
from fleet.world.stores.ideal import ideal
from fleet.world.stores.supercap import supercap
from fleet.world.world import World
from tests.world.fakes import HOUR_US, jobs, lossy, spec

NODES = 200


def fleets(specs: list[NodeSpec], groups: list[Group]) -> tuple[World, Records, World, Records]:
    each, rows = Records(), Records()
    return (
        World(specs, seed=3, line="federated", records=each),
        each,
        World(specs, seed=3, line="federated", records=rows, groups=groups, cohort=True),
        rows,
    )


def test_a_course_with_losses_late_nodes_and_deaths_has_the_same_records() -> None:
    old = cr2032(0.02)
    specs = [spec(n, link=lossy(0.1), store=old if n < 120 else ideal()) for n in range(NODES)]
    groups = [Group(board="a", first=0, count=120), Group(board="b", first=120, count=80)]
    one, each, other, rows = fleets(specs, groups)
    for world in (one, other):
        for number in range(1, 9):
            world.advance_to(max(world.now_us, number * 3 * HOUR_US))
            asked = [n for n in range(NODES) if rng.below(rng.key(1, number, n), 0, 4) == 0]
            world.exchange(jobs(*asked, in_round=number), deadline_us=world.now_us + 1_500_000)
        world.deliver(jobs(5, 150, in_round=9))
        world.advance_to(world.now_us + 2000 * HOUR_US)
    assert one.alive() == other.alive()
    assert one.close() == other.close()
    assert each.traffic == rows.traffic
    assert sorted(each.events, key=str) == sorted(rows.events, key=str)  # who dies at one look is in another order
    assert 80 <= len(one.alive()) < NODES
    assert {event.kind for event in rows.events} >= {"died", "late"}


def test_radios_that_stand_by_draw_the_same_in_rows() -> None:
    """A kept connection drains a small cell within days; one node of either group works in between."""
    link = BleLink(interval_us=100_000, kept=True, latency=4)
    specs = [replace(spec(n, link=link, store=cr2032(0.2)), standby=link.standby) for n in range(60)]
    one, each, other, rows = fleets(specs, [Group(board="a", first=0, count=40), Group(board="b", first=40, count=20)])
    for world in (one, other):
        for hours in (1, 3, 11, 40):
            world.advance_to(hours * HOUR_US + 123_457)
            world.exchange(jobs(3, 41, in_round=hours), deadline_us=world.now_us + HOUR_US // 2)
    assert one.close() == other.close()
    assert each.traffic == rows.traffic
    assert sorted(each.events, key=str) == sorted(rows.events, key=str)
    assert {event.kind for event in rows.events} == {"died"}


def test_totals_and_sums_count_everybody() -> None:
    specs = [spec(n) for n in range(NODES)]
    _, _, world, _ = fleets(specs, [Group(board="a", first=0, count=NODES)])
    world.exchange(jobs(*range(0, NODES, 3), in_round=1), deadline_us=HOUR_US)
    world.advance_to(HOUR_US)
    energy, battery = world.close()
    totals = world.totals()
    assert totals["drawn_nj"].tolist() == [row.drawn_nj for row in battery]
    assert totals["rounds"].sum() == len(range(0, NODES, 3))
    assert (totals["sent_us"] > 0).tolist() == [n % 3 == 0 for n in range(NODES)]
    for row in world.sums():
        assert row.energy_nj == sum(e.energy_nj for e in energy if e.cause == row.cause)
        assert row.time_us == sum(e.time_us for e in energy if e.cause == row.cause)
    assert (totals["start_nj"] - totals["end_nj"] == totals["drawn_nj"] + totals["lost_nj"]).all()
    assert (totals["lost_nj"] > 0).all(), "a coin cell warms itself"


def test_only_watched_nodes_have_rows() -> None:
    _, _, world, _ = fleets([spec(n) for n in range(NODES)], [Group(board="a", first=0, count=NODES)])
    energy, battery = world.close([3, 7])
    assert {row.node for row in energy} == {row.node for row in battery} == {3, 7}


def test_energies_beyond_64_bits_are_exact() -> None:
    spans = np.array([0, 1, 10**15])
    assert energies_nj(3000, 10**7, spans).tolist() == [0, 30, 3 * 10**16]


WAKES = Draw(cause=Cause.WAKE, current_na=10**6, time_us=2_000)
FAST = Draw(cause=Cause.TRANSMIT, current_na=14 * 10**6, time_us=60_000)
SLOW = Draw(cause=Cause.TRANSMIT, current_na=10**7, time_us=400_000)


class Chatter:
    """Reports that collide with nothing: two kinds, due at a drawn time, heard by a draw."""

    every_us = HOUR_US
    blocks = (Block(draws=(WAKES, FAST), sent_us=60_000, quiet_us=6_000_000), Block(draws=(SLOW,), sent_us=400_000))

    def __init__(self, count: int) -> None:
        self.kinds = np.arange(count, dtype=np.int64) % 2

    def start_us(self, window: int, place: int) -> int:
        return int(self.starts_us(window)[place])

    def block(self, window: int, place: int) -> Block:
        return self.blocks[place % 2]

    def starts_us(self, window: int) -> Ints:
        drawn = rng.draws32(rng.key(8, window), 0, self.kinds.size).astype(np.uint64)
        return (drawn * np.uint64(HOUR_US - 10**6) >> np.uint64(32)).astype(np.int64)

    def arrived(self, window: int, sending: Mask) -> Mask:
        heard: Mask = sending & (rng.draws32(rng.key(9, window), 0, self.kinds.size) < 3 * 2**30)
        return heard

    def ether(self) -> "Heard":
        return Heard(self)


class Heard:
    """The air of Chatter."""

    def __init__(self, reports: Chatter) -> None:
        self.reports = reports

    def began(self, place: int, window: int, start_us: int) -> None:
        assert start_us == window * HOUR_US + self.reports.start_us(window, place)

    def arrived(self, place: int, window: int) -> bool:
        return bool(self.reports.arrived(window, np.ones(self.reports.kinds.size, dtype=np.bool_))[place])


def chatting(count: int, store: Store) -> tuple[World, Records, World, Records]:
    reports = Chatter(count)
    specs = [spec(n, link=lossy(0.05), store=store) for n in range(count)]
    groups = [Group(board="a", first=0, count=count, reports=reports)]
    each, rows = Records(), Records()
    return (
        World(specs, seed=3, line="federated", records=each, groups=groups),
        each,
        World(specs, seed=3, line="federated", records=rows, groups=groups, cohort=True),
        rows,
    )


@pytest.mark.parametrize("store", [ideal(), cr2032(), cr2032(0.03)])
def test_reports_between_rounds_leave_the_same_records_and_totals(store: Store) -> None:
    one, each, other, rows = chatting(NODES, store)
    for world in (one, other):
        for number in range(1, 5):
            world.advance_to(max(world.now_us, number * 5 * HOUR_US + 1_234_567))
            asked = [n for n in range(NODES) if rng.below(rng.key(1, number, n), 0, 3) == 0]
            world.exchange(jobs(*asked, in_round=number), deadline_us=world.now_us + 1_500_000)
        world.advance_to(60 * HOUR_US)
    assert one.close() == other.close()
    assert each.traffic == rows.traffic
    assert sorted(each.events, key=str) == sorted(rows.events, key=str)
    for name, column in one.totals().items():
        assert column.tolist() == other.totals()[name].tolist(), name
    assert 0 < one.totals()["heard"].sum() < one.totals()["reports"].sum()
    assert (len(rows.events) > NODES) == (store.capacity_nj == cr2032(0.03).capacity_nj)


def test_sums_hold_the_reports() -> None:
    _, _, world, _ = chatting(NODES, ideal())
    world.advance_to(7 * HOUR_US)
    energy, _ = world.close()
    for row in world.sums():
        assert row.energy_nj == sum(e.energy_nj for e in energy if e.cause == row.cause)
    assert world.totals()["reports"].tolist() == [7] * NODES


def test_what_is_under_way_at_the_end_is_booked_in_rows_too() -> None:
    one, each, other, rows = chatting(60, ideal(0.03))
    for world in (one, other):
        world.advance_to(3 * HOUR_US)
        world.exchange(jobs(*range(20), in_round=1), deadline_us=world.now_us + 1_000)  # all are late, and go on
    assert one.close() == other.close()
    assert each.traffic == rows.traffic
    for name, column in one.totals().items():
        assert column.tolist() == other.totals()[name].tolist(), name


def test_a_job_behind_a_report_that_outlasts_its_deadline_is_dropped_alike() -> None:
    one, each, other, rows = chatting(60, ideal())
    due_us = 2 * HOUR_US + Chatter(60).start_us(2, 7)
    outcomes = []
    for world in (one, other):
        world.advance_to(due_us + 1_000)
        outcomes.append(world.exchange(jobs(7, in_round=1), deadline_us=due_us + 2_000))
        world.advance_to(due_us + HOUR_US)
    assert outcomes[0] == outcomes[1]
    assert one.close() == other.close()
    assert each.traffic == rows.traffic == []


def test_sums_beyond_64_bits_are_given_in_parts() -> None:
    hungry = replace(spec().power, sleep_na=10**9)
    specs = [replace(spec(n, store=ideal()), power=hungry) for n in range(NODES)]
    _, _, world, _ = fleets(specs, [Group(board="a", first=0, count=NODES)])
    world.advance_to(10**4 * HOUR_US)
    world.close()
    asleep = [row for row in world.sums() if row.cause == "sleep"]
    assert sum(row.nodes for row in asleep) == NODES
    assert sum(row.energy_nj for row in asleep) == NODES * 3 * 10**4 * 3600 * 10**9 > 2**63
    assert all(row.energy_nj < 2**63 for row in asleep)


NIGHT_AND_DAY = tuple(
    Trace(starts_us=(0, *(h * HOUR_US for h in (6, 7, 18, 30, 42))), powers_nw=(0, nw // 3, nw, 0, nw, 0))
    for nw in (90_000, 2_000_000, 10_000_000)
)


def harvesting(count: int, store: Store, standby: Standby | None) -> tuple[World, Records, World, Records]:
    specs = [
        replace(
            spec(n, link=lossy(0.05), store=store),
            harvest=NIGHT_AND_DAY[n % 3],
            recovery=Recovery(restart_ppm=700_000),
            standby=standby,
        )
        for n in range(count)
    ]
    groups = [Group(board="a", first=0, count=count, reports=Chatter(count), harvests=NIGHT_AND_DAY)]
    each, rows = Records(), Records()
    return (
        World(specs, seed=3, line="federated", records=each, groups=groups),
        each,
        World(specs, seed=3, line="federated", records=rows, groups=groups, cohort=True),
        rows,
    )


@pytest.mark.parametrize("store", [supercap(40_000_000, charger=0.85), supercap(1_000_000_000), ideal(0.03)])
@pytest.mark.parametrize("standby", [None, Standby(period_us=10_000_000, receive_us=500, start_us=1_000)])
def test_days_and_nights_leave_the_same_records_as_objects_and_as_rows(store: Store, standby: Standby | None) -> None:
    one, each, other, rows = harvesting(60, store, standby)
    for world in (one, other):
        for number in range(1, 9):
            world.advance_to(max(world.now_us, number * 5 * HOUR_US + 1_234_567))
            asked = [n for n in range(60) if rng.below(rng.key(1, number, n), 0, 3) == 0]
            world.exchange(jobs(*asked, in_round=number), deadline_us=world.now_us + 1_500_000)
        world.advance_to(60 * HOUR_US)
    assert one.close() == other.close()
    assert each.traffic == rows.traffic
    assert sorted(each.events, key=str) == sorted(rows.events, key=str)
    for name, column in one.totals().items():
        assert column.tolist() == other.totals()[name].tolist(), name
    assert (one.totals()["supplied_nj"] > 0).all()
    if store.capacity_nj < 10**9:
        assert {"brown_out", "rebooted"} <= {event.kind for event in rows.events}
