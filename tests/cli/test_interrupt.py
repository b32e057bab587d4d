"""Ctrl-C and SIGTERM end a run with exit code 3 and a line that says how to go on."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.base.places import scenarios_dir

# The real command line around a run that waits for the signal, with and without something recorded.
WAITING = """
import signal, sys
from pathlib import Path
import fleet.run

def execute(scenario, *, out, jobs, progress):
    if {recorded}:
        Path(out).mkdir(parents=True)
        (Path(out) / "versions.json").write_text("{{}}")
    progress.line("alone", 10)
    progress.message("ready")
    while True:
        signal.pause()

fleet.run.execute = execute
from fleet.cli import main
sys.argv = ["fleet", "run", sys.argv[1], "--out", sys.argv[2]]
main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("recorded", [True, False])
def test_an_interrupted_run_exits_with_3_and_says_how_to_go_on(number: int, recorded: bool, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = [
        sys.executable,
        "-u",
        "-c",
        WAITING.format(recorded=recorded),
        str(scenarios_dir() / "quickstart.yaml"),
        str(out),
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("ready" in line for line in process.stdout)
        process.send_signal(number)
        _, said = process.communicate()
    assert process.returncode == 3
    if recorded:
        assert said == f"interrupted; what is done is kept, go on with: fleet run --resume {out}\n"
    else:
        assert said == "interrupted; nothing was recorded yet, run the command again\n"


@pytest.mark.parametrize("command", ["devices", "scenarios --schema"])
def test_a_reader_that_goes_away_is_no_failure(command: str) -> None:
    script = f"{sys.executable} -m fleet {command} | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
