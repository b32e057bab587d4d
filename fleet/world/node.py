"""One node in simulated time: it waits, calls the pure models, and records. Nothing is computed here."""

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

import simpy

from fleet.base import rng
from fleet.record.rows import TrafficRow, WaitRow
from fleet.world.carry import Message, carried
from fleet.world.draws import sleep_draws
from fleet.world.gateway import Gateway
from fleet.world.job import Asked, Job, Outcome, Reason
from fleet.world.life import NEVER, Mishap
from fleet.world.meter import Cause, Draw
from fleet.world.outage import YEAR_US
from fleet.world.power import Power
from fleet.world.powered import NodeSpec, Powered, wake_draw
from fleet.world.radio.link import Direction, Transfer
from fleet.world.records import Records
from fleet.world.reports.report import Block, Task
from fleet.world.stores import LOW, holds

__all__ = ["Life", "Node", "NodeSpec", "Stage"]

Stage: TypeAlias = Generator[simpy.Event, Any, bool]  # waits; true: the node lives on
Life: TypeAlias = Generator[simpy.Event, Any, Outcome]
J = TypeVar("J", bound=Asked)


class Node(Powered):
    """One node: its store, its account, and what it is doing."""

    def __init__(
        self,
        spec: NodeSpec,
        env: simpy.Environment,
        *,
        line: str,
        seed: int,
        records: Records,
        gateway: Gateway | None = None,
    ) -> None:
        super().__init__(spec, env, line=line, records=records)
        self.seed = seed
        self.gateway = gateway
        self.quiet_until_us = 0  # before this the radio must not transmit
        self.sent_us = 0  # time its transmitter was on
        self.rounds = 0  # jobs it was given
        self.reports = self.heard = 0  # sent by itself, and of these arrived
        self.stopped = False  # no more reports
        self.synced_us = 0  # when its clock was last set right
        self.task: simpy.Process | None = None

    def assign(self, job: J, live: Callable[["Node", J], Life], deadline_us: int | None) -> simpy.Process:
        """Queues a job behind what the node is doing; the process ends with the outcome.

        deadline_us: a job still queued by then is dropped, since its push is no longer offered; None: it is kept.
        """
        self.rounds += job.round > 0
        self.task = self.env.process(self._after(self.task, job, live, deadline_us))
        return self.task

    def report(self, task: Task) -> Generator[simpy.Event, Any, None]:
        """The node's own reports, window by window, while it lives."""
        window = int(self.env.now) // task.reports.every_us
        while self.alive:
            if (due_us := task.due_us(window)) >= self.env.now:
                yield self.env.timeout(due_us - int(self.env.now))
                if self.stopped:
                    return
                if self.may_report(due_us):
                    self.task = self.env.process(self._reported(task, window))
                    yield self.task
            window += 1

    def live_alone(self, task: Task | None, until_us: int) -> None:
        """What `settle` and `report` do, without events, from where it is settled up to a time, or to its end."""
        passed_us = -1  # when a report was due that was sent, or left out
        while self.alive and self.slept_from_us is not None and self.slept_from_us < until_us:
            since_us = max(self.slept_from_us, passed_us + 1)
            window = 0 if task is None else since_us // task.reports.every_us
            due_us = until_us
            if task is not None:
                due_us = next(due for w in (window, window + 1) if (due := task.due_us(w)) >= since_us)
                window = due_us // task.reports.every_us
            passed_us = due_us
            if due_us < until_us and self.quiet_until_us > due_us:
                continue
            self.settle(min(due_us, until_us))
            if task is not None and self.on and due_us < until_us:
                self._report_at(task, window, due_us)

    def _report_at(self, task: Task, window: int, due_us: int) -> None:
        drain = self.drain(task.block(window).draws, at_us=due_us)
        self.book(drain, due_us + drain.lived_us, "reporting")
        if self.on:
            self.slept_from_us = due_us + drain.lived_us
            self.after_report(task.block(window), self.slept_from_us, heard=task.ether.arrived(task.place, window))

    def may_report(self, due_us: int) -> bool:
        """Whether it is neither at work nor bound to silence."""
        return (self.task is None or not self.task.is_alive) and self.quiet_until_us <= due_us

    def _reported(self, task: Task, window: int) -> Stage:
        self.settle()
        if not self.on:
            return False
        self.slept_from_us = None
        task.ether.began(task.place, window, int(self.env.now))
        if not (yield from self.spend(list(task.block(window).draws), "reporting")):
            return False
        self.after_report(task.block(window), int(self.env.now), heard=task.ether.arrived(task.place, window))
        self.slept_from_us = int(self.env.now)
        return True

    def after_report(self, block: Block, ended_us: int, *, heard: bool) -> None:
        """Takes down a report that is over."""
        self.reports += 1
        self.heard += heard
        self.sent_us += block.sent_us
        self.quiet_until_us = ended_us + block.quiet_us

    def exchange(self, job: Job) -> Life:
        """A round: wake, receive the push, compute, send the reply, sleep."""
        if not (yield from self.wake(job)):
            return _outcome(job, self.gone)
        reason = yield from self.transfer(Direction.DOWN, job.down_bytes)
        if reason is Reason.OK and (frame := (yield from self._compute(job))) is not None:
            reason = yield from self.transfer(Direction.UP, len(frame))
            if reason is Reason.OK:
                return self._sleep(_outcome(job, reason, frame, int(self.env.now)))
        return self._sleep(_outcome(job, self._why(reason)))

    def deliver(self, job: Job) -> Life:
        """A push that is not answered: wake, receive it, compute, sleep. The outcome's frame never goes on the air."""
        if not (yield from self.wake(job)):
            return _outcome(job, self.gone)
        reason = yield from self.transfer(Direction.DOWN, job.down_bytes)
        if reason is Reason.OK and (frame := (yield from self._compute(job))) is not None:
            return self._sleep(_outcome(job, reason, frame, int(self.env.now)))
        return self._sleep(_outcome(job, self._why(reason)))

    def compute_only(self, job: Job) -> Life:
        """Work that nothing is sent for: wake, compute, sleep."""
        if (yield from self.wake(job, listens=False)):
            frame = yield from self._compute(job)
            if frame is not None:
                return self._sleep(_outcome(job, Reason.OK, frame, int(self.env.now)))
        return self._sleep(_outcome(job, self._why(Reason.OK)))

    def _why(self, reason: Reason) -> Reason:
        """Why a job ended without an answer. A node that is on, and got its push, had its power cut."""
        if not self.on:
            return self.gone
        return Reason.LOST if reason is Reason.OK else reason

    def _after(
        self,
        task: simpy.Process | None,
        job: J,
        live: Callable[["Node", J], Life],
        deadline_us: int | None,
    ) -> Life:
        began_us = int(self.env.now)
        if task is not None and task.is_alive:
            yield task
        elif self.slept_from_us is not None and self.slept_from_us > self.env.now:  # its row has it in a report
            yield self.env.timeout(self.slept_from_us - int(self.env.now))
        if deadline_us is not None and self.env.now >= max(deadline_us, began_us + 1):
            return _outcome(job, Reason.LATE)
        if not (yield from self._comes(job, deadline_us)):
            return _outcome(job, Reason.LATE)
        self.settle()
        if self.off and deadline_us is not None:  # its push is offered until then
            yield from self.recharged(deadline_us - 1)
        return (yield from live(self, job))

    def _comes(self, job: Asked, deadline_us: int | None) -> Stage:
        """Waits until the node is in reach; False when that is too late."""
        if self.spec.life is None:
            return True
        now_us = int(self.env.now)
        there_us = self.spec.life.presence.next_us(self.seed, self.spec.node, now_us)
        if there_us == now_us:
            return True
        when = "for good" if there_us == NEVER else f"for {(there_us - now_us) // 1_000_000} s more"
        self.event("absent", f"out of reach {when}", in_round=job.round)
        if there_us == NEVER or (deadline_us is not None and there_us >= deadline_us):
            return False
        yield self.env.timeout(there_us - now_us)
        return True

    def wake(self, job: Asked, *, listens: bool = True) -> Stage:
        """Begins a job. listens: for a push, from as early as its clock may be late."""
        self.settle()
        self.round = job.round
        if not self.on:
            return False
        self.slept_from_us = None
        draws = [wake_draw(self.spec.power)]
        if listens and self.spec.life is not None:
            heard_us = self.spec.life.clock.listens_us(self.seed, self.spec.node, int(self.env.now) - self.synced_us)
            draws.append(Draw(cause=Cause.RECEIVE, current_na=self.spec.power.receive_na, time_us=heard_us))
        return (yield from self.spend(draws, "waking"))

    def _broken(self, mishap: Mishap) -> bool:
        """Whether something that broke since the last visit of maintenance keeps the node from its work; recorded."""
        if self.spec.life is None:
            return False
        strike = self.spec.life.faults.broken_since(mishap, self.seed, self.spec.node, int(self.env.now))
        if strike is not None:
            what = {Mishap.STUCK_RADIO: ("stuck", "its radio"), Mishap.FLASH_FLIP: ("corrupt", "its model")}[mishap]
            self.event(what[0], f"{what[1]} since {strike.time_us // 1_000_000} s")
        return strike is not None

    def rest(self) -> None:
        """A job is over: it sleeps from here on, if it has power."""
        if self.slept_from_us is None:
            self.slept_from_us = int(self.env.now)

    def _sleep(self, outcome: Outcome) -> Outcome:
        self.rest()
        return outcome

    def _compute(self, job: Job) -> Generator[simpy.Event, Any, bytes | None]:
        """Trains; the reply, or None when the node died over it, or lost its power with nothing kept.

        A node that checkpoints goes off when its charge is low, and goes on from what it kept once it is charged.
        """
        job.start()
        done, kept, charged = 0, -1, False
        while True:
            steps, why = yield from self._train(job, done)
            if not why:
                return job.finish()
            if why == LOW and (yield from self._checkpoint(job, done + steps)):
                kept = done + steps
            if kept < 0 or not self.off or (charged and kept == done):
                self._give_up(job, done + steps, charged)
                return None
            if not (yield from self.recharged(int(self.env.now) + YEAR_US)):
                self._give_up(job, kept, False)
                return None
            done, charged = kept, True

    def _train(self, job: Job, done: int) -> Generator[simpy.Event, Any, tuple[int, str]]:
        """Steps from `done` on until all are done, or the power is cut or low or gone: how many, and why it ended."""
        recovery = self.spec.recovery
        floor_ppm = recovery.checkpoints.level_ppm if recovery is not None and recovery.checkpoints is not None else 0
        time_us = (job.steps - done) * job.step_us
        cut_us = self._cut_us(time_us)
        drain = self.drain([_compute_draw(self.spec.power, cut_us)], floor_ppm=floor_ppm)
        yield self.env.timeout(drain.lived_us)
        if not drain.failure and cut_us == time_us:
            self.book(drain, int(self.env.now), "computing")
            return job.steps - done, ""
        steps = drain.lived_us // job.step_us
        doing = f"computing, {done + steps} of {job.steps} steps done"
        self.book(replace(drain, failure="") if drain.failure == LOW else drain, int(self.env.now), doing)
        if not drain.failure:
            self.event("power_cut", doing)
        return steps, drain.failure or "power cut"

    def _checkpoint(self, job: Job, done: int) -> Stage:
        """Keeps what is done in flash and goes off. False: the charge did not last for it."""
        assert self.spec.recovery is not None
        assert self.spec.recovery.checkpoints is not None
        time_us = self.spec.recovery.checkpoints.time_us
        draw = Draw(cause=Cause.CHECKPOINT, current_na=self.spec.power.flash_na, time_us=time_us)
        if not (yield from self.spend([draw], f"keeping {done} of {job.steps} steps")):
            self.event("no_progress", "the charge at which its work is kept does not last for keeping it")
            return False
        self.off = True
        self.event("brown_out", f"computing, {done} of {job.steps} steps done and kept: {LOW}")
        return True

    def _give_up(self, job: Job, steps: int, charged: bool) -> None:
        """Ends a job whose work is lost. Says so where a round can never fit what the store holds at once.

        charged: it had started with enough, and kept nothing since.
        """
        job.abandon(steps)
        if not self.off:
            return
        self.slept_from_us = int(self.env.now)
        assert self.spec.recovery is not None
        if self.spec.recovery.checkpoints is not None:
            if charged:
                self.event("no_progress", "one charge is too small for a step and its checkpoint")
            return
        draw, board = _compute_draw(self.spec.power, job.steps * job.step_us), self.spec.supplied
        held_us, why = holds(self.spec.store, board.load(draw), draw.time_us, board.brown_out_mv)
        if why:
            self.event("no_progress", f"a full store lasts for {held_us // job.step_us} of {job.steps} steps")

    def _cut_us(self, time_us: int) -> int:
        """How much of a stretch of work passes before the power is cut; all of it if it is not."""
        if self.spec.life is None:
            return time_us
        now_us = int(self.env.now)
        faults = self.spec.life.faults
        cuts = faults.strikes(Mishap.POWER_CUT, self.seed, self.spec.node, now_us, now_us + time_us)
        return next((strike.time_us - now_us for strike in cuts), time_us)

    def transfer(self, direction: Direction, payload_bytes: int) -> Generator[simpy.Event, Any, Reason]:
        """Moves a message once the radio may transmit and the gateway has a link for it."""
        if not (yield from self._keep_quiet()):
            return self.gone
        if self.gateway is None:
            return (yield from self._move(direction, payload_bytes))
        with self.gateway.turn() as turn:
            if not (yield from self._queue(turn, direction)):
                return self.gone
            return (yield from self._move(direction, payload_bytes))

    def _queue(self, turn: simpy.Event, direction: Direction) -> Stage:
        """Sleeps until its turn comes. A node that dies over it is found when it does."""
        began_us = int(self.env.now)
        yield turn
        if waited_us := int(self.env.now) - began_us:
            self.records.waits.append(
                WaitRow(
                    line=self.line,
                    round=self.round,
                    node=self.spec.node,
                    direction=direction.value,
                    waited_us=waited_us,
                )
            )
            drain = self.drain(
                sleep_draws(self.spec.power, self.spec.standby, began_us, began_us + waited_us), at_us=began_us
            )
            self.book(drain, began_us + drain.lived_us, "waiting for its gateway")
        return self.on

    def _move(self, direction: Direction, payload_bytes: int) -> Generator[simpy.Event, Any, Reason]:
        """Moves a message over the link and records the traffic. A node that dies over it leaves no traffic row."""
        if self._broken(Mishap.STUCK_RADIO):
            return Reason.LOST
        purpose = rng.key(self.seed, rng.Stream.RADIO, self.spec.node, self.round, direction.number)
        message = Message(node=self.spec.node, direction=direction, payload_bytes=payload_bytes, key=purpose)
        transfer = yield from carried(message, self.spec.link, self.spec.power, self.gateway, self.env, self.spend)
        if transfer is None:
            return self.gone
        self.quiet_until_us = int(self.env.now) + transfer.quiet_us
        self.sent_us += transfer.transmit_us
        self.records.traffic.append(self._traffic_row(direction, payload_bytes, transfer))
        if not transfer.delivered:
            self.event("lost", f"{message.doing} {payload_bytes} bytes: no answer over the link")
            return Reason.LOST
        self.synced_us = int(self.env.now)
        if direction is Direction.DOWN and self._broken(Mishap.FLASH_FLIP):
            return Reason.LOST
        if direction is Direction.DOWN and not (yield from self._keep()):
            return self.gone
        return Reason.OK

    def _keep_quiet(self) -> Stage:
        """Sleeps until the duty cycle lets the radio transmit again. Either direction does: a downlink is asked for."""
        left_us = max(self.quiet_until_us - int(self.env.now), 0)
        draw = Draw(cause=Cause.SLEEP, current_na=self.spec.power.sleep_na, time_us=left_us)
        return (yield from self.spend([draw], "keeping quiet")) if left_us else True

    def _keep(self) -> Stage:
        draw = Draw(cause=Cause.FLASH, current_na=self.spec.power.flash_na, time_us=self.spec.flash_us)
        return (yield from self.spend([draw], "programming"))

    def spend(self, draws: list[Draw], doing: str) -> Stage:
        """Passes the time of some draws, and books them at its end."""
        drain = self.drain(draws)
        yield self.env.timeout(drain.lived_us)
        self.book(drain, int(self.env.now), doing)
        return self.on

    def _traffic_row(self, direction: Direction, payload_bytes: int, transfer: Transfer) -> TrafficRow:
        return TrafficRow(
            line=self.line,
            round=self.round,
            node=self.spec.node,
            direction=direction.value,
            payload_bytes=payload_bytes,
            pdus=transfer.pdus,
            retransmissions=transfer.retransmissions,
            airtime_us=transfer.airtime_us,
        )


def _outcome(job: Asked, reason: Reason, frame: bytes | None = None, delivered_us: int = -1) -> Outcome:
    return Outcome(node=job.node, round=job.round, reason=reason, frame=frame, delivered_us=delivered_us)


def _compute_draw(power: Power, time_us: int) -> Draw:
    return Draw(cause=Cause.COMPUTE, current_na=power.compute_na, time_us=time_us)
