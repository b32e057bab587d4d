"""A campaign in simulated time: the server looks at it every ten minutes, pushes, and takes down what became of it."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import simpy

from fleet.record.rows import EventRow, UpdateRow
from fleet.world import campaign as campaigns
from fleet.world.campaign import NEVER, Campaign, Done, Halted, Outcomes, Push
from fleet.world.population import Population
from fleet.world.records import Records
from fleet.world.updates.update import Result, Update, UpdateJob, updating

LOOK_US: Final = 600_000_000
"""How often the server looks at its campaign. Ours."""

KNOWN: Final = {
    Result.CONFIRMED: campaigns.Result.DONE,
    Result.REVERTED: campaigns.Result.REVERTED,
    Result.FLOOR: campaigns.Result.LOW,
    Result.LOST: campaigns.Result.UNREACHED,
    Result.UNHEARD: campaigns.Result.UNREACHED,
    Result.OFF: campaigns.Result.UNREACHED,
    Result.DIED: campaigns.Result.GONE,
}
"""What the server makes of an attempt. Of one that it did not hear of it knows no more than of a lost one."""


@dataclass(slots=True, kw_only=True)
class Rollout:
    """One update on its way. board: of a node. within_us: how long a push is offered to a node that is not there."""

    update: Update
    campaign: Campaign
    at_us: int
    within_us: int
    board: Callable[[int], str]
    line: str
    records: Records
    ended: str = ""
    stopped: bool = False
    _outcomes: Outcomes = field(default_factory=Outcomes, init=False)
    _flying: dict[int, tuple[simpy.Process, UpdateJob, int, int]] = field(default_factory=dict, init=False)
    _tries: dict[int, int] = field(default_factory=dict, init=False)
    _have: set[int] = field(default_factory=set, init=False)

    def run(self, env: simpy.Environment, nodes: Population) -> Generator[simpy.Event, Any, None]:
        """The whole campaign, from at_us to its end."""
        yield env.timeout(max(0, self.at_us - int(env.now)))
        while not self.ended and not self.stopped:
            self._collect(int(env.now))
            verdict = self.campaign.next(self._outcomes, int(env.now), np.array(sorted(self._flying), dtype=np.int64))
            if isinstance(verdict, Push):
                self._push(env, nodes, verdict)
            elif isinstance(verdict, Done | Halted):
                yield from self._land(env)
                self._end(int(env.now), verdict)
            else:
                until_us = verdict.until_us if verdict.until_us != NEVER else int(env.now) + LOOK_US
                wait_us = LOOK_US if self._flying else max(until_us - int(env.now), LOOK_US)
                yield env.timeout(wait_us)

    def close(self, now_us: int) -> None:
        """The line is over, whatever the campaign had in mind."""
        self._collect(now_us)
        if not self.ended:
            counts = np.unique(self._outcomes.results, return_counts=True)
            known = dict(zip(counts[0].tolist(), counts[1].tolist(), strict=True))
            have, all_nodes = known.get(int(campaigns.Result.DONE), 0), len(self.campaign.order)
            self.ended = f"{have} of {all_nodes} have it when the run ends"

    def _push(self, env: simpy.Environment, nodes: Population, push: Push) -> None:
        nodes.settle()
        deadline_us = int(env.now) + self.within_us
        for number in push.nodes.tolist():
            attempt = self._tries[number] = self._tries.get(number, -1) + 1
            job = UpdateJob(
                update=self.update,
                board=self.board(number),
                node=number,
                attempt=attempt,
                has_it=number in self._have,
            )
            task = nodes.node(number).assign(job, updating, deadline_us)
            self._flying[number] = (task, job, push.stage, int(env.now))

    def _collect(self, now_us: int) -> None:
        """Takes down the attempts that are over."""
        done = [number for number, (task, *_) in self._flying.items() if not task.is_alive]
        for number in done:
            _, job, stage, asked_us = self._flying.pop(number)
            if job.result in (Result.CONFIRMED, Result.UNHEARD, Result.REVERTED):
                self._have.add(number)
            self.records.updates.append(self._row(job, stage, asked_us, now_us))
            self._outcomes = self._outcomes.plus([number], [int(KNOWN[job.result])], now_us)

    def _land(self, env: simpy.Environment) -> Generator[simpy.Event, Any, None]:
        """Waits for what is still under way: a halt takes no push back."""
        while self._flying:
            yield env.timeout(LOOK_US)
            self._collect(int(env.now))

    def _end(self, now_us: int, verdict: Done | Halted) -> None:
        counts = verdict.counts
        self.ended = (
            f"{counts.done} have it, {counts.failed} failed, {counts.given_up} given up, {counts.open} not asked"
        )
        if isinstance(verdict, Halted):
            detail = f"{self.update.name}: {verdict.reason}; {self.ended}"
            row = EventRow(line=self.line, time_us=now_us, node=-1, round=0, kind="halted", detail=detail)
            self.records.events.append(row)

    def _row(self, job: UpdateJob, stage: int, asked_us: int, now_us: int) -> UpdateRow:
        return UpdateRow(
            line=self.line,
            update=self.update.name,
            stage=stage,
            node=job.node,
            attempt=job.attempt,
            asked_us=asked_us,
            known_us=now_us,
            result=job.result.value,
            payload_bytes=0 if job.has_it else self.update.payload_bytes,
            flash_us=job.flash_us,
            erases=job.erases,
        )
