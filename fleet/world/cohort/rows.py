"""The nodes of one group as columns. All of them have one board, one kind of store and one radio."""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.world.cohort.light import Light
from fleet.world.meter import Booking, Cause
from fleet.world.node import Node
from fleet.world.power import Power
from fleet.world.radio.link import Standby
from fleet.world.reports.report import Mask, RowReports
from fleet.world.stores import Store
from fleet.world.stores.columns import Spells, columns_of
from fleet.world.stores.columns import energies_nj as powers_nj
from fleet.world.stores.flow import squares

Ints = NDArray[np.int64]
NEVER: Final = -1
CAUSES: Final = list(Cause)
MOST_SQUARES: Final = 2**60  # 100 mA for a day: only mains bear it, which have no resistance; some of it fit 64 bits
BLOCK: Final = 16_384  # rows that are worked on together: their columns stay in the processor's cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of time that ends at until_us. due_us: when each row's report of `window` is due, if there are any."""

    until_us: int
    last: bool
    window: int = 0
    due_us: Ints | None = None


class Rows:
    """n nodes. settled_us: up to when a row is booked. died_us: NEVER while it lives. Energy and time by cause.

    pool: works on blocks of rows at once, which share nothing; None: one after the other, with the same result.
    """

    def __init__(
        self,
        count: int,
        *,
        store: Store,
        power: Power,
        standby: Standby | None = None,
        reports: RowReports | None = None,
        light: Light | None = None,
        pool: Executor | None = None,
    ) -> None:
        self.count = count
        self.pool = pool
        self.light = light
        self._power_nw: Ints = np.zeros(count, dtype=np.int64)  # of the harvest, in the stretch that is worked on
        self._advanced_us = 0
        self.off = np.zeros(count, dtype=np.bool_)  # without power
        self.standby = standby
        self.reports = reports
        self._plan_reports(power)
        self._window = 0  # the first that is not over
        self._answered: tuple[int, Mask] = (NEVER, np.zeros(0, dtype=np.bool_))
        self.sent = np.zeros(count, dtype=np.int64)  # reports, all of a row's own kind
        self.heard = np.zeros(count, dtype=np.int64)
        self.store = store
        self.power = power
        self.columns = columns_of(store)
        self.stored_nj = np.full(count, store.stored_nj, dtype=np.int64)
        self.supplied_nj = np.zeros(count, dtype=np.int64)
        self.lost_nj = np.zeros(count, dtype=np.int64)
        self.settled_us = np.zeros(count, dtype=np.int64)
        self.died_us = np.full(count, NEVER, dtype=np.int64)
        self.energy_nj = np.zeros((len(Cause), count), dtype=np.int64)
        self.time_us = np.zeros((len(Cause), count), dtype=np.int64)
        self.quiet_until_us = np.zeros(count, dtype=np.int64)
        self.synced_us = np.zeros(count, dtype=np.int64)
        self.sent_us = np.zeros(count, dtype=np.int64)
        self.rounds = np.zeros(count, dtype=np.int64)
        self.alone = np.zeros(count, dtype=np.int64)  # reports sent while the row was an object
        self.last_round = np.zeros(count, dtype=np.int64)

    def _plan_reports(self, power: Power) -> None:
        """What a report of each row takes in all: looked up once."""
        if self.reports is None:
            return
        blocks, kinds = self.reports.blocks, self.reports.kinds
        booked = [block.booked(power.supply_mv, power.sense_na) for block in blocks]
        self._energies_nj = np.array([energy for energy, _ in booked])
        self._times_us = np.array([time for _, time in booked])
        self._report_nj: Ints = self._energies_nj.sum(axis=1)[kinds]
        self._report_us = np.array([block.time_us for block in blocks], dtype=np.int64)[kinds]
        self._report_quiet_us = np.array([block.quiet_us for block in blocks], dtype=np.int64)[kinds]
        heats = [block.squares(power.sense_na) for block in blocks]
        self._report_squares = np.array(heats, dtype=np.int64)[kinds]
        self._report_na = max(block.peak_na for block in blocks) + power.sense_na

    def advance(self, now_us: int, away: Mask) -> list[int]:
        """Books what every living row that is not away did by itself up to now: sleep, and its reports.

        Returns the rows that their stores did not carry, which are settled up to where that began: what happens to
        them, and when, only one at a time can tell. Each is asked for once: it is away from there on.
        """
        parts = [slice(first, min(first + BLOCK, self.count)) for first in range(0, self.count, BLOCK)]
        fallen: list[int] = []
        for piece in self._pieces(now_us):
            if piece.due_us is not None:
                self._arrived(piece.window)
            works = partial(self._advance, piece, away=away)
            found = map(works, parts) if self.pool is None else self.pool.map(works, parts)
            fallen += [place for some in found for place in some]
        return fallen

    def take(self, place: int, node: Node) -> None:
        """Writes a node that has nothing to do any more back into its row."""
        self.stored_nj[place] = node.store.stored_nj
        self.off[place] = node.off
        self.supplied_nj[place] += node.meter.supplied_nj
        self.lost_nj[place] += node.meter.lost_nj
        self.died_us[place] = node.died_us
        self.settled_us[place] = node.died_us if node.slept_from_us is None else node.slept_from_us
        for number, total in enumerate(node.meter.totals()):
            self.energy_nj[number, place] += total.energy_nj
            self.time_us[number, place] += total.time_us
        self.quiet_until_us[place] = node.quiet_until_us
        self.synced_us[place] = node.synced_us
        self.sent_us[place] += node.sent_us
        self.rounds[place] += node.rounds
        self.last_round[place] = node.round
        self.alone[place] += node.reports
        self.heard[place] += node.heard

    def store_of(self, place: int) -> Store:
        """The store of one row."""
        stored: Any = self.store  # the kinds that have columns
        made: Store = replace(stored, stored_nj=int(self.stored_nj[place]))
        return made

    def drawn_nj(self) -> Ints:
        """Energy drawn by each row, over all causes."""
        drawn: Ints = self.account(slice(None))[0].sum(axis=0)
        return drawn

    def check_balance(self) -> None:
        """RuntimeError where what was stored and supplied is not what was drawn, lost and is left."""
        off_nj = self.store.stored_nj + self.supplied_nj - self.stored_nj - self.drawn_nj() - self.lost_nj
        if off_nj.any():
            place = int(np.flatnonzero(off_nj)[0])
            raise RuntimeError(f"row {place}: expected energies that balance, got {off_nj[place]} nJ too many")

    def account(self, places: slice | list[int]) -> tuple[Ints, Ints]:
        """Energy in nJ and time in us, [causes, rows]: what was booked one by one, and the reports, which are alike."""
        energy, time = self.energy_nj[:, places].copy(), self.time_us[:, places].copy()
        if self.reports is not None:
            kinds, sent = self.reports.kinds[places], self.sent[places]
            for cause in range(len(energy)):
                energy[cause] += self._energies_nj[kinds, cause] * sent
                time[cause] += self._times_us[kinds, cause] * sent
        return energy, time

    def transmitted_us(self) -> Ints:
        """Time that each row's transmitter was on."""
        if self.reports is None:
            return self.sent_us
        each_us = np.array([block.sent_us for block in self.reports.blocks], dtype=np.int64)
        total: Ints = self.sent_us + each_us[self.reports.kinds] * self.sent
        return total

    def bookings(self, place: int) -> list[Booking]:
        """The account of one row, by cause."""
        energy, time = self.account([place])
        return [
            Booking(cause=cause, energy_nj=int(energy[n, 0]), time_us=int(time[n, 0])) for n, cause in enumerate(Cause)
        ]

    def _pieces(self, now_us: int) -> Iterator[Piece]:
        """Stretches of time up to now with one power of each harvest and at most one report of each node."""
        if self.light is not None:
            for until_us in self.light.changes(self._advanced_us, now_us):
                self._power_nw = self.light.powers_nw(self._advanced_us)
                yield from self._windows(until_us)
                self._advanced_us = until_us
        else:
            yield from self._windows(now_us)

    def _windows(self, now_us: int) -> Iterator[Piece]:
        """Stretches of time up to a moment with at most one report of each node."""
        if self.reports is None:
            yield Piece(until_us=now_us, last=True)
            return
        every_us = self.reports.every_us
        window = self._window
        while window * every_us < now_us:
            until_us = min((window + 1) * every_us, now_us)
            due_us = window * every_us + self.reports.starts_us(window)
            yield Piece(until_us=until_us, last=until_us == now_us, window=window, due_us=due_us)
            if until_us < (window + 1) * every_us:
                break
            window += 1
        self._window = window

    def _advance(self, piece: Piece, part: slice, away: Mask) -> list[int]:
        fallen: list[int] = []
        if piece.due_us is not None:
            due_us, settled_us = piece.due_us[part], self.settled_us[part]
            sends = self._lives(part, away) & (due_us >= settled_us) & (due_us < piece.until_us)
            sends &= self.quiet_until_us[part] <= due_us
            fallen += self._sleep(part, np.where(sends, due_us, settled_us), away)
            fallen += self._send(part, sends & ~away[part] & ~self.off[part], piece.window, away)
        if piece.last:
            settled_us = self.settled_us[part]
            asleep = self._lives(part, away) & (settled_us < piece.until_us)
            fallen += self._sleep(part, np.where(asleep, piece.until_us, settled_us), away)
        return fallen

    def _lives(self, part: slice, away: Mask) -> Mask:
        lives: Mask = (self.died_us[part] == NEVER) & ~away[part]
        return lives

    def _sleep(self, part: slice, until_us: Ints, away: Mask) -> list[int]:
        """Sleep up to a time of each row. Rows that fall are away from here on."""
        span_us, stored_nj, on = until_us - self.settled_us[part], self.stored_nj[part], ~self.off[part]
        sense_na = self.power.sense_na
        draws = [(cause, current_na, time_us * on) for cause, current_na, time_us in self._draws(part, span_us)]
        drawn = [energies_nj(self.power.supply_mv, current_na + sense_na, time_us) for _, current_na, time_us in draws]
        squares = sum(squares_of(current_na + sense_na, time_us) for _, current_na, time_us in draws)
        harvested = 0 if self.light is None else powers_nj(1000 * self._power_nw[part], span_us)
        spells = Spells(time_us=span_us, drawn_nj=sum(drawn), squares=squares, supplied_nj=harvested)
        after_nj, supplied, lost = self.columns.after(stored_nj, spells)
        fails = np.zeros(len(span_us), dtype=np.bool_)
        for _, current_na, time_us in draws:
            fails |= (time_us > 0) & self._cannot(stored_nj, after_nj, current_na + sense_na)
        if self.light is not None:  # who has enough to start does so at a moment of its own
            fails |= ~on & self.columns.reaches(after_nj, self.light.restart_ppm)
        if fails.any():
            for column in (span_us, supplied, lost, *drawn, *(time_us for _, _, time_us in draws)):
                column[fails] = 0
            after_nj = np.where(fails, stored_nj, after_nj)
        self._take(part, after_nj, supplied, lost)
        self.settled_us[part] += span_us
        for (cause, _, time_us), energy in zip(draws, drawn, strict=True):
            self._book(part, cause, energy, time_us)
        return self._fell(part, fails, away)

    def _draws(self, part: slice, span_us: Ints) -> Iterator[tuple[Cause, int, Ints]]:
        """What a sleep draws, as a node's own: the radio's standby in it, each state as one piece, and the rest."""
        power, standby = self.power, self.standby
        if standby is None:
            yield Cause.SLEEP, power.sleep_na, span_us
            return
        since_us = self.settled_us[part]
        begun = -(-(since_us + span_us) // standby.period_us) - -(-since_us // standby.period_us)
        periods = np.minimum(begun, span_us // standby.awake_us)
        yield Cause.WAKE, power.wake_na, periods * standby.start_us
        yield Cause.WAKE, power.run_na, periods * standby.control_us
        yield Cause.RECEIVE, power.receive_na, periods * standby.receive_us
        yield Cause.TRANSMIT, power.transmit_na, periods * standby.transmit_us
        yield Cause.RECEIVE, power.radio_idle_na, periods * standby.idle_us
        yield Cause.SLEEP, power.sleep_na, span_us - periods * standby.awake_us

    def _send(self, part: slice, sends: Mask, window: int, away: Mask) -> list[int]:
        """One report of the rows that send; it ends after what it takes. All are held to the largest current of any."""
        spells = Spells(
            time_us=self._report_us[part] * sends,
            drawn_nj=self._report_nj[part] * sends,
            squares=self._report_squares[part] * sends,
            supplied_nj=self._harvested_nj(part, sends),
        )
        after_nj, supplied, lost = self.columns.after(self.stored_nj[part], spells)
        fails = sends & self._cannot(self.stored_nj[part], after_nj, self._report_na)
        done = sends
        if fails.any():
            done = sends & ~fails
            after_nj = np.where(fails, self.stored_nj[part], after_nj)
            supplied, lost = supplied * ~fails, lost * ~fails
        self._take(part, after_nj, supplied, lost)
        self.settled_us[part] += self._report_us[part] * done
        quiet_us = self.settled_us[part] + self._report_quiet_us[part]
        self.quiet_until_us[part] = np.where(done, quiet_us, self.quiet_until_us[part])
        self.sent[part] += done
        self.heard[part] += done & self._arrived(window)[part]
        return self._fell(part, fails, away)

    def _cannot(self, before_nj: Ints, after_nj: Ints, current_na: int) -> Mask:
        """Which stores do not bear a current at both ends; what is only drawn from bears it best at first."""
        fails = self.columns.fails(after_nj, current_na, self.power.brown_out_mv)
        if self.light is not None:
            fails |= self.columns.fails(before_nj, current_na, self.power.brown_out_mv)
        return fails

    def _harvested_nj(self, part: slice, sends: Mask) -> Ints | int:
        """What comes in while reports are sent; for those that the light changes on, one by one."""
        if self.light is None:
            return 0
        since_us, time_us = self.settled_us[part], self._report_us[part] * sends
        found = powers_nj(1000 * self._power_nw[part], time_us)
        ends_us = self.light.until_us(self._advanced_us)
        for at in np.flatnonzero(sends & (since_us + time_us > ends_us)).tolist():
            found[at] = self.light.harvested_nj(part.start + at, int(since_us[at]), int(time_us[at]))
        return found

    def _take(self, part: slice, after_nj: Ints, supplied: Ints, lost: Ints) -> None:
        self.stored_nj[part] = after_nj
        self.supplied_nj[part] += supplied
        self.lost_nj[part] += lost

    def began(self, place: int, window: int, start_us: int) -> None:
        """Part of Ether: who hears a window's reports is known before they are sent."""

    def arrived(self, place: int, window: int) -> bool:
        """Part of Ether: whether the report that a row sent in a window was heard."""
        return bool(self._arrived(window)[place])

    def _arrived(self, window: int) -> Mask:
        """Which reports of a window arrive, decided once: of the rows that live when the first of them is sent."""
        assert self.reports is not None, "asked of rows that report"
        if self._answered[0] != window:
            self._answered = (window, self.reports.arrived(window, self.died_us == NEVER))
        return self._answered[1]

    def _fell(self, part: slice, fails: Mask, away: Mask) -> list[int]:
        if not fails.any():
            return []
        found: list[int] = (part.start + np.flatnonzero(fails)).tolist()
        away[found] = True
        return found

    def _book(self, part: slice, cause: Cause, drawn: Ints, span_us: Ints) -> None:
        """To the cause, and to the sensor that runs beside it."""
        if self.power.sense_na:
            sense = energies_nj(self.power.supply_mv, self.power.sense_na, span_us)
            self.energy_nj[CAUSES.index(Cause.SENSE), part] += sense
            self.time_us[CAUSES.index(Cause.SENSE), part] += span_us
            drawn = drawn - sense
        self.energy_nj[CAUSES.index(cause), part] += drawn
        self.time_us[CAUSES.index(cause), part] += span_us


def energies_nj(supply_mv: int, current_na: int, span_us: Ints) -> Ints:
    """As fleet.node.cost.energy_nj, for many times at once."""
    return powers_nj(supply_mv * current_na, span_us)


def squares_of(current_na: int, span_us: Ints) -> Ints:
    """As fleet.world.stores.flow.squares, for many times at once; at most MOST_SQUARES."""
    square = current_na * current_na
    if square * int(span_us.max(initial=0)) >= 2**63:
        return np.array([min(squares(current_na, int(span)), MOST_SQUARES) for span in span_us], dtype=np.int64)
    result: Ints = square * span_us // 1_000_000_000
    return result
