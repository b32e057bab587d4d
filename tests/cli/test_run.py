"""`fleet run`, `report` and `export` on a scenario of one round of one step."""

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from fleet.base.places import scenarios_dir
from fleet.cli.app import app
from fleet.record import open_run


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def short_scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    text = (scenarios_dir() / "quickstart.yaml").read_text(encoding="utf-8")
    for old, new in (
        ("name: quickstart", "name: short"),
        ("rounds: 10", "rounds: 1"),
        ("steps_per_round: 64", "steps_per_round: 1"),
        ("personal_steps: 320", "personal_steps: 1"),
        ("compare: [pretrained, alone, fedavg]", "compare: [pretrained]"),
    ):
        assert old in text
        text = text.replace(old, new)
    file = tmp_path_factory.mktemp("scenario") / "short.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def finished(short_scenario: Path) -> tuple[Path, Result]:
    """The folder of a run in the default place, and what the command said."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(short_scenario.parent)
        said = call("run", short_scenario, "--jobs", "1")
    return short_scenario.parent / "runs" / "short", said


def test_a_run_ends_with_a_table_and_the_path_of_its_report(finished: tuple[Path, Result]) -> None:
    folder, said = finished
    assert said.exit_code == 0, said.output
    lines = said.stdout.splitlines()
    assert lines[0].startswith("Two exercises are added to a therapy plan.")
    assert [line.split("  ")[0].strip() for line in lines[-4:-1]] == ["pretrained", "federated", "federated + personal"]
    assert lines[-1] == "report: runs/short/report.html"
    assert (folder / "report.html").stat().st_size > 10_000


def test_a_finished_run_keeps_its_scenario_as_resolved(finished: tuple[Path, Result]) -> None:
    folder, _ = finished
    assert open_run(folder).fingerprint is not None
    assert "    interval: 50 ms\n" in (folder / "scenario.yaml").read_text(encoding="utf-8").replace("      ", "    ")
    assert call("check", folder / "scenario.yaml").exit_code == 0


def test_reporting_again_and_resuming_what_is_finished_change_nothing(finished: tuple[Path, Result]) -> None:
    folder, _ = finished
    before = (open_run(folder).compute_fingerprint(), (folder / "report.html").read_bytes())
    for words in (("report", folder), ("run", "--resume", folder)):
        said = call(*words)
        assert said.exit_code == 0, said.output
        assert said.stdout.splitlines()[-1] == f"report: {folder / 'report.html'}"
    assert (open_run(folder).compute_fingerprint(), (folder / "report.html").read_bytes()) == before


def test_a_run_never_writes_into_a_folder_that_holds_files(finished: tuple[Path, Result], short_scenario: Path) -> None:
    folder, _ = finished
    said = call("run", short_scenario, "--out", folder)
    assert said.exit_code == 2
    assert "expected a new or empty folder" in said.stderr


def test_a_seed_from_the_command_line_is_the_seed_of_the_run(short_scenario: Path, tmp_path: Path) -> None:
    assert call("run", short_scenario, "--out", tmp_path / "a", "--seed", "7", "--jobs", "1").exit_code == 0
    assert "\nseed: 7\n" in (tmp_path / "a" / "scenario.yaml").read_text(encoding="utf-8")


def test_an_exported_project_holds_the_nodes_own_windows(short_scenario: Path, tmp_path: Path) -> None:
    out = tmp_path / "project"
    said = call("export", short_scenario, "--out", out)
    assert said.exit_code == 0, said.output
    assert said.stdout == f"project: {out}\nnext: fleet verify {out}\n"
    assert (out / "verify" / "trial.npz").is_file()
    again = call("export", short_scenario, "--out", out)
    assert (again.exit_code, "expected a new or empty folder" in again.stderr) == (2, True)


def test_exporting_for_an_unknown_board_names_the_nearest(short_scenario: Path, tmp_path: Path) -> None:
    said = call("export", short_scenario, "--out", tmp_path / "p", "--device", "nrf5284")
    assert said.exit_code == 2
    assert "did you mean 'nrf52840'?" in said.stderr


def test_verifying_a_project_exits_with_0_and_with_1_once_a_weight_was_changed(
    short_scenario: Path, tmp_path: Path
) -> None:
    out = tmp_path / "project"
    call("export", short_scenario, "--out", out)
    said = call("verify", out)
    assert said.exit_code == 0, said.output
    assert said.stdout.endswith("agree on every byte of 50 training steps\n")
    data = out / "data" / "model_data.c"
    text = data.read_text(encoding="utf-8")
    start = text.index(".block4_pw_frozen = {")
    digit = next(i for i in range(start + len(".block4_pw_frozen = {"), len(text)) if text[i] in "12")
    data.write_text(text[:digit] + ("2" if text[digit] == "1" else "1") + text[digit + 1 :], encoding="utf-8")
    said = call("verify", out)
    assert (said.exit_code, said.stdout) == (1, "")
    assert "block4.pw" in said.stderr
