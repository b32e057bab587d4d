"""`fleet plan FILE --search`: what it prints, what it leaves, how it goes on, what it refuses."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from fleet.base.places import scenarios_dir
from fleet.cli.app import app
from fleet.cli.search import budget_of
from fleet.run.search import contribution, memory
from tests.run.search.conftest import quick_plan, quick_size

QUICKSTART = scenarios_dir() / "quickstart.yaml"
BUDGET = 14_000


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The quickstart with few steps; plans layer by layer, which take a millisecond each."""
    monkeypatch.setattr(memory, "best_plan", quick_plan)
    monkeypatch.setattr(memory, "smallest_size", quick_size)
    text = QUICKSTART.read_text()
    for key, value in (("steps_per_round", 4), ("rounds", 2), ("personal_steps", 3)):
        lines = [
            f"{line.split(':')[0]}: {value}" if line.strip().startswith(f"{key}:") else line
            for line in text.splitlines()
        ]
        text = "\n".join(lines) + "\n"
    path = tmp_path / "short.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("selector", ["contribution", "fisher"])
def test_a_search_prints_and_leaves_what_it_found(short: Path, tmp_path: Path, selector: str) -> None:
    out = tmp_path / "found"
    done = invoke("plan", short, "--search", "--budget", f"{BUDGET}", "--selector", selector, "--out", out, "--jobs", 1)
    assert done.exit_code == 0, done.output
    left = json.loads((out / f"{selector}-{BUDGET}.json").read_text())
    assert f"found: {left['scheme']}, {left['sram_bytes']:,} of {BUDGET:,} bytes" in done.stdout
    assert left["sram_bytes"] <= BUDGET
    assert "head" in done.stdout
    assert f"files: {out}" in done.stdout


def test_an_interrupted_search_says_how_to_go_on_and_does(
    short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, whole = tmp_path / "cut", tmp_path / "whole"
    command = ("plan", short, "--search", "--budget", BUDGET, "--jobs", 1)
    asked, made = contribution.asked, [0]

    def interrupted(*given: object) -> contribution.Trial:
        made[0] += 1
        if made[0] == 12:
            raise KeyboardInterrupt
        return asked(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(contribution, "asked", interrupted)
    done = invoke(*command, "--out", out)
    assert done.exit_code == 3
    assert done.stderr.endswith(f"interrupted; what is measured is kept in {out}, go on with the same command\n")
    assert made[0] == 12
    again = invoke(*command, "--out", out)
    assert again.exit_code == 0, again.output
    assert "results are known and not computed again" in again.stderr
    assert invoke(*command, "--out", whole).exit_code == 0
    names = sorted(path.name for path in whole.iterdir() if path.name != ".lock")
    assert [(out / name).read_bytes() for name in names] == [(whole / name).read_bytes() for name in names]


@pytest.mark.parametrize(
    "words, said",
    [
        ((QUICKSTART, "--search"), "--budget: expected a size to search within, got none"),
        ((QUICKSTART, "--search", "--budget", "much"), "--budget: expected a size, got 'much'"),
        ((QUICKSTART, "--search", "--budget", "1 kB", "--selector", "luck"), "expected one of contribution, fisher"),
        (("--model", "mcunet-5fps", "--search", "--budget", "9 kB"), "a search trains, and needs its data"),
        ((QUICKSTART, "--out", "there"), "expected --search beside it"),
    ],
)
def test_what_a_search_lacks_is_said_in_one_sentence(words: tuple[object, ...], said: str) -> None:
    done = invoke("plan", *words)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


def test_a_budget_below_the_head_is_refused(short: Path, tmp_path: Path) -> None:
    done = invoke("plan", short, "--search", "--budget", "100 B", "--out", tmp_path / "none")
    assert done.exit_code == 2
    assert "which the head alone takes" in done.stderr


def test_a_budget_is_read_as_people_write_it() -> None:
    assert budget_of("100KB") == budget_of("100 KB") == budget_of("100 kB") == 100_000
    assert budget_of("100 KiB") == 102_400
    assert budget_of("4096") == 4096
