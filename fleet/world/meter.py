"""Energy accounts of one node: by cause, to the nanojoule, and never more than the store gives.

A current I in nanoamperes at a voltage V in millivolts for a time t in microseconds is
10^-9 A x 10^-3 V x 10^-6 s = 10^-18 J, so I V t / 10^9 nanojoules. A whole number of nanojoules is booked: the nearest.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from fleet.node.cost import energy_nj
from fleet.world.store import Store


class Cause(StrEnum):
    """What energy is drawn for; the words and the order of the table `energy`."""

    SLEEP = "sleep"  # RAM kept, clock runs
    WAKE = "wake"  # oscillator starting; processor at work for the radio
    SENSE = "sense"  # a sensor that runs beside everything else
    COMPUTE = "compute"  # the network learns
    TRANSMIT = "transmit"  # transmitter on; gaps between packets of an uplink
    RECEIVE = "receive"  # receiver on; gaps between packets of a downlink
    FLASH = "flash"  # a push is programmed


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
    """What became of a store: its new state, the bookings, how long it held, why it failed ('': it did not)."""

    store: Store
    bookings: tuple[Booking, ...]
    lived_us: int
    failure: str


def run_down(store: Store, draws: Sequence[Draw], *, supply_mv: int, brown_out_mv: int, sense_na: int = 0) -> Drain:
    """The store after some draws one after the other, ended by the first moment at which it cannot hold one.

    sense_na: current of a sensor that runs all the while; it is booked as Cause.SENSE for the same time.
    """
    bookings: list[Booking] = []
    lived_us = 0
    for draw in draws:
        if draw.time_us == 0:
            continue
        total_na = draw.current_na + sense_na
        time_us, failure = _holds(store, total_na, draw.time_us, supply_mv, brown_out_mv)
        drawn_nj = energy_nj(supply_mv, total_na, time_us)
        sense_nj = energy_nj(supply_mv, sense_na, time_us)
        bookings.append(Booking(cause=draw.cause, energy_nj=drawn_nj - sense_nj, time_us=time_us))
        if sense_na:
            bookings.append(Booking(cause=Cause.SENSE, energy_nj=sense_nj, time_us=time_us))
        store = store.after(drawn_nj)
        lived_us += time_us
        if failure:
            return Drain(store=store, bookings=tuple(bookings), lived_us=lived_us, failure=failure)
    return Drain(store=store, bookings=tuple(bookings), lived_us=lived_us, failure="")


def _holds(store: Store, current_na: int, time_us: int, supply_mv: int, brown_out_mv: int) -> tuple[int, str]:
    """How many of the microseconds a store holds a current, and why not longer ('': it holds all of them).

    The voltage never rises while energy is drawn, so one search finds the last good microsecond.
    """

    def failure(t_us: int) -> str:
        return store.failure(energy_nj(supply_mv, current_na, t_us), current_na, brown_out_mv)

    if not failure(time_us):
        return time_us, ""
    first_bad_us = bisect_left(range(time_us), True, key=lambda t_us: bool(failure(t_us)))
    return max(first_bad_us - 1, 0), failure(first_bad_us)


class Meter:
    """The account of one node: energy and time by cause."""

    __slots__ = ("_energy_nj", "_time_us")

    def __init__(self) -> None:
        self._energy_nj = dict.fromkeys(Cause, 0)
        self._time_us = dict.fromkeys(Cause, 0)

    def book(self, bookings: Sequence[Booking]) -> None:
        """Adds energy and time to their causes."""
        for booking in bookings:
            self._energy_nj[booking.cause] += booking.energy_nj
            self._time_us[booking.cause] += booking.time_us

    def totals(self) -> tuple[Booking, ...]:
        """Energy and time of every cause, in the order of Cause, those never drawn for included."""
        return tuple(Booking(cause=c, energy_nj=self._energy_nj[c], time_us=self._time_us[c]) for c in Cause)
