"""Flower's strategies over the simulated world: unmodified, in virtual time, with nodes that fail."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from flwr.app import Message, RecordDict
from flwr.serverapp.strategy import FedAdam, FedAvg, FedMedian, Strategy
from numpy.typing import NDArray

from fleet.base.errors import InputError
from fleet.federation.client_app import Gateway, steps_made, train_config
from fleet.federation.grid import Exchange, VirtualGrid
from fleet.federation.server_app import run_strategy, strategy_of
from fleet.learning.client import Client
from fleet.scenario import StoreChoice
from fleet.world import World
from fleet.world.records import Records
from fleet.world.specs import node_spec
from tests.run.quickstart import Party

HOUR_US = 3_600_000_000
Values = NDArray[np.int32]


class Voyage:
    """A short federation of the quickstart's nodes, and everything it left."""

    def __init__(self, party: Party, strategy: str, *, nodes: int = 4, capacity_mah: float | None = None) -> None:
        self.party = party
        self.exchanges: list[Exchange] = []
        self.finished: list[tuple[int, int]] = []
        self.pool = ThreadPoolExecutor(2)
        self.records = Records()
        self.refused: list[tuple[int, int, str]] = []
        self.clients: list[Client] = list(party.clients[:nodes])
        groups = [replace(g, energy=StoreChoice(kind="ideal", capacity_mah=capacity_mah)) for g in party.groups]
        self.world = World(
            [node_spec(n, party.profile(n), groups[n] if n == 0 else party.groups[n]) for n in range(nodes)],
            seed=0,
            line="federated",
            records=self.records,
        )
        self.strategy, self.form = strategy_of(
            strategy, party.graph, party.plan.layout, nodes, lambda *what: self.refused.append(what)
        )

    def run(self, strategy: Strategy | None = None, *, rounds: int = 2, steps: int = 4) -> Values:
        scenario = self.party.scenario
        gateway = Gateway(
            clients=self.clients,
            own=[c.shard.classes for c in self.clients],
            form=self.form,
            layout=self.party.plan.layout,
            answer=lambda number, node, compute: compute(),
        )
        self.grid = VirtualGrid(
            self.world,
            gateway,
            step_us=lambda _: 100_000,
            every_us=HOUR_US,
            pool=self.pool,
            observe=self.exchanges.append,
            finished=lambda number, node, frame: self.finished.append((number, node)),
        )
        return run_strategy(
            strategy or self.strategy,
            self.form,
            self.grid,
            initial=self.party.initial,
            server=replace(scenario.server, rounds=rounds),
            training=replace(scenario.training, steps_per_round=steps),
            seed=0,
            observe=lambda number, values: 0.0,
        )


def test_rounds_open_on_the_hour_and_everybody_answers(party: Party) -> None:
    voyage = Voyage(party, "masked-fedavg")
    after = voyage.run()
    assert [e.opened_us for e in voyage.exchanges] == [HOUR_US, 2 * HOUR_US]
    assert all(len([o for o in e.outcomes if o.delivered]) == 4 for e in voyage.exchanges)
    assert (after != party.initial).any()
    assert voyage.refused == []


def test_step_counts_go_on_over_the_rounds(party: Party) -> None:
    voyage = Voyage(party, "masked-fedavg")
    voyage.run(rounds=3, steps=5)
    assert [steps_made(voyage.grid.context(n)) for n in range(4)] == [15] * 4


@pytest.mark.parametrize("kind", [FedAvg, FedAdam, FedMedian])
def test_stock_strategies_run_unmodified_and_repeatably(party: Party, kind: type[Strategy]) -> None:
    def once() -> Values:
        strategy = kind(fraction_evaluate=0.0, min_train_nodes=4, min_available_nodes=4)  # type: ignore[call-arg]
        return Voyage(party, "fedavg").run(strategy)

    first = once()
    assert (first == once()).all()
    assert (first != party.initial).any()


def test_a_node_that_dies_while_computing_sends_nothing_and_commits_nothing(party: Party) -> None:
    voyage = Voyage(party, "masked-fedavg", capacity_mah=0.0045)
    voyage.run(rounds=2, steps=40)
    died = [e for e in voyage.records.events if e.kind == "died"]
    assert [e.node for e in died] == [0]
    assert "computing" in died[0].detail
    assert (1, 0) not in voyage.finished
    assert "node" not in voyage.grid.context(0).state
    answered = [{o.node for o in e.outcomes if o.delivered} for e in voyage.exchanges]
    assert answered == [{1, 2, 3}, {1, 2, 3}]


def test_messages_can_be_pushed_and_pulled_by_hand(party: Party) -> None:
    voyage = Voyage(party, "masked-fedavg")
    voyage.run(rounds=1)
    message = voyage.strategy.configure_train(2, voyage.form.arrays(party.initial), train_config(3, 0.06), voyage.grid)
    ids = list(voyage.grid.push_messages(message))
    replies = list(voyage.grid.pull_messages(ids))
    assert [r.metadata.src_node_id for r in replies] == [1, 2, 3, 4]
    assert list(voyage.grid.pull_messages(ids)) == []
    assert list(voyage.grid.send_and_receive([])) == []


def test_messages_carry_the_identity_of_this_process(party: Party) -> None:
    voyage = Voyage(party, "masked-fedavg")
    voyage.run(rounds=1)
    made = voyage.grid.create_message(RecordDict(), "train", 3, "1")
    assert isinstance(made, Message)
    assert made.metadata.dst_node_id == 3
    assert voyage.grid.run.run_id == made.metadata.run_id


@pytest.mark.parametrize(
    "name, text",
    [
        ("nowhere:Strategy", "expected a class that can be imported, got 'nowhere:Strategy'"),
        ("fractions:Fraction", "expected a Flower Strategy, got 'fractions:Fraction'"),
        ("fractions:Fractoin", "expected a class that can be imported"),
    ],
)
def test_a_strategy_that_is_none_is_refused(party: Party, name: str, text: str) -> None:
    with pytest.raises(InputError, match=text):
        strategy_of(name, party.graph, party.plan.layout, 4, lambda *what: None)


def test_a_users_own_strategy_is_used_by_its_import_path(party: Party) -> None:
    strategy, _ = strategy_of("flwr.serverapp.strategy:FedYogi", party.graph, party.plan.layout, 4, lambda *what: None)
    assert type(strategy).__name__ == "FedYogi"
