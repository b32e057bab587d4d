"""The nodes of one group as columns. All of them have one board, one kind of store and one radio."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleet.node.cost import energy_nj
from fleet.world.meter import Booking, Cause
from fleet.world.node import Node
from fleet.world.power import Power
from fleet.world.store import PPM, Store

Ints = NDArray[np.int64]
NEVER: Final = -1
BLOCK: Final = 16_384  # rows that are worked on together: their columns stay in the processor's cache


class Rows:
    """n nodes. settled_us: up to when a row is booked. died_us: NEVER while it lives. Energy and time by cause."""

    def __init__(self, count: int, *, store: Store, power: Power) -> None:
        self.count = count
        self.store = store
        self.power = power
        self.drawn_nj = np.full(count, store.drawn_nj, dtype=np.int64)
        self.settled_us = np.zeros(count, dtype=np.int64)
        self.died_us = np.full(count, NEVER, dtype=np.int64)
        self.energy_nj = np.zeros((len(Cause), count), dtype=np.int64)
        self.time_us = np.zeros((len(Cause), count), dtype=np.int64)
        self.quiet_until_us = np.zeros(count, dtype=np.int64)
        self.sent_us = np.zeros(count, dtype=np.int64)
        self.rounds = np.zeros(count, dtype=np.int64)
        self.last_round = np.zeros(count, dtype=np.int64)

    def sleep_to(self, time_us: int, away: NDArray[np.bool_]) -> Ints:
        """Books the sleep of every living row that is not away. Returns the rows that their stores did not carry.

        What those drew is not booked: they die on the way, at a moment that only one row at a time can tell.
        """
        failing = [
            self._sleep(slice(first, min(first + BLOCK, self.count)), time_us, away)
            for first in range(0, self.count, BLOCK)
        ]
        return np.concatenate(failing)

    def take(self, place: int, node: Node) -> None:
        """Writes a node that has nothing to do any more back into its row."""
        self.drawn_nj[place] = node.store.drawn_nj
        self.died_us[place] = node.died_us
        self.settled_us[place] = node.died_us if node.slept_from_us is None else node.slept_from_us
        for number, total in enumerate(node.meter.totals()):
            self.energy_nj[number, place] += total.energy_nj
            self.time_us[number, place] += total.time_us
        self.quiet_until_us[place] = node.quiet_until_us
        self.sent_us[place] += node.sent_us
        self.rounds[place] += node.rounds
        self.last_round[place] = node.round

    def store_of(self, place: int) -> Store:
        """The store of one row."""
        return self.store.after(int(self.drawn_nj[place]) - self.store.drawn_nj)

    def bookings(self, place: int) -> list[Booking]:
        """The account of one row, by cause."""
        energy, time = self.energy_nj[:, place], self.time_us[:, place]
        return [Booking(cause=cause, energy_nj=int(energy[n]), time_us=int(time[n])) for n, cause in enumerate(Cause)]

    def _sleep(self, part: slice, time_us: int, away: NDArray[np.bool_]) -> Ints:
        asleep = (self.died_us[part] == NEVER) & ~away[part]
        span_us = np.where(asleep, time_us - self.settled_us[part], 0)
        total_na = self.power.sleep_na + self.power.sense_na
        drawn = energies_nj(self.power.supply_mv, total_na, span_us)
        fails = asleep & ~self._holds(self.drawn_nj[part] + drawn, total_na)
        drawn[fails] = span_us[fails] = 0
        self.drawn_nj[part] += drawn
        self.settled_us[part] += span_us
        self._book(part, Cause.SLEEP, drawn, span_us)
        fallen: Ints = part.start + np.flatnonzero(fails)
        return fallen

    def _book(self, part: slice, cause: Cause, drawn: Ints, span_us: Ints) -> None:
        """To the cause, and to the sensor that runs beside it."""
        sense = energies_nj(self.power.supply_mv, self.power.sense_na, span_us)
        for booked, energy in ((cause, drawn - sense), (Cause.SENSE, sense)):
            row = list(Cause).index(booked)
            self.energy_nj[row, part] += energy
            if booked is cause or self.power.sense_na:
                self.time_us[row, part] += span_us

    def _holds(self, drawn_nj: Ints, current_na: int) -> NDArray[np.bool_]:
        """Which stores hold this current after so much was drawn; as Store.failure."""
        full = self.store.capacity_nj > 0
        within = (drawn_nj <= self.store.capacity_nj) if full else np.ones(len(drawn_nj), dtype=np.bool_)
        return within & (voltages_mv(self.store, drawn_nj, current_na) >= self.power.brown_out_mv)


def energies_nj(supply_mv: int, current_na: int, span_us: Ints) -> Ints:
    """As fleet.node.cost.energy_nj, for many times at once. Exact while the product stays below 2^63."""
    power_pw = supply_mv * current_na
    longest_us = int(span_us.max(initial=0))
    if power_pw * longest_us >= 2**63 - 500_000_000:
        return np.array([energy_nj(supply_mv, current_na, int(span)) for span in span_us], dtype=np.int64)
    result: Ints = (power_pw * span_us + 500_000_000) // 1_000_000_000
    return result


def voltages_mv(store: Store, drawn_nj: Ints, current_na: int) -> Ints:
    """As Store.voltage_mv, for many states of one store at once."""
    points = np.array([(p.drawn_ppm, p.open_mv, p.resistance_mohm) for p in store.curve], dtype=np.int64)
    ppm = drawn_ppm(drawn_nj, store.capacity_nj) if store.capacity_nj else np.zeros_like(drawn_nj)
    after = np.searchsorted(points[:, 0], ppm, side="right")
    low, high = points[after - 1], points[np.minimum(after, len(points) - 1)]
    part, whole = ppm - low[:, 0], np.maximum(high[:, 0] - low[:, 0], 1)
    open_mv = low[:, 1] - (low[:, 1] - high[:, 1]) * part // whole
    mohm = low[:, 2] + (high[:, 2] - low[:, 2]) * part // whole
    result: Ints = open_mv + (-current_na * mohm // 1_000_000_000)
    return result


def drawn_ppm(drawn_nj: Ints, capacity_nj: int) -> Ints:
    """min(drawn x 10^6 // capacity, 10^6). The product passes 2^63, so a quotient of floats is put right by one."""
    near = np.minimum((drawn_nj * (PPM / capacity_nj)).astype(np.int64), PPM)
    near -= drawn_nj < _reached_nj(near, capacity_nj)
    near += drawn_nj >= _reached_nj(near + 1, capacity_nj)
    return np.minimum(near, PPM)


def _reached_nj(ppm: Ints, capacity_nj: int) -> Ints:
    """The least energy that is so many millionths of a capacity: ceil(ppm x capacity / 10^6), below 2^63 throughout."""
    whole, rest = divmod(capacity_nj, PPM)
    result: Ints = ppm * whole - (-(ppm * rest) // PPM)
    return result
