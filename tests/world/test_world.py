"""Rounds in simulated time: who replies, when, what it costs, and what becomes of those who do not."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base import rng
from fleet.node.cost import energy_nj
from fleet.record.rows import CAUSES, LATER_CAUSES
from fleet.world import Job, NodeSpec, Outcome, Reason, Records
from fleet.world.radio import BleLink, Direction, Transfer
from fleet.world.stores import Store
from fleet.world.stores.cr2032 import cr2032
from fleet.world.stores.ideal import ideal
from tests.world.fakes import HOUR_US, POWER, Work, by_cause, jobs, lossy, spec, world

FIRST_CAUSES = tuple(cause for cause in CAUSES if cause not in LATER_CAUSES)
COMPUTE_US = 64 * 10_000
STEP_NJ = energy_nj(POWER.supply_mv, POWER.compute_na, 10_000)
FAR_US = 1000 * HOUR_US


def until_compute_nj() -> int:
    """What a node draws before its first step of a first round that opens at time 0."""
    fleet, _ = world(spec())
    work = Work(node=0, steps=0)
    fleet.exchange([work], deadline_us=FAR_US)
    energy = by_cause(fleet.close()[0])
    up = BleLink().transfer(Direction.UP, work.reply_bytes, 0)
    total = sum(nj for nj, _ in energy.values())
    parts = [(POWER.wake_na, up.start_us), (POWER.run_na, up.control_us), (POWER.transmit_na, up.transmit_us)]
    parts += [(POWER.receive_na, up.receive_us), (POWER.radio_idle_na, up.idle_us), (POWER.sleep_na, up.sleep_us)]
    return total - sum(energy_nj(POWER.supply_mv, current, time_us) for current, time_us in parts)


def holding(energy: int) -> Store:
    return replace(ideal(1), capacity_nj=energy, stored_nj=energy)


def test_a_round_takes_the_sum_of_its_parts() -> None:
    fleet, records = world(spec())
    work = Work(node=0)
    (outcome,) = fleet.exchange([work], deadline_us=FAR_US)
    link = BleLink()
    down, up = link.transfer(Direction.DOWN, 4_412, 0), link.transfer(Direction.UP, 4_312, 0)
    assert outcome.delivered_us == POWER.wake_us + down.elapsed_us + COMPUTE_US + up.elapsed_us == fleet.now_us
    assert (outcome.reason, outcome.delivered, outcome.frame) == (Reason.OK, True, bytes(4_312))
    assert work.calls == ["start", "finish"]
    assert [(row.direction, row.payload_bytes, row.pdus) for row in records.traffic] == [
        ("down", 4_412, 19),
        ("up", 4_312, 18),
    ]
    assert records.events == []


def test_energy_is_booked_by_cause() -> None:
    fleet, _ = world(spec())
    fleet.exchange(jobs(0), deadline_us=FAR_US)
    energy = by_cause(fleet.close()[0])
    assert tuple(energy) == FIRST_CAUSES
    assert energy["compute"] == (64 * STEP_NJ, COMPUTE_US)
    assert energy["sense"] == energy["flash"] == (0, 0)
    up = BleLink().transfer(Direction.UP, 4_312, 0)
    down = BleLink().transfer(Direction.DOWN, 4_412, 0)
    assert energy["transmit"][1] == up.transmit_us + up.idle_us + down.transmit_us
    assert energy["receive"][1] == down.receive_us + down.idle_us + up.receive_us


def test_every_microsecond_of_a_life_is_booked_once() -> None:
    fleet, _ = world(spec(0), spec(1))
    fleet.exchange(jobs(0), deadline_us=FAR_US)
    fleet.advance_to(24 * HOUR_US)
    energy, _ = fleet.close()
    for node in (0, 1):
        assert sum(time_us for _, time_us in by_cause(energy, node).values()) == 24 * HOUR_US


def test_sleep_is_booked_in_closed_form() -> None:
    """A day at 3 uA and 3 V is 777.6 mJ, however often one looks."""
    fleet, _ = world(spec())
    fleet.advance_to(24 * HOUR_US)
    assert by_cause(fleet.close()[0])["sleep"] == (777_600_000, 24 * HOUR_US)


def test_causes_add_up_to_what_the_store_gave() -> None:
    fleet, _ = world(spec(0, link=lossy(0.1)), spec(1, store=cr2032(0.01)), spec(2))
    for number in range(1, 4):
        fleet.exchange(jobs(0, 1, 2, in_round=number), deadline_us=fleet.now_us + HOUR_US)
        fleet.advance_to(number * HOUR_US)
    energy, battery = fleet.close()
    for row in battery:
        assert sum(nj for nj, _ in by_cause(energy, row.node).values()) == row.drawn_nj <= row.capacity_nj


def test_a_sensor_is_charged_for_the_whole_life_beside_everything_else() -> None:
    fleet, _ = world(spec(power=replace(POWER, sense_na=1_000)))
    fleet.exchange(jobs(0), deadline_us=FAR_US)
    fleet.advance_to(HOUR_US)
    nj, time_us = by_cause(fleet.close()[0])["sense"]
    assert time_us == HOUR_US
    assert abs(nj - energy_nj(3_000, 1_000, HOUR_US)) <= 20  # one rounding for each stretch of time


def test_a_push_that_is_kept_in_flash_is_charged() -> None:
    fleet, _ = world(spec(flash_us=50_000))
    fleet.exchange(jobs(0), deadline_us=FAR_US)
    assert by_cause(fleet.close()[0])["flash"] == (energy_nj(3_000, POWER.flash_na, 50_000), 50_000)


def run(order: Sequence[int], seed: int = 0, loss: float = 0.1) -> Records:
    """Three hourly rounds of four nodes, the jobs handed over in some order."""
    stores: list[Store] = [cr2032(), cr2032(0.03), cr2032(), ideal(0.02)]
    fleet, records = world(*(spec(n, store=s, link=lossy(loss)) for n, s in enumerate(stores)), seed=seed)
    for number in range(1, 4):
        fleet.advance_to(number * HOUR_US)
        fleet.exchange(jobs(*order, in_round=number), deadline_us=fleet.now_us + 1_500_000)
    fleet.close()
    return records


def rows(records: Records) -> list[tuple[object, ...]]:
    return [
        astuple(row) for table in (records.traffic, records.events, records.energy, records.battery) for row in table
    ]


def test_two_equal_runs_give_equal_records() -> None:
    assert rows(run([0, 1, 2, 3])) == rows(run([0, 1, 2, 3]))


def test_another_seed_gives_other_losses() -> None:
    assert rows(run([0, 1, 2, 3])) != rows(run([0, 1, 2, 3], seed=1))


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_the_order_of_the_jobs_does_not_matter(loss: float) -> None:
    assert rows(run([0, 1, 2, 3], loss=loss)) == rows(run([2, 0, 3, 1], loss=loss))


@dataclass(slots=True)
class Listening:
    """A link that remembers under which keys it drew."""

    keys: list[int]

    def transfer(self, direction: Direction, payload_bytes: int, key: int, *, at_us: int = 0) -> Transfer:
        self.keys.append(key)
        return BleLink().transfer(direction, payload_bytes, key, at_us=at_us)


def test_losses_are_drawn_by_seed_node_round_and_direction() -> None:
    links = {node: Listening([]) for node in (3, 5)}
    fleet, _ = world(*(spec(node, link=link) for node, link in links.items()), seed=9)
    for number in (1, 2):
        fleet.exchange(jobs(3, 5, in_round=number), deadline_us=FAR_US)
    for node, link in links.items():
        assert link.keys == [rng.key(9, rng.Stream.RADIO, node, n, way) for n in (1, 2) for way in (0, 1)]


def test_outcomes_come_by_node() -> None:
    fleet, _ = world(spec(0), spec(1), spec(2))
    outcomes = fleet.exchange(jobs(2, 0, 1), deadline_us=FAR_US)
    assert [outcome.node for outcome in outcomes] == [0, 1, 2]


@pytest.mark.parametrize("steps_done", [0, 1, 37, 63])
def test_an_empty_cell_kills_the_node_at_the_exact_step(steps_done: int) -> None:
    """The store holds k steps and almost one more: exactly k are abandoned, at the store's last whole microsecond."""
    capacity_nj = until_compute_nj() + (steps_done + 1) * STEP_NJ - 1
    fleet, records = world(spec(store=holding(capacity_nj)))
    work = Work(node=0)
    (outcome,) = fleet.exchange([work], deadline_us=HOUR_US)
    assert work.calls == ["start", f"abandon {steps_done}"]
    assert (outcome.reason, outcome.frame, outcome.delivered_us) == (Reason.DIED, None, -1)
    (event,) = records.events
    assert (event.kind, event.node, event.round) == ("died", 0, 1)
    assert event.detail == f"computing, {steps_done} of 64 steps done: cell empty"
    began_us = POWER.wake_us + BleLink().transfer(Direction.DOWN, 4_412, 0).elapsed_us
    assert 0 <= began_us + (steps_done + 1) * 10_000 - event.time_us <= 1
    _, (battery,) = fleet.close()
    assert (battery.alive, battery.died_us) == (False, event.time_us)
    assert 0 <= capacity_nj - battery.drawn_nj < energy_nj(POWER.supply_mv, POWER.compute_na, 1)


