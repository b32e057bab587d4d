"""A population of groups of rows, and of the few nodes that are objects for a while."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, cast

import numpy as np
import simpy

from fleet.record.rows import BatteryRow, EnergyRow, SumRow
from fleet.world.cohort.light import Light
from fleet.world.cohort.rows import BLOCK, NEVER, Ints, Rows
from fleet.world.harvest import Harvest
from fleet.world.meter import Cause
from fleet.world.node import Node, NodeSpec
from fleet.world.reports.report import Reports, RowReports, Task

MOST: Final = 2**63 - 1
"""The largest cell of a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Nodes of one kind, from number `first` on. board: their profile's folder. reports: what they send unasked.

    harvests: node n has number n mod how many there are; none where they are fed by their stores alone.
    """

    board: str
    first: int
    count: int
    reports: Reports | None = None
    harvests: Sequence[Harvest] = ()

    def tasks(self) -> list[Task | None]:
        """What each node reports, where every node is an object."""
        if self.reports is None:
            return [None] * self.count
        ether = self.reports.ether()
        return [Task(reports=self.reports, place=place, ether=ether) for place in range(self.count)]


class Cohort:
    """specs: by number. made: makes the object of a node, which goes back to its row once it has worked."""

    def __init__(
        self,
        groups: Sequence[Group],
        specs: Sequence[NodeSpec],
        env: simpy.Environment,
        made: Callable[[NodeSpec], Node],
        pool: Executor | None = None,
    ) -> None:
        self._groups = groups
        self._ends = list(accumulate(group.count for group in groups))
        self._env = env
        self._specs = specs
        self._made = made
        self._out: dict[int, Node] = {}
        firsts = [specs[group.first] for group in groups]
        self._rows = [
            Rows(
                group.count,
                store=spec.store,
                power=spec.power,
                standby=spec.standby,
                reports=_by_rows(group.reports),
                light=_light(group, spec),
                pool=pool if group.count > BLOCK else None,
            )
            for group, spec in zip(groups, firsts, strict=True)
        ]
        self._away = [np.zeros(group.count, dtype=np.bool_) for group in groups]

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and 0 <= number < self._ends[-1]

    def node(self, number: int) -> Node:
        """A node as an object, from its row unless it is one already."""
        if number not in self._out:
            self._out[number] = self._raised(number)
            group, place = self._place(number)
            self._away[group][place] = True
        return self._out[number]

    def settle(self) -> None:
        """Books everybody's sleep up to now; nodes that have nothing to do go back to their rows."""
        self.gather()
        now_us = int(self._env.now)
        for one, rows, away in zip(self._groups, self._rows, self._away, strict=True):
            for place in rows.advance(now_us, away):
                self._falls(one, rows, place)
                away[place] = False

    def gather(self) -> None:
        """Nodes that have nothing to do go back to their rows, booked as far as they are."""
        for number, node in list(self._out.items()):
            if node.task is None or not node.task.is_alive:
                group, place = self._place(number)
                self._rows[group].take(place, self._out.pop(number))
                self._away[group][place] = False

    def stop(self) -> list[simpy.Process]:
        """What is not over yet; rows report only when they are settled."""
        return [node.task for node in self._out.values() if node.task is not None and node.task.is_alive]

    def alive(self) -> Ints:
        """Nodes that live, as far as is booked, ascending."""
        living = [rows.died_us == NEVER for rows in self._rows]
        for number, node in self._out.items():
            group, place = self._place(number)
            living[group][place] = node.alive
        return np.flatnonzero(np.concatenate(living))

    def rows(self, watched: Sequence[int] | None) -> tuple[list[EnergyRow], list[BatteryRow]]:
        """Accounts and stores of the watched nodes, or of all; of nodes that are all in their rows."""
        nodes = [self._raised(number, whole=True) for number in (range(self._ends[-1]) if watched is None else watched)]
        return [row for node in nodes for row in node.energy_rows()], [node.battery_row() for node in nodes]

    def totals(self) -> dict[str, Ints]:
        """Columns of the table `totals` but its line."""
        return {
            "node": np.arange(self._ends[-1], dtype=np.int64),
            "drawn_nj": np.concatenate([rows.drawn_nj() for rows in self._rows]),
            "supplied_nj": np.concatenate([rows.supplied_nj for rows in self._rows]),
            "lost_nj": np.concatenate([rows.lost_nj for rows in self._rows]),
            "start_nj": np.concatenate([np.full(rows.count, rows.store.stored_nj) for rows in self._rows]),
            "end_nj": np.concatenate([rows.stored_nj for rows in self._rows]),
            "died_us": np.concatenate([rows.died_us for rows in self._rows]),
            "reports": np.concatenate([rows.alone + rows.sent for rows in self._rows]),
            "heard": np.concatenate([rows.heard for rows in self._rows]),
            "sent_us": np.concatenate([rows.transmitted_us() for rows in self._rows]),
            "rounds": np.concatenate([rows.rounds for rows in self._rows]),
        }

    def sums(self, line: str) -> list[SumRow]:
        """Rows of the table `sums`: energy and time by cause over each group, in parts that fit 64 bits."""
        found = []
        for number, (group, rows) in enumerate(zip(self._groups, self._rows, strict=True)):
            accounts = rows.account(slice(None))
            size = MOST // max(*(int(account.max()) for account in accounts), 1)
            for first in range(0, group.count, size):
                energy, time = (account[:, first : first + size].sum(axis=1).tolist() for account in accounts)
                found += [
                    SumRow(
                        line=line,
                        group=number,
                        board=group.board,
                        nodes=min(size, group.count - first),
                        cause=cause.value,
                        energy_nj=energy[n],
                        time_us=time[n],
                    )
                    for n, cause in enumerate(Cause)
                ]
        return found

    def check_balance(self) -> None:
        """Of every row; nobody is an object by then."""
        for rows in self._rows:
            rows.check_balance()

    def _place(self, number: int) -> tuple[int, int]:
        group = bisect_right(self._ends, number)
        return group, number - self._groups[group].first

    def _raised(self, number: int, *, whole: bool = False) -> Node:
        """The object of a row. whole: with the row's account, to be read only."""
        group, place = self._place(number)
        rows = self._rows[group]
        node = self._made(self._specs[number])
        node.store = rows.store_of(place)
        node.died_us = int(rows.died_us[place])
        node.off = bool(rows.off[place])
        node.slept_from_us = int(rows.settled_us[place])
        node.quiet_until_us = int(rows.quiet_until_us[place])
        node.synced_us = int(rows.synced_us[place])
        node.round = int(rows.last_round[place])
        if whole:
            node.meter.book(rows.bookings(place))
        return node

    def _falls(self, group: Group, rows: Rows, place: int) -> None:
        """A node whose store did not carry what all rows do: its way from there on, one moment at a time."""
        node = self._raised(group.first + place)
        task = None if group.reports is None else Task(reports=group.reports, place=place, ether=rows)
        node.live_alone(task, int(self._env.now))
        rows.take(place, node)


def _light(group: Group, spec: NodeSpec) -> Light | None:
    if spec.harvest is None or spec.recovery is None:
        return None
    harvests = group.harvests or (spec.harvest,)
    return Light(harvests=harvests, first=group.first, count=group.count, restart_ppm=spec.recovery.restart_ppm)


def _by_rows(reports: Reports | None) -> RowReports | None:
    if reports is None or hasattr(reports, "starts_us"):
        return cast("RowReports | None", reports)
    raise TypeError("reports: expected some that are alike for all nodes of a kind, got others; make the nodes objects")
