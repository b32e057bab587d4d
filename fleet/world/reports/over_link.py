"""Reports over any radio: each is a transfer of its own, with its own losses. For fleets whose nodes are objects."""

from collections.abc import Sequence

from fleet.base import rng
from fleet.world.node import NodeSpec
from fleet.world.radio.link import Direction, Transfer
from fleet.world.reports.report import Block, report_block, start_us


class LinkReports:
    """The reports of a group of nodes. specs: of its nodes, in order. It is its own air: no report harms another."""

    def __init__(self, specs: Sequence[NodeSpec], *, seed: int, every_us: int, payload_bytes: int) -> None:
        self.every_us = every_us
        self._specs = list(specs)
        self._seed = seed
        self._payload_bytes = payload_bytes

    def start_us(self, window: int, place: int) -> int:
        """Anywhere in the window."""
        return start_us(self._seed, window, self._specs[place].node, self.every_us)

    def block(self, window: int, place: int) -> Block:
        """What this one takes, retries included."""
        return report_block(self._specs[place].power, self._transfer(window, place))

    def ether(self) -> "LinkReports":
        """Itself."""
        return self

    def began(self, place: int, window: int, start_us: int) -> None:
        """Nothing: what becomes of a transfer is drawn under its key."""

    def arrived(self, place: int, window: int) -> bool:
        """Whether it was delivered."""
        return self._transfer(window, place).delivered

    def _transfer(self, window: int, place: int) -> Transfer:
        spec = self._specs[place]
        key = rng.key(self._seed, rng.Stream.REPORT, window, spec.node)
        at_us = window * self.every_us + self.start_us(window, place)
        return spec.link.transfer(Direction.UP, self._payload_bytes, key, at_us=at_us)
