"""The run folder: written in parts, interrupted, locked, foreign."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fleet.base.errors import RunError
from fleet.record import PlanRow, Row, RunFolder, TotalRow, ValueRow, columns, disk, fingerprint, open_run

SCENARIO = "# A question?\nschema: 1\n"


def plan_rows(first: int, count: int) -> list[PlanRow]:
    return [PlanRow(tensor=f"t{n}", bytes=n, offset=0, first_step=n, last_step=n) for n in range(first, first + count)]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    with RunFolder.create(tmp_path / "run", SCENARIO, {"mcufleet": "0.1"}) as folder:
        yield folder


def test_parts_come_back_as_one_table_in_part_order(run: RunFolder) -> None:
    run.write_part("plan", 2, plan_rows(5, 3))
    run.write_part("plan", 0, plan_rows(0, 5))
    assert run.rows("plan") == run.read(PlanRow) == plan_rows(0, 8)
    assert list(run.table("plan")["bytes"]) == list(range(8))
    assert run.parts("plan") == [0, 2]


def test_a_table_nobody_wrote_is_empty_but_has_its_columns(run: RunFolder) -> None:
    frame = run.table("rounds")
    assert len(frame) == 0
    assert list(frame.columns) == list(columns("rounds"))
    assert frame["opened_us"].dtype == "int64"
    assert run.rows("rounds") == []


def test_an_empty_part_is_a_part(run: RunFolder) -> None:
    run.write_part("events", 0, [])
    assert run.parts("events") == [0]
    assert run.rows("events") == []


def test_a_part_written_again_replaces_the_old_one(run: RunFolder) -> None:
    run.write_part("plan", 0, plan_rows(0, 5))
    run.write_part("plan", 0, plan_rows(3, 1))
    assert run.rows("plan") == plan_rows(3, 1)


def test_a_wrong_row_leaves_no_file(run: RunFolder) -> None:
    wrong: list[Row] = [ValueRow(key="k", value="v", basis="given")]
    with pytest.raises(TypeError):
        run.write_part("plan", 0, wrong)
    assert run.parts("plan") == []


def test_a_crash_before_the_rename_leaves_the_parts_before_it(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    run.write_part("plan", 0, plan_rows(0, 5))

    def cut(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut)
        with pytest.raises(KeyboardInterrupt):
            run.write_part("plan", 1, plan_rows(5, 5))
    assert run.rows("plan") == plan_rows(0, 5)
    assert len(list(run.path.rglob(disk.TEMPORARY + "*"))) == 1
    run.close()
    with RunFolder.open(run.path, writing=True) as again:
        assert list(run.path.rglob(disk.TEMPORARY + "*")) == []
        again.write_part("plan", 1, plan_rows(5, 5))
        assert again.rows("plan") == plan_rows(0, 10)


def test_scenario_and_versions_come_back(run: RunFolder) -> None:
    reader = open_run(run.path)
    assert reader.scenario_yaml == SCENARIO
    assert reader.versions == {"mcufleet": "0.1", "record": "1"}


def test_a_run_is_finished_when_its_fingerprint_is_there(run: RunFolder) -> None:
    run.write_part("plan", 0, plan_rows(0, 5))
    assert run.fingerprint is None
    value = run.write_fingerprint()
    assert open_run(run.path).fingerprint == value == open_run(run.path).compute_fingerprint()


def test_how_rows_are_cut_into_parts_does_not_show_in_the_fingerprint(tmp_path: Path, run: RunFolder) -> None:
    run.write_part("plan", 0, plan_rows(0, 10))
    with RunFolder.create(tmp_path / "other", SCENARIO + "# moved\n", {"mcufleet": "0.2"}) as other:
        other.write_part("plan", 0, plan_rows(5, 5))
        other.write_part("plan", 1, plan_rows(0, 5))
        assert other.compute_fingerprint() == run.compute_fingerprint()


def test_a_summary_comes_back(run: RunFolder) -> None:
    assert run.summary is None
    run.write_summary({"lines": [1, 2]})
    assert run.summary == {"lines": [1, 2]}


def test_a_folder_in_use_is_refused_and_free_again_afterwards(run: RunFolder) -> None:
    with pytest.raises(RunError, match="got one in use by process"):
        RunFolder.open(run.path, writing=True)
    assert open_run(run.path).scenario_yaml == SCENARIO
    run.close()
    RunFolder.open(run.path, writing=True).close()


def test_a_killed_writer_holds_no_lock(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from fleet.record import RunFolder\n"
        "RunFolder.create(Path(sys.argv[1]), '', {}); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], check=False)
    assert killed.returncode == -9
    RunFolder.open(tmp_path / "run", writing=True).close()


def test_a_folder_open_for_reading_is_not_written(run: RunFolder) -> None:
    reader = open_run(run.path)
    for write in (lambda: reader.write_part("plan", 0, []), reader.write_fingerprint, reader.journal):
        with pytest.raises(RunError, match="opened for writing"):
            write()


def test_a_folder_with_files_is_not_made_a_run(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(RunError, match="expected a new or empty folder, got one with files; choose another"):
        RunFolder.create(tmp_path, SCENARIO, {})


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"expected a run folder, found no versions\.json"):
        open_run(tmp_path)


@pytest.mark.parametrize("found, words", [(99, "1 to 1, got 99"), (None, "got None"), ("1", "got '1'")])
def test_a_run_of_another_schema_is_refused(run: RunFolder, found: object, words: str) -> None:
    (run.path / "versions.json").write_text(json.dumps({"record": found}))
    with pytest.raises(RunError, match=words):
        open_run(run.path)


def test_damaged_files_are_named(run: RunFolder) -> None:
    run.write_part("plan", 0, plan_rows(0, 5))
    part = run.path / "tables" / "plan" / "part-00000000.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(RunError, match=r"part-00000000\.parquet: expected the columns of plan"):
        run.table("plan")
    (run.path / "versions.json").write_text("{")
    with pytest.raises(RunError, match=r"versions\.json: expected JSON"):
        open_run(run.path)


def test_an_unknown_table_is_refused_with_the_known_ones(run: RunFolder) -> None:
    with pytest.raises(RunError, match="expected one of the tables nodes, rounds"):
        run.table("node")


def test_the_journal_lies_in_the_folder(run: RunFolder) -> None:
    with run.journal() as journal:
        journal.append({"round": 1})
    with run.journal() as journal:
        assert list(journal.replay()) == [{"round": 1}]


def test_a_table_written_by_columns_reads_as_rows(tmp_path: Path) -> None:
    cells = {name: np.arange(3) for name in columns("totals")} | {"line": "federated", "rounds": 2}
    with RunFolder.create(tmp_path / "run", "x: 1\n", {}) as folder:
        folder.write_columns("totals", 0, cells)
        rows = folder.read(TotalRow)
        assert [(row.line, row.node, row.drawn_nj, row.rounds) for row in rows] == [
            ("federated", n, n, 2) for n in range(3)
        ]
        assert folder.compute_fingerprint() == fingerprint({"totals": rows})
        with pytest.raises(ValueError, match=r"totals\.drawn_nj: expected whole numbers"):
            folder.write_columns("totals", 1, {**cells, "drawn_nj": np.array([0.5, 1.0, 2.0])})
        with pytest.raises(ValueError, match="totals: expected the columns line, node"):
            folder.write_columns("totals", 1, {"line": "federated"})
