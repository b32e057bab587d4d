"""The nodes of a world: one object for each in a small fleet, rows of a cohort in a large one."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import simpy
from numpy.typing import NDArray

from fleet.record.rows import BatteryRow, EnergyRow, SumRow
from fleet.world.node import Node, NodeSpec
from fleet.world.reports.report import Task
from fleet.world.stores.cr2032 import Cr2032
from fleet.world.stores.ideal import Ideal

Ints = NDArray[np.int64]


class Population(Protocol):
    """Nodes by number."""

    def __contains__(self, number: object) -> bool: ...

    def node(self, number: int) -> Node:
        """A node to give work to: booked up to now, and a process while it has any."""
        ...

    def settle(self) -> None:
        """Books what every node did by itself up to now."""
        ...

    def gather(self) -> None:
        """Takes down what nodes did that are done, without booking anybody's sleep."""
        ...

    def stop(self) -> list[simpy.Process]:
        """No node reports any more; what is not over yet."""
        ...

    def alive(self) -> Ints:
        """Nodes that live, as far as is booked, ascending."""
        ...

    def rows(self, watched: Sequence[int] | None) -> tuple[list[EnergyRow], list[BatteryRow]]:
        """Accounts and stores of the watched nodes, or of all."""
        ...

    def totals(self) -> dict[str, Ints]:
        """Columns of the table `totals` but its line; empty where the other tables say all."""
        ...

    def sums(self, line: str) -> list[SumRow]:
        """Rows of the table `sums`; empty where every node has rows."""
        ...

    def check_balance(self) -> None:
        """RuntimeError where energies of a node do not balance: the program is wrong then."""
        ...


class Everyone:
    """Every node is an object; the first population, and the one that the cohort is held against."""

    def __init__(self, nodes: Sequence[Node], tasks: Sequence[Task | None] = ()) -> None:
        """tasks: what each node reports by itself, in the order of the nodes."""
        self._nodes = {node.spec.node: node for node in sorted(nodes, key=lambda node: node.spec.node)}
        if len(self._nodes) != len(nodes):
            raise ValueError("nodes: expected each number once, got one twice; number the nodes from 0")
        for node, task in zip(nodes, tasks, strict=False):
            if task is not None:
                node.env.process(node.report(task))
        self._report = any(task is not None for task in tasks)

    def __contains__(self, number: object) -> bool:
        return number in self._nodes

    def node(self, number: int) -> Node:
        """The node of a number."""
        return self._nodes[number]

    def settle(self) -> None:
        """Books every node's sleep up to now."""
        for node in self._nodes.values():
            node.settle()

    def gather(self) -> None:
        """Nothing: every node keeps its own account."""

    def stop(self) -> list[simpy.Process]:
        """No node reports any more; what is not over yet."""
        for node in self._nodes.values():
            node.stopped = True
        return [node.task for node in self._nodes.values() if node.task is not None and node.task.is_alive]

    def alive(self) -> Ints:
        """Nodes that live, as far as is booked, ascending."""
        return np.array([number for number, node in self._nodes.items() if node.alive], dtype=np.int64)

    def rows(self, watched: Sequence[int] | None) -> tuple[list[EnergyRow], list[BatteryRow]]:
        """Accounts and stores of the watched nodes, or of all."""
        nodes = [self._nodes[number] for number in (self._nodes if watched is None else watched)]
        return [row for node in nodes for row in node.energy_rows()], [node.battery_row() for node in nodes]

    def totals(self) -> dict[str, Ints]:
        """What nodes sent by themselves, harvested or lost, which no other table has; nothing where none does.

        That a coin cell warms itself is in here only beside other nodes that have something to tell.
        """
        nodes = list(self._nodes.values())
        if not self._report and all(_is_plain(node.spec) for node in nodes):
            return {}
        found = {
            "node": list(self._nodes),
            "drawn_nj": [node.meter.drawn_nj for node in nodes],
            "supplied_nj": [node.meter.supplied_nj for node in nodes],
            "lost_nj": [node.meter.lost_nj for node in nodes],
            "start_nj": [node.spec.store.stored_nj for node in nodes],
            "end_nj": [node.store.stored_nj for node in nodes],
            "died_us": [node.died_us for node in nodes],
            "reports": [node.reports for node in nodes],
            "heard": [node.heard for node in nodes],
            "sent_us": [node.sent_us for node in nodes],
            "rounds": [node.rounds for node in nodes],
        }
        return {name: np.array(cells, dtype=np.int64) for name, cells in found.items()}

    def sums(self, line: str) -> list[SumRow]:  # noqa: ARG002 (of the interface)
        """Nothing: every node has rows."""
        return []

    def check_balance(self) -> None:
        """Of every node."""
        for node in self._nodes.values():
            node.check_balance()


def _is_plain(spec: NodeSpec) -> bool:
    """Whether a store of the first release that nothing is harvested into."""
    return spec.harvest is None and isinstance(spec.store, Ideal | Cr2032)
