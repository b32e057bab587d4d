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

from fleet.node.cost import energy_nj
from fleet.world.meter import Cause, Draw

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

    @property
    def blocks(self) -> Sequence[Block]:
        """Kinds of reports."""
        ...

    @property
    def kinds(self) -> Ints:
        """Which of the blocks each node's reports are."""
        ...

    def start_us(self, window: int, place: int) -> int:
        """When in its window a node's report is due."""
        ...

    def starts_us(self, window: int) -> Ints:
        """The same of all nodes."""
        ...

    def arrived(self, window: int, sending: Mask) -> Mask:
        """Which reports of a window arrive, if these nodes send theirs."""
        ...

    def ether(self) -> Ether:
        """The air of one line, for a fleet of objects."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The reports of one node: its place in its group, and the air that it shares."""

    reports: Reports
    place: int
    ether: Ether

    @property
    def block(self) -> Block:
        """What each of them takes."""
        return self.reports.blocks[int(self.reports.kinds[self.place])]

    def due_us(self, window: int) -> int:
        """When the report of a window is due, since the start of the line."""
        return window * self.reports.every_us + self.reports.start_us(window, self.place)
