"""From a scenario to everything a line needs: data, model, plan, boards, one client per node."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import Fault, InputError
from fleet.base.lazy import Derived, in_runs
from fleet.learning.client import Client
from fleet.learning.data import DataSet, Draw, Shard
from fleet.node.backend import Backend, EngineBackend
from fleet.node.cost import Cost, step_cost
from fleet.node.model.graph import Graph
from fleet.node.model.scheme import trained_values
from fleet.node.plan import Plan
from fleet.node.plan.counts import training_counts
from fleet.node.plan.fit import plan_for
from fleet.node.profile import Profile
from fleet.run.places import places_on, watched_nodes
from fleet.run.prepare import NodeData, node_data, starting_model, with_scheme
from fleet.run.twins import emulated_backends, twin_nodes
from fleet.scenario import FleetGroup, Scenario, profiles_of
from fleet.world.life import life_of
from fleet.world.specs import supply_faults


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """A scenario made real. clients, groups: one per node, in order. profiles: by board.

    shards: what there is of data; node n has shard n, and where nodes outnumber them, shard n mod their number.
    backend: the engine in this process, which every node runs on that is not emulated.
    """

    scenario: Scenario
    dataset: DataSet
    draw: Draw
    graph: Graph
    plan: Plan
    backend: Backend
    shards: tuple[Shard, ...]
    clients: Sequence[Client]
    emulated: tuple[int, ...]
    groups: Sequence[FleetGroup]
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
        return self.costs[self.groups[node].board]

    @cached_property
    def costs(self) -> dict[str, Cost]:
        """Modelled cost of one training step, by board."""
        counts = tuple(training_counts(self.plan))
        return {board: step_cost(profile, counts) for board, profile in self.profiles.items()}

    def windows_on(self, board: str) -> int:
        """Training windows that the fullest node on a board keeps."""
        return max(self.shards[n].train.size for n in places_on(board, self.scenario.fleet, len(self.shards)))

    @property
    def asked(self) -> int:
        """Nodes that a round asks."""
        return min(self.scenario.server.sample or len(self.nodes), len(self.nodes))

    @property
    def watched(self) -> Sequence[int]:
        """Nodes that tables have a row for: all of a small fleet; of a large one the first of each group and shard."""
        return watched_nodes([group.count for group in self.scenario.fleet], len(self.shards))


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
    profiles = profiles_of(scenario.fleet)
    if faults := list(supply_faults(scenario.fleet, profiles, scenario=scenario.path)):
        raise InputError([Fault(f"{scenario.path or scenario.name}: {each.where}", each.text) for each in faults])
    plan = plan_for(chosen.graph, chosen.scheme, tuple(profiles.values()), windows=data.most_windows)
    return Drafted(data=data, graph=chosen.graph, plan=plan, profiles=profiles)


def assemble(scenario: Scenario) -> Assembly:
    """Everything of a scenario but time. Raises InputError for data, model or scheme that cannot be."""
    draft = drafted(scenario)
    data, plan, backend = draft.data, draft.plan, EngineBackend(draft.plan)
    emulated = emulated_backends(scenario, twin_nodes(scenario), plan, draft.profiles, data.shards, backend)
    groups = in_runs((group, group.count) for group in scenario.fleet)
    every_us = max(group.every_us for group in scenario.fleet)

    def client(node: int) -> Client:
        shard = data.shards[node % len(data.shards)]
        own = shard if shard.node == node else replace(shard, node=node)
        life = groups[node].life
        lives = None if life is None else life_of(life)
        return Client(
            shard=own,
            backend=emulated.get(node, backend),
            seed=scenario.seed,
            windows_a_round=Fraction(every_us, life.new_data_us) if life is not None and life.new_data_us else None,
            lies=lives is not None and lives.faults.lies(scenario.seed, node),
        )

    return Assembly(
        scenario=scenario,
        dataset=data.dataset,
        draw=data.drawn,
        graph=draft.graph,
        plan=plan,
        backend=backend,
        shards=data.shards,
        clients=Derived(scenario.nodes, client),
        emulated=tuple(emulated),
        groups=groups,
        profiles=draft.profiles,
    )
