"""What the nodes of one gateway share: its links, and the air or the time of its radio.

A gateway with fewer links than nodes serves them in the order in which they come; who has to wait sleeps. How a node
learns that its turn has come is not modelled. It counts who has something to send just now; what that does to a message
is the radio's to say: piece by piece where nodes listen before they talk, for a whole transfer else.
"""

from dataclasses import dataclass

import simpy
from simpy.resources.resource import Request

from fleet.world.radio.link import Transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySpec:
    """One gateway. links: nodes that it serves at once."""

    kind: str
    name: str
    links: int


class Gateway:
    """One gateway while a line runs."""

    def __init__(self, spec: GatewaySpec, env: simpy.Environment) -> None:
        self._links = simpy.Resource(env, capacity=spec.links)
        self._talks: dict[int, bool] = {}

    def turn(self) -> Request:
        """A link of its own, as a context: to be waited for first."""
        return self._links.request()

    def joined(self, node: int) -> None:
        """A node is about to talk."""
        self._talks[node] = True

    def took(self, node: int, piece: Transfer) -> None:
        """A node begins a piece of its transfer: while it only waits in it, the air is the others'."""
        self._talks[node] = piece.airtime_us > 0

    def left(self, node: int) -> None:
        """A node is done, or dead."""
        self._talks.pop(node, None)

    @property
    def talking(self) -> int:
        """How many nodes have something to send now."""
        return sum(self._talks.values())
