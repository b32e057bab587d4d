"""What nodes send by themselves, once in every window of time, besides their rounds: a reading, a sign of life.

A report is one wake: the node wakes, sends, listens as its radio demands, and sleeps again. What that takes is the same
every time for one node (a `Block`); when in the window it begins, and whether it is heard, is drawn. A node that is at
work, or must be silent, when its report is due leaves it out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.node.cost import energy_nj
from fleet.world.draws import radio_draws
from fleet.world.meter import Cause, Draw
from fleet.world.power import Power
from fleet.world.radio.link import Direction, Transfer
from fleet.world.stores.flow import squares

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One report of one kind of node: its draws in order, the time its transmitter is on, the silence after it."""

    draws: tuple[Draw, ...]
    sent_us: int
    quiet_us: int = 0

    @property
    def time_us(self) -> int:
        """From waking to sleeping."""
        return sum(draw.time_us for draw in self.draws)

    @property
    def peak_na(self) -> int:
        """The largest current of it."""
        return max(draw.current_na for draw in self.draws if draw.time_us)

    def squares(self, sense_na: int) -> int:
        """I^2 t as a store feels it, with a sensor beside it."""
        return sum(squares(draw.current_na + sense_na, draw.time_us) for draw in self.draws)

    def booked(self, supply_mv: int, sense_na: int) -> tuple[Ints, Ints]:
        """Energy in nJ and time in us by cause, as a meter books the draws one after the other."""
        energy, time = np.zeros(len(Cause), dtype=np.int64), np.zeros(len(Cause), dtype=np.int64)
        causes = list(Cause)
        for draw in self.draws:
            sensed_nj = energy_nj(supply_mv, sense_na, draw.time_us)
            row, sense = causes.index(draw.cause), causes.index(Cause.SENSE)
            energy[row] += energy_nj(supply_mv, draw.current_na + sense_na, draw.time_us) - sensed_nj
            energy[sense] += sensed_nj
            time[row] += draw.time_us
            time[sense] += draw.time_us if sense_na else 0
        return energy, time


class Ether(Protocol):
    """Who hears the reports of one group while each of its nodes is an object."""

    def began(self, place: int, window: int, start_us: int) -> None:
        """A report goes on the air."""
        ...

    def arrived(self, place: int, window: int) -> bool:
        """Whether the report that this node sent in this window was heard; asked when it is over."""
        ...


class Reports(Protocol):
    """The reports of a group. place: of a node in its group."""

    @property
    def every_us(self) -> int:
        """Length of a window."""
        ...

    def start_us(self, window: int, place: int) -> int:
        """When in its window a node's report is due."""
        ...

    def block(self, window: int, place: int) -> Block:
        """What the report of a window takes."""
        ...

    def ether(self) -> Ether:
        """The air of one line, for a fleet of objects."""
        ...


class RowReports(Reports, Protocol):
    """Reports that are alike for all nodes of a kind, so that a cohort can send them by columns."""

    @property
    def blocks(self) -> Sequence[Block]:
        """Kinds of reports."""
        ...

    @property
    def kinds(self) -> Ints:
        """Which of the blocks each node's reports are."""
        ...

    def starts_us(self, window: int) -> Ints:
        """When in its window each node's report is due."""
        ...

    def arrived(self, window: int, sending: Mask) -> Mask:
        """Which reports of a window arrive, if these nodes send theirs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The reports of one node: its place in its group, and the air that it shares."""

    reports: Reports
    place: int
    ether: Ether

    def block(self, window: int) -> Block:
        """What the report of a window takes."""
        return self.reports.block(window, self.place)

    def due_us(self, window: int) -> int:
        """When the report of a window is due, since the start of the line."""
        return window * self.reports.every_us + self.reports.start_us(window, self.place)


def report_block(power: Power, transfer: Transfer) -> Block:
    """What waking up and one transfer take."""
    wake = Draw(cause=Cause.WAKE, current_na=power.wake_na, time_us=power.wake_us)
    return Block(
        draws=(wake, *radio_draws(power, transfer, Direction.UP)),
        sent_us=transfer.transmit_us,
        quiet_us=transfer.quiet_us,
    )


def start_us(seed: int, window: int, number: int, free_us: int) -> int:
    """When in a window the report of node `number` is due: each moment of free_us is as likely. As starts_us."""
    return rng.draw32(rng.key(seed, rng.Stream.REPORT, window), number) * free_us >> 32


def starts_us(seed: int, window: int, first: int, free_us: Ints) -> Ints:
    """The same of the nodes from number `first` on, each with its own free time."""
    drawn = rng.draws32(rng.key(seed, rng.Stream.REPORT, window), first, len(free_us)).astype(np.uint64)
    result: Ints = (drawn * free_us.astype(np.uint64) >> np.uint64(32)).astype(np.int64)
    return result
