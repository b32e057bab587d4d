"""From a scenario to everything a line needs: data, model, plan, boards, one client per node."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.learning.client import Client
from fleet.learning.data import DataSet, Draw
from fleet.node.backend import Backend, EngineBackend
from fleet.node.cost import Cost, step_cost
from fleet.node.model.graph import Graph
from fleet.node.model.scheme import trained_values
from fleet.node.plan import Plan
from fleet.node.plan.counts import training_counts
from fleet.node.plan.fit import plan_for
from fleet.node.profile import Profile, load_profile
from fleet.run.prepare import NodeData, node_data, starting_model, with_scheme
from fleet.run.twins import emulated_backends, twin_nodes
from fleet.scenario import FleetGroup, Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """A scenario made real. clients, groups: one per node, in order. profiles: by board.

    backend: the engine in this process, which every node runs on that is not emulated.
    """

    scenario: Scenario
    dataset: DataSet
    draw: Draw
    graph: Graph
    plan: Plan
    backend: Backend
    clients: tuple[Client, ...]
    emulated: tuple[int, ...]
    groups: tuple[FleetGroup, ...]
    profiles: dict[str, Profile]

    @property
    def initial(self) -> NDArray[np.int32]:
        """int32 [size]: the trained values of the pretrained model."""
        return trained_values(self.graph, self.plan.layout)

    @property
    def nodes(self) -> range:
        """Numbers of the nodes."""
        return range(len(self.clients))

    def profile(self, node: int) -> Profile:
        """The board of a node."""
        return self.profiles[self.groups[node].board]

    def step_cost(self, node: int) -> Cost:
        """Modelled cost of one training step on a node's board."""
        return step_cost(self.profile(node), training_counts(self.plan))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """What a scenario trains, before any node computes."""

    data: NodeData
    graph: Graph
    plan: Plan
    profiles: dict[str, Profile]

    @property
    def initial(self) -> NDArray[np.int32]:
        """int32 [size]: the trained values of the pretrained model."""
        return trained_values(self.graph, self.plan.layout)


def drafted(scenario: Scenario) -> Drafted:
    """Data, model, plan and boards. Raises InputError for data, model or scheme that cannot be."""
    data = node_data(scenario)
    chosen = with_scheme(scenario, starting_model(scenario, data.dataset), data)
    profiles = {board: load_profile(board) for board in sorted({group.board for group in scenario.fleet})}
    plan = plan_for(chosen.graph, chosen.scheme, tuple(profiles.values()), windows=data.most_windows)
    return Drafted(data=data, graph=chosen.graph, plan=plan, profiles=profiles)


def assemble(scenario: Scenario) -> Assembly:
    """Everything of a scenario but time. Raises InputError for data, model or scheme that cannot be."""
    draft = drafted(scenario)
    data, plan, backend = draft.data, draft.plan, EngineBackend(draft.plan)
    emulated = emulated_backends(scenario, twin_nodes(scenario), plan, draft.profiles, data.shards, backend)
    return Assembly(
        scenario=scenario,
        dataset=data.dataset,
        draw=data.drawn,
        graph=draft.graph,
        plan=plan,
        backend=backend,
        clients=tuple(
            Client(shard=shard, backend=emulated.get(shard.node, backend), seed=scenario.seed) for shard in data.shards
        ),
        emulated=tuple(emulated),
        groups=tuple(group for group in scenario.fleet for _ in range(group.count)),
        profiles=draft.profiles,
    )
