"""One node's store in simulated time: what it sleeps away, what it is drawn for, when it goes off and on again."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import simpy

from fleet.record.rows import LATER_CAUSES, BatteryRow, EnergyRow, EventRow
from fleet.world.draws import sleep_draws
from fleet.world.gateway import GatewaySpec
from fleet.world.harvest import Harvest
from fleet.world.job import Reason
from fleet.world.life import Life
from fleet.world.meter import Cause, Drain, Draw, Meter, Supplied, run_down
from fleet.world.outage import Charging, Recovery, charge
from fleet.world.power import Power
from fleet.world.radio.link import Link, Standby
from fleet.world.records import Records
from fleet.world.stores import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSpec:
    """What a node is made of. standby: what its radio does while it sleeps, None for nothing.

    gateway: the one that it shares with others; None: it has one to itself.
    flash_us: time to program a received push; 0 when it stays in RAM that sleep retains.
    harvest, recovery: None for a node that dies when its store cannot hold it.
    """

    node: int
    power: Power
    store: Store
    link: Link
    standby: Standby | None = None
    gateway: GatewaySpec | None = None
    flash_us: int = 0
    life: Life | None = None
    harvest: Harvest | None = None
    recovery: Recovery | None = None

    @property
    def supplied(self) -> Supplied:
        """The board's side of its store."""
        power = self.power
        return Supplied(
            supply_mv=power.supply_mv,
            brown_out_mv=power.brown_out_mv,
            sense_na=power.sense_na,
            harvest=self.harvest,
        )


