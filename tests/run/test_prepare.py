"""What a run starts from, and that `fleet prepare` makes again what ships."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fleet.base.errors import InputError
from fleet.base.places import scenarios_dir
from fleet.learning.data import pretraining_windows
from fleet.node.model.graph_file import graph_digest, save_graph
from fleet.node.model.reference import forward
from fleet.node.model.zoo import shipped_model, shipped_path
from fleet.run.prepare import node_data, prepare, starting_model
from fleet.run.progress import Silent
from fleet.scenario import load
from fleet.scenario.schema import HoldOut, Scenario

TORCH_OF_THE_SHIPPED_MODELS = "2.13"


@pytest.fixture(scope="module")
def quickstart() -> Scenario:
    return load(scenarios_dir() / "quickstart.yaml")


def drawn_as(scenario: Scenario, number: int) -> Scenario:
    return replace(scenario, data=replace(scenario.data, draw=number))


class Counting(Silent):
    """Counts passes."""

    def __init__(self) -> None:
        self.rounds: list[int] = []

    def update(self, *, virtual_us: int, round: int, alive: int, accuracy: float) -> None:  # noqa: A002
        self.rounds.append(round)


def test_preparing_the_quickstart_makes_the_shipped_file(quickstart: Scenario, tmp_path: Path) -> None:
    """Byte for byte. Exact for the torch the models were made with; another may sum in another order."""
    torch = pytest.importorskip("torch", reason="pretraining needs the extra `torch`")
    if not torch.__version__.startswith(TORCH_OF_THE_SHIPPED_MODELS):
        pytest.skip(f"torch {torch.__version__} is not the {TORCH_OF_THE_SHIPPED_MODELS} of the shipped models")
    counting = Counting()
    made = prepare(quickstart, out=tmp_path / "made.npz", progress=counting)
    assert made.read_bytes() == shipped_path("imu-ds-cnn", "seglearn-watch", 0).read_bytes()
    assert counting.rounds == list(range(1, 13))


def test_a_prepared_file_is_what_the_scenario_starts_from(quickstart: Scenario, tmp_path: Path) -> None:
    graph = shipped_model("imu-ds-cnn", "seglearn-watch", 7)
    save_graph(graph, tmp_path / "own.npz")
    own = replace(quickstart, model=replace(quickstart.model, pretrained=str(tmp_path / "own.npz")))
    assert graph_digest(starting_model(own, node_data(own).dataset)) == graph_digest(graph)


@pytest.mark.parametrize("number", range(10))
def test_every_draw_ships_a_model_of_its_own(quickstart: Scenario, number: int) -> None:
    scenario = drawn_as(quickstart, number)
    digest = graph_digest(starting_model(scenario, node_data(scenario).dataset))
    assert digest == graph_digest(shipped_model("imu-ds-cnn", "seglearn-watch", number))
    others = [shipped_model("imu-ds-cnn", "seglearn-watch", n) for n in range(10) if n != number]
    assert digest not in [graph_digest(other) for other in others]


@pytest.mark.parametrize("number", range(10))
def test_a_shipped_model_knows_its_draw(quickstart: Scenario, number: int) -> None:
    """It recognises what it was pretrained on (every 150th window) and never says a class it has not seen."""
    data = node_data(drawn_as(quickstart, number))
    graph = starting_model(drawn_as(quickstart, number), data.dataset)
    windows = pretraining_windows(data.dataset, data.drawn)
    said = np.array([int(forward(graph, x).logits.argmax()) for x in windows.x[::150]])
    assert (said == windows.y[::150]).mean() > 0.95
    new = np.flatnonzero(np.isin(data.dataset.y, data.drawn.new_classes))[::150]
    assert not {int(forward(graph, data.dataset.x[i]).logits.argmax()) for i in new} & set(data.drawn.new_classes)


def test_the_seed_changes_neither_people_nor_model(quickstart: Scenario) -> None:
    other = replace(quickstart, seed=quickstart.seed + 1)
    assert node_data(other).drawn == node_data(quickstart).drawn
    mine, theirs = node_data(quickstart).shards, node_data(other).shards
    assert all((a.train.index == b.train.index).all() for a, b in zip(mine, theirs, strict=True))


def test_the_quickstart_has_twelve_nodes_and_half_did_the_new_exercises(quickstart: Scenario) -> None:
    data = node_data(quickstart)
    assert len(data.shards) == 12
    assert [shard.did_new for shard in data.shards] == [True, True, False, False] * 3


def test_a_third_as_holders_are_two_of_six_people(quickstart: Scenario) -> None:
    third = replace(quickstart, data=replace(quickstart.data, holders=Fraction(1, 3)))
    assert [shard.did_new for shard in node_data(third).shards] == [True, True, False, False, False, False] * 2


def test_a_hold_out_that_takes_a_class_from_a_node_is_refused(quickstart: Scenario) -> None:
    whole = replace(quickstart, data=replace(quickstart.data, hold_out=HoldOut(kind="by_recording")))
    with pytest.raises(InputError, match=r"data.hold_out: expected every class in every node's training part"):
        node_data(whole)


def test_a_model_for_other_classes_is_refused(quickstart: Scenario, tmp_path: Path) -> None:
    dataset = node_data(quickstart).dataset
    fewer = replace(dataset, labels=dataset.labels[:5])
    with pytest.raises(
        InputError, match=r"model.pretrained: expected imu-ds-cnn for 5 classes.*, got imu-ds-cnn for 7"
    ):
        starting_model(quickstart, fewer)


def test_a_place_that_cannot_be_written_is_refused(
    quickstart: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = shipped_model("imu-ds-cnn", "seglearn-watch", 0)
    monkeypatch.setattr("fleet.run.prepare.pretrained_graph", lambda scenario, progress: graph)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"expected a place to write to, got .*; name another with --out"):
        prepare(quickstart, out=tmp_path / "file" / "model.npz")


def test_without_a_name_the_file_is_named_by_net_data_and_draw(
    quickstart: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = shipped_model("imu-ds-cnn", "seglearn-watch", 0)
    monkeypatch.setattr("fleet.run.prepare.pretrained_graph", lambda scenario, progress: graph)
    monkeypatch.chdir(tmp_path)
    assert prepare(quickstart) == Path("imu-ds-cnn.seglearn-watch.0.npz")
    assert (tmp_path / "imu-ds-cnn.seglearn-watch.0.npz").read_bytes() == shipped_path(
        "imu-ds-cnn", "seglearn-watch", 0
    ).read_bytes()
