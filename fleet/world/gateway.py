"""What the nodes of one gateway share: its links, and the air where radios listen before they talk.

A gateway with fewer links than nodes serves them in the order in which they come; who has to wait sleeps. How a node
learns that its turn has come is not modelled. On a shared air each node finds the channel taken as often as the others
had it lately: a mean-field model, fed after every datagram, in which nodes that talk at once slow each other down.
Bluetooth connections have an even part of every interval each, by how many talk when a transfer begins.
"""

from dataclasses import dataclass
from typing import Final

import simpy
from simpy.resources.resource import Request

from fleet.world.radio.link import Transfer

PPM: Final = 1_000_000
NEW_PPM: Final = 700_000  # of the air, what a node takes that has just begun: full frames on a free channel


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
        self._shares_ppm: dict[int, int] = {}

    def turn(self) -> Request:
        """A link of its own, as a context: to be waited for first."""
        return self._links.request()

    def joined(self, node: int) -> None:
        """A node is about to talk."""
        self._shares_ppm[node] = NEW_PPM

    @property
    def talking(self) -> int:
        """How many nodes talk now."""
        return len(self._shares_ppm)

    def took(self, node: int, piece: Transfer) -> None:
        """What a node had of the air in its last piece."""
        self._shares_ppm[node] = piece.airtime_us * PPM // max(piece.elapsed_us, 1)

    def left(self, node: int) -> None:
        """A node is done, or dead."""
        self._shares_ppm.pop(node, None)

    def busy_ppm(self, node: int) -> int:
        """Share of the time in which others have the air, in millionths, at most all of it."""
        return min(sum(share for other, share in self._shares_ppm.items() if other != node), PPM)
