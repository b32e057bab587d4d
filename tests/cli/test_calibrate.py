"""`fleet calibrate`: a place for tables that is none is said before anything is counted."""

from pathlib import Path

from typer.testing import CliRunner

from fleet.cli.app import app


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = CliRunner().invoke(app, ["calibrate", "--core", "cortex-m4f", "--out", str(tmp_path / "file" / "tables")])
    assert said.exit_code == 2
    assert (
        said.stderr
        == f"--out {tmp_path}/file/tables: expected a folder to write to, got Not a directory; name another\n"
    )
