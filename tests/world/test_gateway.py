"""Nodes that share a gateway: few links are taken in turn, one air is shared."""

from dataclasses import replace
from statistics import fmean

import pytest

from fleet.world.cohort import Group
from fleet.world.gateway import Gateway, GatewaySpec
from fleet.world.node import NodeSpec
from fleet.world.radio import BleLink, Direction, Link
from fleet.world.radio.ieee802154 import Ieee802154Link
from fleet.world.records import Records
from fleet.world.stores.cr2032 import cr2032
from fleet.world.world import World
from tests.world.fakes import HOUR_US, jobs, spec, world

THREAD = Ieee802154Link(retries=15)


def sharing(count: int, links: int, link: Link, name: str = "hall") -> list[NodeSpec]:
    gateway = GatewaySpec(kind="any", name=name, links=links)
    return [replace(spec(node, link=link), gateway=gateway) for node in range(count)]


def exchange(specs: list[NodeSpec]) -> tuple[World, Records, list[int]]:
    fleet, records = world(*specs)
    outcomes = fleet.exchange(jobs(*range(len(specs))), deadline_us=HOUR_US)
    return fleet, records, [outcome.delivered_us for outcome in outcomes]


def test_nodes_take_the_links_of_their_gateway_in_turn() -> None:
    """Four nodes, one link: pushes queue, and each wait is what is left of the pushes before."""
    down_us = BleLink().transfer(Direction.DOWN, 4_412, 0).elapsed_us
    _, records, delivered = exchange(sharing(4, 1, BleLink()))
    waits = [(row.node, row.direction, row.waited_us) for row in records.waits if row.direction == "down"]
    assert waits == [(1, "down", down_us), (2, "down", 2 * down_us), (3, "down", 3 * down_us)]
    assert delivered == sorted(delivered)
    assert min(delivered) > 0


def test_connections_of_one_gateway_have_a_part_of_every_interval_each() -> None:
    """Four at once: 12.2 of 50 ms hold 4 of the 19 exchanges of a push, so that it takes five events, not one."""
    crowded = BleLink(sharers=4).transfer(Direction.DOWN, 4_412, 0)
    alone = BleLink().transfer(Direction.DOWN, 4_412, 0)
    assert 3 * 50_000 < crowded.elapsed_us - alone.elapsed_us <= 4 * 50_000
    assert (crowded.pdus, crowded.airtime_us) == (alone.pdus, alone.airtime_us)
    _, records, delivered = exchange(sharing(4, 4, BleLink()))
    assert records.waits == []
    assert min(delivered) > max(exchange([spec(node) for node in range(4)])[2])


def test_a_gateway_of_ones_own_is_none_at_all() -> None:
    """As long as nobody else talks."""
    alone, shared = exchange([spec(0)]), exchange(sharing(1, 8, BleLink()))
    assert shared[2] == alone[2]
    assert shared[0].close() == alone[0].close()


def test_who_waits_sleeps_and_pays_for_it() -> None:
    fleet, records, _ = exchange(sharing(2, 1, BleLink()))
    waited_us = sum(row.waited_us for row in records.waits if row.node == 1)
    energy, _ = fleet.close()
    asleep = {row.node: row.time_us for row in energy if row.cause == "sleep"}
    elapsed = {n: sum(row.time_us for row in energy if row.node == n) for n in (0, 1)}
    assert waited_us > 0
    assert elapsed[0] == elapsed[1]
    assert asleep[1] == asleep[0]  # both sleep while they do not talk or compute, wherever that is


def test_a_node_that_dies_in_the_queue_leaves_its_place_to_the_next() -> None:
    """The second node's cell holds its waking and no hour of waiting."""
    specs = sharing(3, 1, BleLink(interval_us=4_000_000))
    specs[1] = replace(specs[1], store=cr2032(0.000_000_3))
    fleet, records, delivered = exchange(specs)
    assert fleet.alive() == (0, 2)
    assert [event.kind for event in records.events if event.node == 1] == ["died"]
    assert delivered[2] > 0


def test_groups_with_other_gateways_do_not_wait_for_each_other() -> None:
    specs = [*sharing(1, 1, BleLink(), "hall"), replace(sharing(2, 1, BleLink(), "attic")[1])]
    assert exchange(specs)[1].waits == []


def test_one_node_alone_on_a_shared_air_is_as_fast_as_ever() -> None:
    shared, alone = exchange(sharing(1, 1, THREAD)), exchange([spec(0, link=THREAD)])
    assert shared[2] == alone[2]


@pytest.mark.parametrize("count", [2, 3, 6])
def test_nodes_that_talk_at_once_slow_each_other_down(count: int) -> None:
    """A full air carries what it carries: n nodes take about n times as long, and no channel is taken twice over."""
    _, records, delivered = exchange(sharing(count, count, THREAD))
    together, alone = fmean(delivered), exchange([spec(0, link=THREAD)])[2][0]
    compute_us = 64 * 10_000
    assert 0.5 * count < (together - compute_us) / (alone - compute_us) < 3 * count
    airtime_us = sum(row.airtime_us for row in records.traffic)
    assert airtime_us < max(delivered)


def test_turns_keep_a_crowded_air_fast() -> None:
    """Twelve at once spend their time on backoffs; two at a time are done sooner."""
    crowd, turns = (max(exchange(sharing(12, links, THREAD))[2]) for links in (12, 2))
    assert 0 < turns < crowd


def test_who_waits_for_its_timeout_leaves_the_air_to_the_others() -> None:
    fleet, _ = world(spec(0))
    gateway = Gateway(GatewaySpec(kind="ieee802154", name="g", links=9), fleet._env)
    gateway.joined(1)
    gateway.joined(2)
    assert gateway.talking == 2
    piece = THREAD.transfer(Direction.UP, 1_000, 1)
    gateway.took(1, piece)
    assert gateway.talking == 2
    gateway.took(1, replace(piece, airtime_us=0))
    assert gateway.talking == 1
    gateway.left(2)
    assert gateway.talking == 0


def test_the_same_seed_gives_the_same_course() -> None:
    one, other = (exchange(sharing(5, 3, THREAD)) for _ in range(2))
    assert one[2] == other[2]
    assert one[1].traffic == other[1].traffic
    assert one[1].waits == other[1].waits


def test_rows_of_a_cohort_share_a_gateway_as_objects_do() -> None:
    specs, groups = sharing(30, 2, BleLink()), [Group(board="a", first=0, count=30)]
    courses = []
    for cohort in (False, True):
        records = Records()
        fleet = World(specs, seed=3, line="federated", records=records, groups=groups, cohort=cohort)
        fleet.exchange(jobs(*range(0, 30, 3)), deadline_us=HOUR_US)
        fleet.advance_to(2 * HOUR_US)
        courses.append((fleet.close(), records.traffic, records.waits))
    assert courses[0] == courses[1]
    assert courses[0][2]
