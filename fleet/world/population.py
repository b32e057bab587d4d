"""The nodes of a world: one object for each in a small fleet, rows of a cohort in a large one."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fleet.record.rows import BatteryRow, EnergyRow, SumRow
from fleet.world.node import Node

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

    def alive(self) -> Ints:
        """Nodes that live, as far as is booked, ascending."""
        ...

    def rows(self, watched: Sequence[int] | None) -> tuple[list[EnergyRow], list[BatteryRow]]:
        """Accounts and stores of the watched nodes, or of all."""
        ...

    def totals(self) -> dict[str, Ints]:
        """Columns of the table `totals` but its line; empty where every node has rows."""
        ...

    def sums(self, line: str) -> list[SumRow]:
        """Rows of the table `sums`; empty where every node has rows."""
        ...


class Everyone:
    """Every node is an object; the first population, and the one that the cohort is held against."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = {node.spec.node: node for node in sorted(nodes, key=lambda node: node.spec.node)}
        if len(self._nodes) != len(nodes):
            raise ValueError("nodes: expected each number once, got one twice; number the nodes from 0")

    def __contains__(self, number: object) -> bool:
        return number in self._nodes

    def node(self, number: int) -> Node:
        """The node of a number."""
        return self._nodes[number]

    def settle(self) -> None:
        """Books every node's sleep up to now."""
        for node in self._nodes.values():
            node.settle()

    def alive(self) -> Ints:
        """Nodes that live, as far as is booked, ascending."""
        return np.array([number for number, node in self._nodes.items() if node.alive], dtype=np.int64)

    def rows(self, watched: Sequence[int] | None) -> tuple[list[EnergyRow], list[BatteryRow]]:
        """Accounts and stores of the watched nodes, or of all."""
        nodes = [self._nodes[number] for number in (self._nodes if watched is None else watched)]
        return [row for node in nodes for row in node.energy_rows()], [node.battery_row() for node in nodes]

    def totals(self) -> dict[str, Ints]:
        """Nothing: every node has rows."""
        return {}

    def sums(self, line: str) -> list[SumRow]:  # noqa: ARG002 (of the interface)
        """Nothing: every node has rows."""
        return []