class Powered:
    """A node as far as its energy goes.

    slept_from_us: up to when it is booked while it sleeps or is off; None: it is awake, and books what it does.
    """

    def __init__(self, spec: NodeSpec, env: simpy.Environment, *, line: str, records: Records) -> None:
        self.spec = spec
        self.env = env
        self.line = line
        self.records = records
        self.store = spec.store
        self.meter = Meter()
        self.round = 0  # the last one it was asked in
        self.died_us = -1
        self.off = False  # without power, its RAM gone
        self.slept_from_us: int | None = int(env.now)

    @property
    def alive(self) -> bool:
        """Whether the node lives, as far as its account goes; settle first. One that is off lives."""
        return self.died_us < 0

    @property
    def on(self) -> bool:
        """Whether it lives and has power."""
        return self.alive and not self.off

    @property
    def gone(self) -> Reason:
        """Why a node that is not on cannot answer."""
        return Reason.OFF if self.alive else Reason.DIED

    def settle(self, until_us: int | None = None) -> None:
        """Books sleep, outages and restarts up to now, or to another time. Who died in its sleep is found here."""
        now_us = int(self.env.now) if until_us is None else until_us
        while self.alive and self.slept_from_us is not None and self.slept_from_us < now_us:
            if self.off:
                self._charge(self.slept_from_us, now_us)
            else:
                self._doze(self.slept_from_us, now_us)

    def event(self, kind: str, detail: str, *, time_us: int | None = None, in_round: int | None = None) -> None:
        """Records that something went wrong; now, and in the current round, unless said otherwise."""
        row = EventRow(
            line=self.line,
            time_us=int(self.env.now) if time_us is None else time_us,
            node=self.spec.node,
            round=self.round if in_round is None else in_round,
            kind=kind,
            detail=detail,
        )
        self.records.events.append(row)

    def energy_rows(self) -> list[EnergyRow]:
        """The account, one row per cause; a cause never drawn for has 0, a later one no row."""
        return [
            EnergyRow(
                line=self.line,
                node=self.spec.node,
                cause=total.cause.value,
                energy_nj=total.energy_nj,
                time_us=total.time_us,
            )
            for total in self.meter.totals()
            if total.time_us or total.cause.value not in LATER_CAUSES
        ]

    def battery_row(self) -> BatteryRow:
        """The store as it is now."""
        return BatteryRow(
            line=self.line,
            node=self.spec.node,
            capacity_nj=self.store.capacity_nj,
            drawn_nj=self.meter.drawn_nj,
            alive=self.alive,
            died_us=self.died_us,
        )

    def check_balance(self) -> None:
        """What was in the store and came in is what was drawn, lost, and is in it; else the program is wrong."""
        came, went = self.spec.store.stored_nj + self.meter.supplied_nj, self.meter.drawn_nj + self.meter.lost_nj
        if came != self.store.stored_nj + went:
            text = f"{came} nJ stored and supplied, {self.store.stored_nj} nJ left and {went} nJ drawn and lost"
            raise RuntimeError(f"node {self.spec.node}: expected energies that balance, got {text}")

    def drain(self, draws: Sequence[Draw], *, at_us: int | None = None, floor_ppm: int = 0) -> Drain:
        """What draws from now on, or from another time, do to the store; nothing is booked."""
        begin_us = int(self.env.now) if at_us is None else at_us
        return run_down(self.store, draws, self.spec.supplied, at_us=begin_us, floor_ppm=floor_ppm)

    def book(self, drain: Drain, ended_us: int, doing: str) -> None:
        """Takes what draws did. A store that could not hold them leaves the node dead, or off where it can recover."""
        self.store = drain.store
        self.meter.book(drain.bookings)
        self.meter.supplied_nj += drain.supplied_nj
        self.meter.lost_nj += drain.lost_nj
        if drain.failure:
            self._fall(f"{doing}: {drain.failure}", ended_us)

    def _fall(self, detail: str, ended_us: int) -> None:
        recovery = self.spec.recovery
        if recovery is None:
            self.died_us = ended_us
            self.event("died", detail, time_us=ended_us)
            return
        self.off, self.slept_from_us = True, ended_us
        self.event("brown_out", detail, time_us=ended_us)
        if self.store.level_ppm() >= recovery.restart_ppm:  # it would start and fall at the same moment for ever
            self.died_us = ended_us
            self.event("no_progress", f"{detail}, though charged enough to start", time_us=ended_us)

    def _doze(self, since_us: int, now_us: int) -> None:
        harvest = self.spec.harvest
        until_us = now_us if harvest is None else min(harvest.until_us(since_us), now_us)
        drain = self.drain(sleep_draws(self.spec.power, self.spec.standby, since_us, until_us), at_us=since_us)
        self.slept_from_us = until_us
        self.book(drain, since_us + drain.lived_us, "asleep")

    def _charge(self, since_us: int, now_us: int) -> None:
        """Lets a node without power be charged, and starts it once there is enough."""
        spec = self.spec
        assert spec.recovery is not None, "only a node that can recover is off"
        if spec.harvest is None:
            self.slept_from_us = now_us
            return
        restart_ppm = spec.recovery.restart_ppm
        found = charge(self.store, spec.harvest, since_us=since_us, until_us=now_us, restart_ppm=restart_ppm)
        at_us = self.slept_from_us = since_us + found.time_us
        self.take_charge(found, at_us)
        if self.on:
            drain = self.drain([wake_draw(spec.power)], at_us=at_us)
            self.slept_from_us = at_us + drain.lived_us
            self.book(drain, at_us + drain.lived_us, "starting")

    def recharged(self, until_us: int) -> Generator[simpy.Event, Any, bool]:
        """Waits without power until the node starts again. False where it cannot before a time: nothing is booked."""
        spec, now_us = self.spec, int(self.env.now)
        if spec.recovery is None or spec.harvest is None:
            return False
        restart_ppm = spec.recovery.restart_ppm
        found = charge(self.store, spec.harvest, since_us=now_us, until_us=until_us, restart_ppm=restart_ppm)
        if not found.restarted:
            return False
        self.slept_from_us = None
        yield self.env.timeout(found.time_us)
        self.take_charge(found, int(self.env.now))
        drain = self.drain([wake_draw(spec.power)])
        yield self.env.timeout(drain.lived_us)
        self.book(drain, int(self.env.now), "starting")
        return self.on

    def take_charge(self, found: Charging, at_us: int) -> None:
        """Takes what came in while the node was off, and starts it if that is enough."""
        self.store = found.store
        self.meter.supplied_nj += found.supplied_nj
        self.meter.lost_nj += found.lost_nj
        self.off = not found.restarted
        if found.restarted:
            self.event("rebooted", f"{self.store.level_ppm() // 10_000} % charged", time_us=at_us)


def wake_draw(power: Power) -> Draw:
    """What waking up draws."""
    return Draw(cause=Cause.WAKE, current_na=power.wake_na, time_us=power.wake_us)
