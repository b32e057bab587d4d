"""Accuracies and the final table, against sums written out here."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from fleet.record import AccuracyRow, NodeRow, RunFolder
from fleet.report import summary
from fleet.report.story import Story


def score(node: int, classes: str, correct: int, total: int, **more: object) -> AccuracyRow:
    cells: dict[str, object] = {
        "line": "federated",
        "phase": "round",
        "round": 1,
        "time_us": 5,
        "model": "shared",
        "part": "test",
    }
    cells |= {"node": node, "classes": classes, "correct": correct, "total": total} | more
    return AccuracyRow(**cells)  # type: ignore[arg-type]


def person(node: int, did_new: bool) -> NodeRow:
    windows = {"train_windows": 1, "val_windows": 1, "test_windows": 1}
    return NodeRow(node=node, board="b", subject="s", side="", did_new=did_new, classes="0", **windows)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    with RunFolder.create(tmp_path / "run", "schema: 1\n", {}) as run:
        run.write_part("nodes", 0, [person(0, True), person(1, False)])
        yield run


def story_of(run: RunFolder, rows: Iterable[AccuracyRow]) -> Story:
    run.write_part("accuracy", 0, list(rows))
    return Story.read(run)


def test_the_mean_is_over_nodes_and_not_over_windows(folder: RunFolder) -> None:
    rows = [score(0, "old", 10, 10), score(0, "new", 0, 10), score(1, "old", 1, 1)]
    moment = story_of(folder, rows).result
    assert moment is not None
    assert moment.accuracy(0) == 0.5
    assert moment.mean() == 0.75
    assert moment.worst() == (0, 0.5)
    assert moment.mean(classes="new") == 0.0


def test_validation_windows_do_not_count(folder: RunFolder) -> None:
    rows = [score(0, "old", 1, 2), score(0, "old", 9, 9, part="val")]
    moment = story_of(folder, rows).result
    assert moment is not None
    assert moment.mean() == 0.5


def test_the_shared_model_is_scored_in_rounds_and_the_own_one_after_the_personal_pass(folder: RunFolder) -> None:
    rows = [
        score(0, "old", 1 + own + 2 * personal, 4, model=("shared", "own")[own], phase=("round", "personal")[personal])
        for own in (0, 1)
        for personal in (0, 1)
    ]
    assert [moment.mean() for moment in story_of(folder, rows).lines] == [0.25, 1.0]


def test_a_node_without_windows_of_a_group_is_left_out_of_its_mean(folder: RunFolder) -> None:
    moment = story_of(folder, [score(0, "new", 1, 2), score(1, "new", 0, 0), score(1, "old", 1, 1)]).result
    assert moment is not None
    assert moment.accuracy(1, "new") is None
    assert moment.mean(classes="new") == 0.5


def test_a_course_starts_where_the_pretrained_model_stood(story: Story) -> None:
    course = story.course("federated")
    assert [moment.phase for moment in course] == ["start"] + ["round"] * 10 + ["personal"]
    assert course[0].mean() == story.course("pretrained")[0].mean()


def test_the_summary_names_every_line_in_order(run_path: Path) -> None:
    names = [line.name for line in summary(run_path)]
    assert names == ["pretrained", "alone", "alone, equal work", "plain FedAvg", "federated", "federated + personal"]


def test_the_summary_holds_the_sums_of_the_tables(run_path: Path, story: Story) -> None:
    last = summary(run_path)[-1]
    own = [r for r in story.accuracy if (r.line, r.phase, r.part) == ("federated", "personal", "test")]
    nodes = {r.node: [x for x in own if x.node == r.node] for r in own}
    shares = {node: sum(r.correct for r in rows) / sum(r.total for r in rows) for node, rows in nodes.items()}
    assert last.mean == pytest.approx(sum(shares.values()) / 12, abs=1e-12)
    assert (last.worst_node, last.worst) == min(shares.items(), key=lambda item: item[1])
    never = [r.correct / r.total for r in own if r.classes == "new" and r.node % 4 >= 2]
    assert last.never_new == pytest.approx(sum(never) / 6, abs=1e-12)
    assert last.energy_nj == sum(r.energy_nj for r in story.energy if r.line == "federated") / 12
    assert last.uplink_bytes == 10 * (4_412 * 6 + 4_212 * 6) / 12


def test_energy_stands_at_the_end_of_a_line_only(run_path: Path) -> None:
    ends = {line.name: line.energy_nj is not None for line in summary(run_path)}
    assert (ends["alone"], ends["alone, equal work"], ends["federated"], ends["federated + personal"]) == (0, 1, 0, 1)


def test_an_unfinished_run_has_a_summary_of_what_is_there(unfinished_path: Path) -> None:
    assert [line.name for line in summary(unfinished_path)] == ["pretrained", "alone", "plain FedAvg", "federated"]


def test_a_run_that_recorded_nothing_has_an_empty_summary(folder: RunFolder) -> None:
    assert summary(folder) == []
