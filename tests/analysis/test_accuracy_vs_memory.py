"""The study on real data, cut down to a seed, a rate and a budget."""

from pathlib import Path

import pytest

from analysis.accuracy_vs_memory import main
from analysis.memory_tables import read_rows

pytest.importorskip("torch", reason="the study pretrains its networks: pip install 'mcufleet[torch]'")
QUICK = ("--tasks", "speech", "--seeds", "1", "--rates", "0.01", "--budgets", "1", "--jobs", "1")


def test_a_study_is_made_once_and_its_tables_again(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*QUICK, "--out", str(tmp_path)]
    assert main(arguments) == 0
    assert "speech, seed 0: 23 trainings" in capsys.readouterr().out
    rows = read_rows(tmp_path / "rows.csv")
    assert {row.family for row in rows} == {
        "sparse", "fisher", "random", "last_k", "bias", "head", "full", "lite_residual", "bn",
    }  # fmt: skip
    budgets = {row.point: int(row.point.partition("@")[2]) for row in rows if "@" in row.point}
    assert len(budgets) == 3
    assert all(row.sram_bytes <= budgets[row.point] for row in rows if row.point in budgets)
    assert main(arguments) == 0
    assert "speech, seed 0: 0 trainings" in capsys.readouterr().out
    assert read_rows(tmp_path / "rows.csv") == rows
    assert (tmp_path / "figure.html").is_file()