def test_a_store_that_holds_the_last_step_to_the_nanojoule_lets_it_finish() -> None:
    fleet, _ = world(spec(store=holding(until_compute_nj() + 64 * STEP_NJ)))
    work = Work(node=0)
    (outcome,) = fleet.exchange([work], deadline_us=HOUR_US)
    assert work.calls == ["start", "finish"]
    assert outcome.reason is Reason.DIED  # nothing is left to send with


def test_a_cell_too_weak_for_the_current_browns_out() -> None:
    """102 mA over the 20 ohm of a cell after 150 mAh: below 1.7 V though a third of the charge is left."""
    power = replace(POWER, compute_na=102_000_000)
    fleet, records = world(spec(power=power, store=replace(cr2032(), stored_nj=810_000_000_000)))
    work = Work(node=0)
    (outcome,) = fleet.exchange([work], deadline_us=HOUR_US)
    assert outcome.reason is Reason.DIED
    assert work.calls == ["start", "abandon 0"]
    assert records.events[0].detail == ("computing, 0 of 64 steps done: brown-out: below 1700 mV under 102000 uA")


def test_a_node_that_dies_in_its_sleep_is_found_with_its_time() -> None:
    fleet, records = world(spec(store=holding(32_400_000)))  # an hour at 3 uA and 3 V
    fleet.advance_to(5 * HOUR_US)
    assert fleet.alive() == ()
    (event,) = records.events
    assert (event.kind, event.round, event.detail) == ("died", 0, "asleep: cell empty")
    assert 0 <= event.time_us - HOUR_US <= 100  # half a nanojoule lasts 56 us at this current
    (outcome,) = fleet.exchange(jobs(0), deadline_us=6 * HOUR_US)
    assert (outcome.reason, fleet.now_us, len(records.events)) == (Reason.DIED, 6 * HOUR_US, 1)


