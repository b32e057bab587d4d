"""What the server of a run knows of its nodes, kept from exchange to exchange, and whom it asks by that."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fleet.federation.grid import Exchange
from fleet.learning.selection import Known, chosen
from fleet.run.assemble import Assembly


@dataclass(slots=True, kw_only=True)
class Books:
    """One line's knowledge of its nodes. Its selection is None where every round asks all."""

    party: Assembly
    known: Known = field(init=False)

    def __post_init__(self) -> None:
        self.known = Known(nodes=len(self.party.nodes))

    @property
    def choosing(self) -> bool:
        """Whether rounds ask some nodes only."""
        return self.party.asked < len(self.party.nodes)

    def select(self, number: int) -> Sequence[int]:
        """The nodes of a round, ascending."""
        server = self.party.scenario.server
        found = chosen(
            server.select,
            self.known,
            self.party.scenario.seed,
            number,
            self.party.asked,
            limit_us=server.timeout_us // 2,
        )
        return [int(node) for node in found]

    def learn(self, exchange: Exchange) -> None:
        """Takes down who answered a round, when, and what asking them has cost."""
        nodes = np.array([outcome.node for outcome in exchange.outcomes], dtype=np.int64)
        answered = np.array([outcome.delivered for outcome in exchange.outcomes])
        self.known.asked[nodes] += 1
        self.known.failures[nodes] = np.where(answered, 0, self.known.failures[nodes] + 1)
        for outcome in exchange.outcomes:
            if outcome.delivered:
                self.known.took_us[outcome.node] = outcome.delivered_us - exchange.opened_us
            steps = self.party.scenario.training.steps_per_round
            self.known.left_nj[outcome.node] -= steps * self.party.step_cost(outcome.node).energy_nj

    def weigh(self, node: int, deltas: NDArray[np.int32], windows: int) -> None:
        """Takes down how large a node's update was: the norm of its deltas times the root of its windows."""
        squares = int((deltas.astype(np.int64) ** 2).sum())
        self.known.utility[node] = int(np.sqrt(float(squares * windows)))
