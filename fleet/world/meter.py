"""Energy accounts of one node: by cause, to the nanojoule, and never more than the store gives.

A current I in nanoamperes at a voltage V in millivolts for a time t in microseconds is
10^-9 A x 10^-3 V x 10^-6 s = 10^-18 J, so I V t / 10^9 nanojoules. A whole number of nanojoules is booked: the nearest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from fleet.node.cost import energy_nj
from fleet.world.harvest import Harvest, harvested_nj, pieces
from fleet.world.stores import Load, Store, failure, holds, joined


class Cause(StrEnum):
    """What energy is drawn for; the words and the order of the table `energy`."""

    SLEEP = "sleep"  # RAM kept, clock runs
    WAKE = "wake"  # oscillator starting; processor at work for the radio
    SENSE = "sense"  # a sensor that runs beside everything else
    COMPUTE = "compute"  # the network learns
    TRANSMIT = "transmit"  # transmitter on; gaps between packets of an uplink
    RECEIVE = "receive"  # receiver on; gaps between packets of a downlink
    FLASH = "flash"  # a push is programmed
    CHECKPOINT = "checkpoint"  # a round's work is kept before the energy ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A constant current for a time, and what for."""

    cause: Cause
    current_na: int
    time_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """Energy drawn for one cause, and for how long."""

    cause: Cause
    energy_nj: int
    time_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """What became of a store: its new state, the bookings, how long it held, why it failed ('': it did not).

    supplied_nj, lost_nj: of the harvest, and of the store, in that time.
    """

    store: Store
    bookings: tuple[Booking, ...]
    lived_us: int
    failure: str
    supplied_nj: int = 0
    lost_nj: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied:
    """What a board asks of its store whatever it does, and what comes in meanwhile.

    sense_na: current of a sensor that runs all the while; it is booked as Cause.SENSE for the same time.
    """

    supply_mv: int
    brown_out_mv: int
    sense_na: int = 0
    harvest: Harvest | None = None

    def load(self, draw: Draw, harvest_nw: int = 0) -> Load:
        """A draw with the sensor beside it."""
        return Load(supply_mv=self.supply_mv, current_na=draw.current_na + self.sense_na, harvest_nw=harvest_nw)

    def bookings(self, draw: Draw, time_us: int) -> tuple[Booking, ...]:
        """What a draw for a time is booked as."""
        drawn_nj = energy_nj(self.supply_mv, draw.current_na + self.sense_na, time_us)
        sense_nj = energy_nj(self.supply_mv, self.sense_na, time_us)
        booking = Booking(cause=draw.cause, energy_nj=drawn_nj - sense_nj, time_us=time_us)
        if not self.sense_na:
            return (booking,)
        return booking, Booking(cause=Cause.SENSE, energy_nj=sense_nj, time_us=time_us)


def run_down(store: Store, draws: Sequence[Draw], board: Supplied, *, at_us: int = 0, floor_ppm: int = 0) -> Drain:
    """The store after some draws one after the other, ended by the first moment at which it cannot hold one.

    Several draws are one spell where the store bears the largest of them at both ends; where it does not, they are
    taken one at a time, to find the moment. floor_ppm: a level below which the store ends as well.
    """
    draws = [draw for draw in draws if draw.time_us]
    if len(draws) > 1 and (whole := _at_once(store, draws, board, at_us)) is not None:
        return whole
    return _in_turn(store, draws, board, at_us, floor_ppm)


def _at_once(store: Store, draws: Sequence[Draw], board: Supplied, at_us: int) -> Drain | None:
    spell = joined([board.load(draw).over(draw.time_us) for draw in draws])
    spell = replace(spell, supplied_nj=harvested_nj(board.harvest, at_us, spell.time_us))
    step = store.after(spell)
    if any(failure(state, spell.peak_na, board.brown_out_mv) for state in (store, step.store)):
        return None
    return Drain(
        store=step.store,
        bookings=tuple(booking for draw in draws for booking in board.bookings(draw, draw.time_us)),
        lived_us=spell.time_us,
        failure="",
        supplied_nj=step.supplied_nj,
        lost_nj=step.lost_nj,
    )


def _in_turn(store: Store, draws: Sequence[Draw], board: Supplied, at_us: int, floor_ppm: int) -> Drain:
    bookings: list[Booking] = []
    lived_us = supplied_nj = lost_nj = 0
    why = ""
    for draw in draws:
        for piece_us, harvest_nw in pieces(board.harvest, at_us + lived_us, draw.time_us):
            load = board.load(draw, harvest_nw)
            held_us, why = holds(store, load, piece_us, board.brown_out_mv, floor_ppm)
            step = store.after(load.over(held_us))
            store, lived_us = step.store, lived_us + held_us
            supplied_nj, lost_nj = supplied_nj + step.supplied_nj, lost_nj + step.lost_nj
            bookings += board.bookings(draw, held_us)
            if why:
                break
        if why:
            break
    return Drain(
        store=store,
        bookings=tuple(bookings),
        lived_us=lived_us,
        failure=why,
        supplied_nj=supplied_nj,
        lost_nj=lost_nj,
    )


class Meter:
    """The account of one node: energy and time by cause, and what came in and was lost."""

    __slots__ = ("_energy_nj", "_time_us", "lost_nj", "supplied_nj")

    def __init__(self) -> None:
        self.supplied_nj = self.lost_nj = 0
        self._energy_nj = dict.fromkeys(Cause, 0)
        self._time_us = dict.fromkeys(Cause, 0)

    def book(self, bookings: Sequence[Booking]) -> None:
        """Adds energy and time to their causes."""
        for booking in bookings:
            self._energy_nj[booking.cause] += booking.energy_nj
            self._time_us[booking.cause] += booking.time_us

    @property
    def drawn_nj(self) -> int:
        """Energy of all causes."""
        return sum(self._energy_nj.values())

    def totals(self) -> tuple[Booking, ...]:
        """Energy and time of every cause, in the order of Cause, those never drawn for included."""
        return tuple(Booking(cause=c, energy_nj=self._energy_nj[c], time_us=self._time_us[c]) for c in Cause)
