"""One update as a node lives it: push, flash, restart, trial, word to the server.

What the flash takes is the bill of a clean update, played on the board's own geometry (`protocol/ota/rehearsal`). A
power cut while the flash works costs a restart and one erase unit done again; that nothing worse can happen is what the
sweep of interruptions shows, so it is taken for granted here.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import simpy

from fleet.base import rng
from fleet.node.protocol.ota.rehearsal import Bill, End
from fleet.world.job import Outcome, Reason
from fleet.world.life import Mishap
from fleet.world.meter import Cause, Draw
from fleet.world.node import Life, Node
from fleet.world.powered import wake_draw
from fleet.world.radio.link import Direction

ANSWER_BYTES: Final = 16
"""What a node says when its trial is over: sequence, digest of what runs (8 bytes), result."""
PPM: Final = 1_000_000


class Result(StrEnum):
    """What became of one attempt on one node; the words of the table `updates`."""

    CONFIRMED = "confirmed"  # the new content runs
    REVERTED = "reverted"  # it failed its trial; the old one runs again
    FLOOR = "floor"  # too little charge to begin
    LOST = "lost"  # the push did not arrive whole, or the node was out of reach
    UNHEARD = "unheard"  # it is done, and the server does not know
    DIED = "died"
    OFF = "off"  # without power


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """An update of a fleet. number: its place in the scenario. bills: by board and end, where trials fail or not."""

    number: int
    name: str
    payload_bytes: int
    bills: Mapping[tuple[str, End], Bill]
    erase_us: Mapping[str, int]
    verify_us: Mapping[str, int]
    floor_ppm: int
    defective: float

    def fails(self, seed: int, node: int) -> bool:
        """Whether the new content does not work on a node."""
        key = rng.key(seed, rng.Stream.CAMPAIGN, self.number, node, 1)
        return rng.draw32(key, 0) < round(self.defective * 2**32)


@dataclass(slots=True, kw_only=True)
class UpdateJob:
    """One attempt. has_it: the node runs the new content already, and only has to say so. round: for its traffic."""

    update: Update
    board: str
    node: int
    attempt: int
    has_it: bool
    result: Result = Result.LOST
    flash_us: int = 0
    erases: int = 0

    @property
    def round(self) -> int:
        """Updates count themselves below 0, so that their draws and traffic are not those of a round."""
        return -(1 + self.update.number * 1000 + self.attempt)


def updating(node: Node, job: UpdateJob) -> Life:
    """The attempt; what became of it is in the job."""
    job.result = yield from _attempt(node, job)
    node.rest()
    reason = Reason.OK if job.result in (Result.CONFIRMED, Result.REVERTED) else Reason.LOST
    return Outcome(node=job.node, round=job.round, reason=reason)


def _attempt(node: Node, job: UpdateJob) -> Generator[simpy.Event, Any, Result]:
    if not (yield from node.wake(job)):
        return _gone(node)
    if not job.has_it:
        if node.store.capacity_nj and node.store.level_ppm() < job.update.floor_ppm:
            return Result.FLOOR
        reason = yield from node.transfer(Direction.DOWN, job.update.payload_bytes)
        if reason is not Reason.OK:
            return Result.LOST if node.on else _gone(node)
        if not (yield from _installed(node, job)):
            return _gone(node)
    reason = yield from node.transfer(Direction.UP, ANSWER_BYTES)
    if reason is not Reason.OK:
        return Result.UNHEARD if node.on else _gone(node)
    return Result.REVERTED if job.update.fails(node.seed, job.node) else Result.CONFIRMED


def _installed(node: Node, job: UpdateJob) -> Generator[simpy.Event, Any, bool]:
    """Flash, restart, trial, and back if it fails. False where the power of the store did not last."""
    end = End.REVERTED if job.update.fails(node.seed, job.node) else End.CONFIRMED
    bill, power = job.update.bills[job.board, end], node.spec.power
    verify = Draw(cause=Cause.COMPUTE, current_na=power.run_na, time_us=job.update.verify_us[job.board])
    for work_us in (bill.download_us, bill.install_us):
        job.flash_us += work_us
        if not (yield from _worked(node, job, work_us)):
            return False
        if not (yield from node.spend([verify], "checking an update")):
            return False
    job.erases += bill.erases
    starts = [replace(wake_draw(power), time_us=bill.starts * power.wake_us)]
    return (yield from node.spend(starts, "starting anew"))


def _worked(node: Node, job: UpdateJob, work_us: int) -> Generator[simpy.Event, Any, bool]:
    """Flash at work; after a power cut the node starts again and repeats an erase unit."""
    now_us = int(node.env.now)
    cuts = 0
    if node.spec.life is not None:
        strikes = node.spec.life.faults.strikes(Mishap.POWER_CUT, node.seed, job.node, now_us, now_us + work_us)
        cuts = sum(1 for _ in strikes)
    for _ in range(cuts):
        node.event("power_cut", f"updating to {job.update.name}: it goes on where its journal says", in_round=0)
    power = node.spec.power
    again_us = cuts * job.update.erase_us[job.board]
    job.flash_us += again_us
    job.erases += cuts
    draws = [
        Draw(cause=Cause.FLASH, current_na=power.flash_na, time_us=work_us + again_us),
        replace(wake_draw(power), time_us=cuts * power.wake_us),
    ]
    return (yield from node.spend(draws, "writing an update"))


def _gone(node: Node) -> Result:
    return Result.OFF if node.alive else Result.DIED
