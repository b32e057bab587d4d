"""`fleet check`: what a file alone cannot show, because board, plan or radio decide it."""

import re
from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from fleet.base.places import scenarios_dir
from fleet.cli.app import app

QUICKSTART = (scenarios_dir() / "quickstart.yaml").read_text(encoding="utf-8")
FLEET = "\nserver:"
LARGE = "  - {name: %s, content: firmware, size: %s, mode: %s, at: 1 h}\n"


def check(file: Path, old: str, new: str) -> Result:
    """The command on the quickstart with one piece replaced."""
    assert QUICKSTART.count(old) == 1
    file.write_text(QUICKSTART.replace(old, new), encoding="utf-8")
    return CliRunner().invoke(app, ["check", str(file)])


def test_updates_without_room_in_flash_are_refused_each_with_the_arithmetic(tmp_path: Path) -> None:
    """Two slots of 900 kB, and of 600 kB, in 1 MiB. The one of 100 kB between them has room."""
    updates = LARGE % ("a", "900 kB", "slots") + LARGE % ("b", "100 kB", "slots") + LARGE % ("c", "600 kB", "swap-move")
    done = check(tmp_path / "f.yaml", FLEET, f"updates:\n{updates}{FLEET}")
    first, second, total = done.stderr.splitlines()
    assert (done.exit_code, done.stdout, total) == (2, "", "2 faults")
    for fault, number in ((first, 0), (second, 2)):
        assert f"f.yaml: updates[{number}].mode: nrf52840: " in fault
        counted = re.search(r"expected ([\d,]+) B more, got the end of 1,048,576 B of flash, of which ([\d,]+)", fault)
        assert counted is not None, fault
        needed, left = (int(number.replace(",", "")) for number in counted.groups())
        assert left < needed
        assert left + needed < 1_048_576 < left + 2 * needed


def test_what_a_radio_refuses_is_named_as_the_file_names_it(tmp_path: Path) -> None:
    done = check(tmp_path / "f.yaml", "loss: 2 %", "loss: 2 %, latency: 4")
    said = "fleet[0].radio.latency: expected 0 events without a kept connection, got 4; take kept: true, or delete this"
    assert (done.exit_code, done.stderr.strip()) == (2, f"{tmp_path / 'f.yaml'}: {said}")


def test_faults_of_a_trace_are_named_by_its_line(tmp_path: Path) -> None:
    link = "link: {kind: trace, file: loss.csv}"
    (tmp_path / "loss.csv").write_text("time_s,loss\n0,0.5\n1,2\nx,0\n", encoding="utf-8")
    done = check(tmp_path / "f.yaml", "loss: 2 %", link)
    first, second, _total = done.stderr.splitlines()
    assert "loss.csv:3: expected a time of whole microseconds from 0 and a share from 0 to 1, got 1,2; " in first
    assert "loss.csv:4: expected a time in seconds and a share, got x,0; correct the row" in second
    assert "radio" not in done.stderr
    (tmp_path / "loss.csv").write_text("a,b\n", encoding="utf-8")
    done = check(tmp_path / "f.yaml", "loss: 2 %", link)
    assert "fleet[0].radio.link.file: expected the columns time_s, loss and at least one row, got 0 rows" in done.stderr