def test_a_dead_node_draws_nothing_more() -> None:
    fleet, _ = world(spec(store=holding(32_400_000)))
    fleet.advance_to(2 * HOUR_US)
    fleet.exchange(jobs(0), deadline_us=3 * HOUR_US)
    energy, (battery,) = fleet.close()
    assert sum(time_us for _, time_us in by_cause(energy).values()) == battery.died_us


def test_a_lossy_link_costs_more_energy() -> None:
    clean, lossy = (run([0, 2], loss=loss) for loss in (0.0, 0.1))
    assert all(row.retransmissions == 0 for row in clean.traffic)
    assert sum(row.retransmissions for row in lossy.traffic) > 0
    assert lossy.battery[0].drawn_nj > clean.battery[0].drawn_nj


def test_a_dead_channel_is_a_record_and_no_hang() -> None:
    fleet, records = world(spec(0, link=lossy(1.0)), spec(1))
    first, second = fleet.exchange((lost := jobs(0)) + jobs(1), deadline_us=HOUR_US)
    assert (first.reason, second.reason) == (Reason.LOST, Reason.OK)
    assert [(event.kind, event.node, event.detail) for event in records.events] == [
        ("lost", 0, "receiving 4412 bytes: no answer over the link")
    ]
    assert isinstance(lost[0], Work)
    assert lost[0].calls == []
    assert fleet.now_us == HOUR_US  # the server waited
    assert fleet.alive() == (0, 1)


