"""A search as a whole: within its budget, cut and gone on with, the same bytes whatever happens on the way."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.base.errors import DoesNotFit, InputError, RunError
from fleet.base.places import package_data
from fleet.node.model.fixed import real
from fleet.node.model.schemes import named_scheme
from fleet.run import search as room
from fleet.run.search import SELECTORS, Found, Settings, Space, contribution, find, search, task_of
from fleet.run.search.memory import sram_bytes
from tests.run.quickstart import short
from tests.run.search.tiny import tiny_net, tiny_task
from tests.run.test_resume import cut_after

GRAPH = tiny_net()
TASK = tiny_task(GRAPH)
BUDGET = 9000
SETTINGS = Settings(generations=5, finalists=3)


def run(out: Path | None = None, *, selector: str = "contribution", budget: int = BUDGET, jobs: int = 1) -> Found:
    return search(GRAPH, TASK, budget_bytes=budget, selector=selector, out=out, jobs=jobs, settings=SETTINGS)


def left(out: Path) -> dict[str, bytes]:
    """What a search leaves, all but its lock."""
    return {path.name: path.read_bytes() for path in sorted(out.iterdir()) if path.name != ".lock"}


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the schemes that were trained."""
    made: list[str] = []
    train = contribution.trained

    def counting(space: Space, task: room.Task, genes: room.Genes, seed: int) -> contribution.Trial:
        made.append(genes.text)
        return train(space, task, genes, seed)

    monkeypatch.setattr(contribution, "trained", counting)
    return made


@pytest.mark.parametrize("selector", SELECTORS)
def test_what_is_found_fits_and_is_what_its_word_says(selector: str) -> None:
    found = run(selector=selector)
    assert sram_bytes(found.plan) <= BUDGET
    assert found.plan.scheme == found.scheme
    assert named_scheme(GRAPH, found.scheme.name).scheme.trained == found.scheme.trained
    assert found.table[0].scheme == found.scheme.name


def test_what_is_found_knows_most_of_all_that_was_trained_in_the_end() -> None:
    found = run()
    assert {"head"} < {line.scheme for line in found.table}
    assert found.table[0].certainty == max(line.certainty for line in found.table)
    head = next(line for line in found.table if line.scheme == "head")
    assert found.measured == found.table[0].certainty - head.certainty


def test_a_climb_finds_no_less_than_the_sums_alone() -> None:
    alone, climbed = (
        search(GRAPH, TASK, budget_bytes=BUDGET, settings=replace(SETTINGS, climbs=climbs)) for climbs in (0, 4)
    )
    assert climbed.measured >= alone.measured
    assert len(climbed.table) > len(alone.table)
    assert all(line.sram_bytes <= BUDGET for line in climbed.table)


def test_more_memory_finds_no_less() -> None:
    assert run(budget=20000).measured >= run(budget=BUDGET).measured


@pytest.mark.parametrize("selector, appends", [("contribution", n) for n in (2, 3, 20, 50, 75, 100)] + [("fisher", 9)])
def test_a_search_cut_anywhere_goes_on_to_the_same_bytes(tmp_path: Path, selector: str, appends: int) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    expected = run(whole, selector=selector)
    with cut_after(appends):
        run(cut, selector=selector)
    found = run(cut, selector=selector)
    assert left(cut) == left(whole)
    assert found.table == expected.table
    assert found.plan.content == expected.plan.content


def test_no_training_is_made_twice(tmp_path: Path, trainings: list[str]) -> None:
    with cut_after(30):
        run(tmp_path)
    before = len(trainings)
    run(tmp_path)
    lost = len(trainings) - len(set(trainings))
    assert 0 < before < len(trainings)
    assert lost <= 1, "at most the training during which the power was cut"


def test_a_finished_search_trains_nothing_and_another_budget_no_layer_again(
    tmp_path: Path, trainings: list[str]
) -> None:
    first = run(tmp_path)
    before = set(trainings)
    trainings.clear()
    assert run(tmp_path).table == first.table
    assert trainings == []
    run(tmp_path, budget=20000)
    assert trainings
    assert before & set(trainings) == set()


def test_many_trainings_at_once_leave_the_same_bytes(tmp_path: Path) -> None:
    one, three = tmp_path / "one", tmp_path / "three"
    run(one, jobs=1)
    run(three, jobs=3)
    assert left(one) == left(three)


def test_a_folder_of_another_search_is_refused(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(RunError, match=r"expected a search with this data, got another; name a new folder"):
        search(GRAPH, tiny_task(GRAPH, seed=1), budget_bytes=BUDGET, out=tmp_path, settings=SETTINGS)
    with pytest.raises(RunError, match="this data"):
        search(GRAPH, replace(TASK, rate=0.02), budget_bytes=BUDGET, out=tmp_path, settings=SETTINGS)
    with pytest.raises(RunError, match="this seed"):
        search(GRAPH, TASK, budget_bytes=BUDGET, out=tmp_path, seed=1, settings=SETTINGS)
    with pytest.raises(RunError, match="this model"):
        search(tiny_net(1), TASK, budget_bytes=BUDGET, out=tmp_path, settings=SETTINGS)


def test_a_folder_of_another_planner_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, out = tmp_path / "package", tmp_path / "out"
    shutil.copytree(package_data("node", "plan"), package, ignore=shutil.ignore_patterns("__pycache__"))
    run(out)
    monkeypatch.setattr(find, "package_data", lambda *_: package)
    run(out)
    (package / "segments.py").write_text((package / "segments.py").read_text() + "\n")
    with pytest.raises(RunError, match=r"expected a search with this planner, got another; name a new folder"):
        run(out)


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="expected a new folder or one of a search"):
        run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_budget_below_the_head_is_refused_with_the_arithmetic() -> None:
    with pytest.raises(DoesNotFit, match=r"expected a budget of [0-9,]+ bytes or more, .* got 100;"):
        run(budget=100)


def test_an_unknown_selector_is_refused() -> None:
    with pytest.raises(InputError, match="expected one of contribution, fisher, got 'luck'"):
        run(selector="luck")


def test_a_scenario_is_a_task_of_its_fleets_training_and_validation_windows() -> None:
    from fleet.run.assemble import assemble

    scenario = short()
    graph, task = task_of(scenario)
    party = assemble(scenario)
    assert len(task.train) == sum(client.shard.train.size for client in party.clients)
    assert len(task.validation) == sum(client.shard.val.size for client in party.clients)
    assert task.steps == 2 * 6 + 5
    training = scenario.training
    assert task.rate == ((0, real(training.rate)), (6, real(training.rate)), (12, real(training.personal_rate)))
    assert graph.parameters == party.graph.parameters


def test_the_planner_as_it_is_finds_a_scheme_of_the_quickstart(real_plans: None) -> None:
    graph, task = task_of(short())
    small = replace(task, steps=8)
    settings = Settings(shares=(1,), generations=1, finalists=1)  # type: ignore[arg-type]
    found = search(graph, small, budget_bytes=6000, settings=settings)
    assert sram_bytes(found.plan) <= 6000
