"""Updates of a running fleet, stage by stage."""

from pathlib import Path

from fleet.record import RunFolder, UpdateRow, ValueRow, open_run
from fleet.record.rows import RESULTS
from fleet.report import Story
from fleet.report.page import render
from fleet.report.updates import WORDS, update_stages
from tests.report.synthetic import make_run
from tests.report.words import plain

HOUR_US = 3_600_000_000


def attempt(node: int, stage: int, result: str, line: str = "federated") -> UpdateRow:
    return UpdateRow(
        line=line, update="v2", stage=stage, node=node, attempt=0, asked_us=(stage + 1) * HOUR_US, erases=157,
        known_us=(stage + 2) * HOUR_US, result=result, payload_bytes=100_384, flash_us=2_000_000 * (node + 1),
    )  # fmt: skip


def test_stages_are_counted_in_the_federated_line(tmp_path: Path) -> None:
    rows = [attempt(0, 0, "confirmed"), attempt(1, 1, "reverted"), attempt(2, 1, "confirmed")]
    with RunFolder.open(make_run(tmp_path / "run"), writing=True) as run:
        run.write_part("updates", 0, [*rows, attempt(3, 1, "lost", "pretrained")])
        run.write_part(
            "values", 1, [ValueRow(key="update:federated:v2", value="2 have it, 1 failed", basis="modelled")]
        )
    canaries, first = update_stages(open_run(tmp_path / "run"))
    assert canaries.results == {"confirmed": 1}
    assert first.results == {"confirmed": 1, "reverted": 1}
    assert tuple(map(plain, first.cells())) == (
        "v2", "1", "2 times", "1 confirmed, 1 reverted", "2 h", "3 h", "100 kB", "5.00 s",
    )  # fmt: skip
    page = render(Story.read(open_run(tmp_path / "run")))
    assert "What became of updates" in page
    assert "<b>v2</b>: 2 have it, 1 failed." in page


def test_a_run_without_updates_says_nothing_of_them(story: Story) -> None:
    assert update_stages(story.run) == []
    assert "What became of updates" not in render(story)


def test_every_end_of_an_attempt_has_its_words() -> None:
    assert set(WORDS) == set(RESULTS)