class DeafGateway:
    """A link whose pushes arrive and whose replies do not."""

    def transfer(self, direction: Direction, payload_bytes: int, key: int, *, at_us: int = 0) -> Transfer:
        return lossy(1.0 if direction is Direction.UP else 0.0).transfer(direction, payload_bytes, key, at_us=at_us)


class DutyCycled:
    """A link that must be silent for a minute after every transfer, and remembers when it was asked."""

    def __init__(self) -> None:
        self.asked_us: list[int] = []

    def transfer(self, direction: Direction, payload_bytes: int, key: int, *, at_us: int = 0) -> Transfer:
        self.asked_us.append(at_us)
        return replace(BleLink().transfer(direction, payload_bytes, key), quiet_us=60_000_000)


def test_a_node_sleeps_until_its_duty_cycle_lets_it_transmit_again() -> None:
    link = DutyCycled()
    fleet, _ = world(spec(link=link))
    (outcome,) = fleet.exchange(jobs(0), deadline_us=HOUR_US)
    down, up = (BleLink().transfer(way, size, 0) for way, size in ((Direction.DOWN, 4_412), (Direction.UP, 4_312)))
    received_us = POWER.wake_us + down.elapsed_us
    assert link.asked_us == [POWER.wake_us, received_us + 60_000_000]
    assert outcome.delivered_us == received_us + 60_000_000 + up.elapsed_us
    energy, _ = fleet.close()
    asleep_us = by_cause(energy)["sleep"][1] - down.sleep_us - up.sleep_us
    assert asleep_us == 60_000_000 - COMPUTE_US


