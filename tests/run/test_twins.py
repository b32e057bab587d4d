"""`twin: 2`: two nodes of a federation are emulated firmware, and no number of the run is another for it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fleet.base.errors import CheckFailed
from fleet.node.twin.mailbox import RoundBoard
from fleet.node.twin.node import EmulatedNode
from fleet.record import ValueRow, open_run
from fleet.run import execute, resume
from fleet.run.assemble import assemble
from fleet.run.twins import twin_nodes
from fleet.scenario import Scenario
from tests.run.quickstart import fingerprint, short
from tests.run.test_resume import cut_after


def with_twins(count: int) -> Scenario:
    scenario = short()
    return replace(scenario, fleet=tuple(replace(group, twin=count) for group in scenario.fleet))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> str:
    return fingerprint(execute(short(), out=tmp_path_factory.mktemp("simulated") / "run", jobs=2))


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The node of each piece of work that an emulated core did."""
    nodes: list[int] = []
    train = RoundBoard.train

    def counting(self: RoundBoard, *given: object) -> None:
        nodes.append(self.node)
        train(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(RoundBoard, "train", counting)
    return nodes


def test_ten_simulated_and_two_emulated_nodes_have_the_fingerprint_of_twelve_simulated_ones(
    simulated: str, tmp_path: Path, trained: list[int]
) -> None:
    run = execute(with_twins(2), out=tmp_path / "run", jobs=2)
    assert fingerprint(run) == simulated
    # In two rounds of each of alone, fedavg and federated, and in the personal steps of alone and federated.
    assert sorted(trained) == [0] * 8 + [1] * 8
    facts = {row.key: row.value for row in open_run(run).read(ValueRow)}
    assert facts["emulated"] == "0 (nrf52840), 1 (nrf52840)"


def test_a_run_with_emulated_nodes_that_is_cut_is_resumed_to_the_same_fingerprint(
    simulated: str, tmp_path: Path, trained: list[int]
) -> None:
    run = tmp_path / "cut"
    with cut_after(70):  # in the federation
        execute(with_twins(1), out=run, jobs=2)
    before = len(trained)
    assert fingerprint(resume(run, jobs=1)) == simulated
    assert 0 < len(trained) - before < 8, "what the journal held was emulated again"


def test_the_first_nodes_of_each_group_are_emulated() -> None:
    group = short().fleet[0]
    fleet = (replace(group, count=4, twin=1), replace(group, count=5), replace(group, count=3, twin=2))
    assert twin_nodes(replace(short(), fleet=fleet)) == (0, 9, 10)


def test_firmware_that_computes_something_else_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = RoundBoard.train

    def slips(self: RoundBoard, windows: object, labels: object, order: np.ndarray) -> None:
        train(self, windows, labels, np.roll(order, 1))  # type: ignore[arg-type]

    monkeypatch.setattr(RoundBoard, "train", slips)
    with pytest.raises(CheckFailed, match=r"emulated node 0, after 6 steps: .* weight .* expected -?\d+, got -?\d+"):
        execute(with_twins(1), out=tmp_path / "run")


def test_logits_and_values_of_an_emulated_node_are_the_engines() -> None:
    party = assemble(with_twins(1))
    client = party.clients[0]
    assert isinstance(client.backend, EmulatedNode)
    assert party.clients[1].backend is party.backend
    x = client.shard.val.x[:3]
    assert (client.backend.logits(party.initial, x) == party.backend.logits(party.initial, x)).all()
