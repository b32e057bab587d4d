"""What the server of a run knows of its nodes, kept from exchange to exchange, and whom it asks by that."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleet.federation.grid import Exchange
from fleet.learning.selection import Known, chosen
from fleet.node.wire.frames import decode_update
from fleet.run.assemble import Assembly
from fleet.world.energy import harvest_of, store_of

ENDLESS_NJ: Final = 2**62
"""What mains have left at the start: more than any store."""


@dataclass(slots=True, kw_only=True)
class Books:
    """One line's knowledge of its nodes. Its selection is None where every round asks all."""

    party: Assembly
    known: Known = field(init=False)
    _spent_nj: NDArray[np.int64] = field(init=False)  # on rounds, by what a step costs on the board

    def __post_init__(self) -> None:
        count = len(self.party.nodes)
        self.known = Known(nodes=count)
        self._spent_nj = np.zeros(count, dtype=np.int64)
        capacities = [store_of(group.energy).capacity_nj or ENDLESS_NJ for group in self.party.scenario.fleet]
        self.known.left_nj[:] = np.repeat(capacities, [group.count for group in self.party.scenario.fleet])

    @property
    def choosing(self) -> bool:
        """Whether rounds ask some nodes only."""
        return self.party.asked < len(self.party.nodes)

    def select(self, number: int, now_us: int) -> Sequence[int]:
        """The nodes of a round, ascending. now_us: when it is chosen, since the start of the line."""
        server = self.party.scenario.server
        if server.select == "energy-excess":
            self.known.excess_nw[:] = self._harvest_nw(now_us) - self._mean_draw_nw(now_us)
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
        """Takes down who answered a round, when, with how large an update, and what asking them has cost."""
        nodes = np.array([outcome.node for outcome in exchange.outcomes], dtype=np.int64)
        answered = np.array([outcome.delivered for outcome in exchange.outcomes])
        self.known.asked[nodes] += 1
        self.known.failures[nodes] = np.where(answered, 0, self.known.failures[nodes] + 1)
        steps = self.party.scenario.training.steps_per_round
        for outcome in exchange.outcomes:
            spent_nj = steps * self.party.step_cost(outcome.node).energy_nj
            self._spent_nj[outcome.node] += spent_nj
            self.known.left_nj[outcome.node] -= spent_nj
            if outcome.delivered and outcome.frame is not None:
                self.known.took_us[outcome.node] = outcome.delivered_us - exchange.opened_us
                self._weigh(outcome.node, outcome.frame)

    def _weigh(self, node: int, frame: bytes) -> None:
        """Takes down how large an update was that arrived: the norm of its deltas times the root of its windows."""
        if not self.choosing:
            return
        update = decode_update(self.party.plan.layout, frame)
        squares = int((update.deltas.astype(np.int64) ** 2).sum())
        self.known.utility[node] = isqrt(squares * update.windows)

    def _harvest_nw(self, now_us: int) -> NDArray[np.int64]:
        """What reaches every node's charger now: the weather at its place, which a server can look up."""
        scenario, found, first = self.party.scenario, [], 0
        for group in scenario.fleet:
            choice = group.energy.harvest
            regions = 1 if choice is None else choice.settings().get("regions", 1)
            numbers = np.arange(first, first + group.count) % regions
            places = [
                harvest_of(choice, node=region, seed=scenario.seed, scenario=scenario.path) for region in range(regions)
            ]
            powers = [0 if place is None else place.power_nw(now_us) for place in places]
            found.append(np.array(powers, dtype=np.int64)[numbers])
            first += group.count
        return np.concatenate(found)

    def _mean_draw_nw(self, now_us: int) -> NDArray[np.int64]:
        """What every node was asked for since the start, spread over that time: nJ / us = mW."""
        return self._spent_nj * 1_000 // max(now_us // 1_000, 1)