def test_a_radio_that_stands_by_draws_while_its_node_sleeps() -> None:
    """A kept connection of 100 ms: 36,000 events in an hour, and what is left is sleep."""
    kept = BleLink(interval_us=100_000, kept=True)
    assert kept.standby is not None
    fleet, _ = world(replace(spec(link=kept), standby=kept.standby))
    fleet.advance_to(HOUR_US // 2)
    fleet.advance_to(HOUR_US)
    energy = by_cause(fleet.close()[0])
    assert energy["transmit"][1] == 36_000 * kept.standby.transmit_us
    assert energy["receive"][1] == 36_000 * (kept.standby.receive_us + kept.standby.idle_us)
    assert sum(time_us for _, time_us in energy.values()) == HOUR_US


def test_a_lost_reply_leaves_the_node_trained() -> None:
    fleet, records = world(spec(link=DeafGateway()))
    work = Work(node=0)
    (outcome,) = fleet.exchange([work], deadline_us=HOUR_US)
    assert (outcome.reason, outcome.frame, work.calls) == (Reason.LOST, None, ["start", "finish"])
    assert [event.detail for event in records.events] == ["sending 4312 bytes: no answer over the link"]
    assert [row.direction for row in records.traffic] == ["down", "up"]


def test_a_reply_after_the_deadline_is_late_and_dropped() -> None:
    fleet, records = world(spec(0), spec(1))
    slow = Work(node=1, step_us=1_000_000)
    on_time, late = fleet.exchange([*jobs(0), slow], deadline_us=10_000_000)
    assert (on_time.reason, late.reason, late.frame) == (Reason.OK, Reason.LATE, None)
    assert fleet.now_us == 10_000_000
    assert [(event.kind, event.node, event.time_us) for event in records.events] == [("late", 1, 10_000_000)]
    fleet.advance_to(HOUR_US)
    assert slow.calls == ["start", "finish"]
    assert [row.direction for row in records.traffic if row.node == 1] == ["down", "up"]
    assert len(records.events) == 1


def test_a_reply_at_the_deadline_itself_is_in_time() -> None:
    fleet, _ = world(spec())
    (outcome,) = fleet.exchange(jobs(0), deadline_us=FAR_US)
    again, _ = world(spec())
    (same,) = again.exchange(jobs(0), deadline_us=outcome.delivered_us)
    assert same == outcome
    tighter, _ = world(spec())
    (late,) = tighter.exchange(jobs(0), deadline_us=outcome.delivered_us - 1)
    assert late.reason is Reason.LATE


def test_a_busy_node_takes_the_next_job_when_it_is_done() -> None:
    fleet, records = world(spec())
    slow, quick = Work(node=0, step_us=1_000_000), Work(node=0, round=2)
    fleet.exchange([slow], deadline_us=10_000_000)
    (outcome,) = fleet.exchange([quick], deadline_us=HOUR_US)
    assert outcome.delivered_us > 64_000_000
    assert (outcome.round, slow.calls, quick.calls) == (2, ["start", "finish"], ["start", "finish"])
    assert [row.round for row in records.traffic] == [1, 1, 2, 2]
    assert [(event.kind, event.round) for event in records.events] == [("late", 1)]


def test_a_round_that_closed_before_a_busy_node_could_take_it_is_skipped() -> None:
    """Its push is no longer offered: the node neither receives nor trains for it, and is free for the round after."""
    fleet, records = world(spec())
    slow, missed, third = Work(node=0, step_us=1_000_000), Work(node=0, round=2), Work(node=0, round=3)
    fleet.exchange([slow], deadline_us=10_000_000)
    (outcome,) = fleet.exchange([missed], deadline_us=20_000_000)
    assert (outcome.reason, outcome.round) == (Reason.LATE, 2)
    assert fleet.exchange([third], deadline_us=HOUR_US)[0].delivered
    assert missed.calls == []
    assert [row.round for row in records.traffic] == [1, 1, 3, 3]
    assert [(event.kind, event.round) for event in records.events] == [("late", 1), ("late", 2)]


def test_nodes_compute_at_the_same_time() -> None:
    """All jobs start before the first one is asked for its result, so their work can run on other threads."""
    calls: list[str] = []
    works = [Work(node=node, calls=calls) for node in range(3)]
    fleet, _ = world(*(spec(node) for node in range(3)))
    fleet.exchange(works, deadline_us=FAR_US)
    assert calls == ["start"] * 3 + ["finish"] * 3


def test_work_on_other_threads_leaves_the_same_records() -> None:
    def records_of(pool: ThreadPoolExecutor | None) -> tuple[list[tuple[object, ...]], list[Outcome]]:
        fleet, records = world(*(spec(node, link=lossy(0.1)) for node in range(4)))
        works = [Threaded(node=node, pool=pool) if pool else Work(node=node) for node in range(4)]
        outcomes = fleet.exchange(works, deadline_us=FAR_US)
        fleet.close()
        return rows(records), outcomes

    with ThreadPoolExecutor(max_workers=2) as pool:
        assert records_of(pool) == records_of(None)


@dataclass(slots=True, kw_only=True)
class Threaded(Work):
    """A job whose reply is made by another thread."""

    pool: ThreadPoolExecutor
    reply: Future[bytes] | None = None

    def start(self) -> None:
        self.reply = self.pool.submit(bytes, self.reply_bytes)

    def finish(self) -> bytes:
        assert self.reply is not None
        return self.reply.result()


def test_training_alone_uses_no_radio() -> None:
    fleet, records = world(spec(0), spec(1))
    outcomes = fleet.compute_only(jobs(1, 0))
    assert [(o.node, o.reason, o.frame, o.delivered_us) for o in outcomes] == [
        (node, Reason.OK, bytes(4_312), POWER.wake_us + COMPUTE_US) for node in (0, 1)
    ]
    assert records.traffic == []
    energy = by_cause(fleet.close()[0])
    assert energy["transmit"] == energy["receive"] == (0, 0)


def test_training_alone_can_kill_as_well() -> None:
    fleet, records = world(spec(store=holding(10 * STEP_NJ)))
    work = Work(node=0)
    (outcome,) = fleet.compute_only([work])
    assert (outcome.reason, work.calls) == (Reason.DIED, ["start", "abandon 9"])
    assert records.events[0].detail == "computing, 9 of 64 steps done: cell empty"


def test_closing_waits_for_nodes_that_are_still_at_work() -> None:
    fleet, _ = world(spec())
    slow = Work(node=0, step_us=1_000_000)
    fleet.exchange([slow], deadline_us=10_000_000)
    energy, _ = fleet.close()
    assert slow.calls == ["start", "finish"]
    assert by_cause(energy)["compute"][1] == 64_000_000


def test_closing_gives_a_row_for_every_cause_and_node_and_records_them() -> None:
    fleet, records = world(spec(1), spec(0))
    energy, battery = fleet.close()
    assert (energy, battery) == (records.energy, records.battery)
    assert [(row.node, row.cause) for row in energy] == [(node, cause) for node in (0, 1) for cause in FIRST_CAUSES]
    assert [row.line for row in battery] == ["federated", "federated"]


def test_a_server_that_asks_nobody_spends_no_time() -> None:
    fleet, _ = world(spec())
    assert fleet.exchange([], deadline_us=HOUR_US) == []
    assert fleet.compute_only([]) == []
    assert fleet.now_us == 0


def test_a_failure_in_the_work_itself_is_not_swallowed() -> None:
    class Broken(Work):
        def finish(self) -> bytes:
            raise RuntimeError("engine failed")

    fleet, _ = world(spec())
    with pytest.raises(RuntimeError, match="engine failed"):
        fleet.exchange([Broken(node=0)], deadline_us=FAR_US)


@pytest.mark.parametrize("asked", [[0, 0], [7]])
def test_jobs_for_nobody_or_twice_for_one_are_refused(asked: list[int]) -> None:
    fleet, _ = world(spec())
    with pytest.raises(ValueError, match="at most one for each of this world's nodes"):
        fleet.exchange(jobs(*asked), deadline_us=FAR_US)


def test_time_does_not_run_back() -> None:
    fleet, _ = world(spec())
    fleet.advance_to(10)
    with pytest.raises(ValueError, match="expected 10 or later, got 9"):
        fleet.advance_to(9)
    with pytest.raises(ValueError, match="expected 10 or later, got 9"):
        fleet.exchange(jobs(0), deadline_us=9)


def test_two_nodes_of_one_number_are_refused() -> None:
    with pytest.raises(ValueError, match="expected each number once"):
        world(spec(0), spec(0))


SPECS = st.builds(
    lambda node, mah, loss, sense_na: spec(
        node, store=cr2032(mah), link=lossy(loss), power=replace(POWER, sense_na=sense_na)
    ),
    node=st.just(0),
    mah=st.sampled_from((0.001, 0.003, 0.01, 225)),
    loss=st.sampled_from((0.0, 0.05, 0.4, 1.0)),
    sense_na=st.sampled_from((0, 500)),
)
TIMES_US = st.lists(st.integers(1, 3 * HOUR_US), min_size=1, max_size=4)


@settings(max_examples=40)
@given(node=SPECS, times_us=TIMES_US, deadline_us=st.integers(1, 60_000_000))
def test_a_life_conserves_energy_and_time_whatever_happens(
    node: NodeSpec, times_us: list[int], deadline_us: int
) -> None:
    fleet, records = world(node)
    asked: list[Work] = []
    for number, time_us in enumerate(times_us, 1):
        fleet.advance_to(fleet.now_us + time_us)
        asked.append(Work(node=0, round=number))
        fleet.exchange([asked[-1]], deadline_us=fleet.now_us + deadline_us)
    energy, (battery,) = fleet.close()
    assert all(row.energy_nj >= 0 and row.time_us >= 0 for row in energy)
    assert sum(row.energy_nj for row in energy) == battery.drawn_nj <= battery.capacity_nj
    lived_us = fleet.now_us if battery.alive else battery.died_us
    assert sum(row.time_us for row in energy if row.cause != "sense") == lived_us
    assert [event.kind for event in records.events].count("died") == (not battery.alive)
    assert all(len(work.calls) in (0, 2) for work in asked)


def test_a_work_is_a_job() -> None:
    job: Job = Work(node=0)
    assert (job.round, job.down_bytes, job.steps, job.step_us) == (1, 4_412, 64, 10_000)
