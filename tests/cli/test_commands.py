"""The command `fleet`: what it prints, what it refuses, how it exits."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

import fleet
from fleet.base.errors import CheckFailed, DoesNotFit, EngineError, RunError
from fleet.base.places import scenarios_dir
from fleet.cli.app import app, fresh
from fleet.node.plan.ledger import ledger
from fleet.node.profile import boards, modules

QUICKSTART = scenarios_dir() / "quickstart.yaml"


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_every_command_is_listed_with_what_it_does() -> None:
    said = call("--help").output
    for verb in ("run", "check", "prepare", "report", "devices", "scenarios", "plan", "export", "verify"):
        assert re.search(rf"^  {verb}  +[A-Z]", said, re.MULTILINE), verb
        assert call(verb, "--help").exit_code == 0


def test_the_version_is_the_packages() -> None:
    assert call("--version").output == f"mcufleet {fleet.__version__}\n"


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "fleet", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"mcufleet {fleet.__version__}\n"


def test_devices_are_the_boards_with_a_profile() -> None:
    lines = call("devices").output.splitlines()
    assert [line.split()[0] for line in lines] == ["board", *boards(), "module", *modules()]
    assert "cortex-m4f" in next(line for line in lines if line.startswith("nrf52840"))


def test_one_board_or_module_is_shown_with_the_source_of_every_number() -> None:
    lines = call("devices", "nrf52840").output.splitlines()
    run = lines.index("currents.run: 3.3 mA (quoted)")
    assert "ICPU0" in lines[run + 1]
    assert "cycles_per_instruction: 1.56 (unverified, ±30%)" in lines
    assert "LoRa Basics Modem" in call("devices", "sx1261").output
    refused = call("devices", "nrf52480")
    assert refused.exit_code == 2
    assert "did you mean 'nrf52840'?" in refused.output


def test_scenarios_are_listed_with_their_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scenarios_dir().parent)
    assert re.search(r"scenarios/quickstart\.yaml +Two exercises are added to a therapy plan", call("scenarios").output)


def test_the_field_table_and_the_schema_are_printed_as_they_are_stored() -> None:
    assert call("scenarios", "--fields").stdout == (scenarios_dir() / "README.md").read_text(encoding="utf-8")
    assert call("scenarios", "--schema").stdout.startswith('{\n  "$schema"')


def test_check_says_what_the_quickstart_resolves_to() -> None:
    done = call("check", QUICKSTART)
    assert done.exit_code == 0, done.output
    assert "Can all twelve wrists learn to recognise them" in done.output
    assert "12 nrf52840 on cr2032 of 225 mAh, ble 1M, 2 % lost; a round every 1 h" in done.output
    assert "3,527 values (3,232 weights, 295 biases)" in done.output
    assert "6 of 12 nodes have them" in done.output
    assert re.search(r"SRAM +[\d,]+ of 248,064 bytes of nrf52840 \(14,080 more are reserved\)", done.output)


def test_plan_lists_schemes_with_the_scenarios_own_first() -> None:
    done = call("plan", QUICKSTART)
    assert done.exit_code == 0, done.output
    rows = [line for line in done.output.splitlines() if " mJ " in line]
    assert rows[0].startswith("sparse, layers 2, ratio 1/4, blocks 2   3,527")
    assert rows[-1].startswith("full ")
    assert [row.split()[0].rstrip(",") for row in rows].count("last_k") == 4


BAD = """\
schema: 1
name: no
seed: x
seed: 1
data: {source: seglearn, draw: -1}
model: {zoo: resnet}
training: {scheme: sparse, rate: 0, steps_per_round: 0, gradients: int4}
fleet:
  - {board: nrf51, count: 0, energy: {store: aaa}, radio: {kind: ble, loss: 2}, every: 1}
server: {strategy: krum, rounds: 10, timeout: 30 min}
"""


@pytest.mark.parametrize("verb", ["check", "run", "prepare", "plan"])
def test_more_than_twelve_faults_come_back_at_once_with_exit_code_2_and_no_traceback(verb: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(BAD, encoding="utf-8")
    done = call(verb, file)
    assert (done.exit_code, done.stdout) == (2, "")
    *faults, total = done.stderr.splitlines()
    assert total == "14 faults"
    assert len(faults) == 14
    assert all(re.match(rf"{re.escape(str(file))}:\d+: [^ ]+: expected .+, got .+; .+", fault) for fault in faults)


@pytest.mark.parametrize(
    "words,said",
    [
        (["run"], "expected a scenario FILE or --resume RUN, one of the two"),
        (["run", "a.yaml", "--resume", "b"], "expected a scenario FILE or --resume RUN, one of the two"),
        (["run", "--resume", "b", "--seed", "1"], "a resumed run keeps its own"),
        (["run", "a.yaml", "--jobs", "0"], "'--jobs'"),
        (["run", "a.yaml", "--sed", "1"], "--sed"),
        (["walk"], "walk"),
        (["check"], "FILE"),
    ],
)
def test_wrong_words_on_the_command_line_exit_with_2(words: list[str], said: str) -> None:
    done = call(*words)
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize("words", [["check"], ["run"], ["plan"], ["prepare"], ["report"], ["run", "--resume"]])
def test_a_path_that_is_not_there_exits_with_2_and_names_it(words: list[str], tmp_path: Path) -> None:
    done = call(*words, tmp_path / "none")
    assert done.exit_code == 2
    assert str(tmp_path / "none") in done.stderr
    assert "expected" in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    "error,code",
    [(CheckFailed("one differs"), 1), (DoesNotFit("too big"), 2), (EngineError("stale"), 2), (RunError("cut"), 2)],
)
def test_what_a_room_refuses_becomes_a_message_and_an_exit_code(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise error

    monkeypatch.setattr("fleet.cli.boards.device_rows", refuse)
    done = call("devices")
    assert (done.exit_code, done.stdout, done.stderr) == (code, "", f"{error}\n")


def test_a_board_that_is_too_small_is_refused_with_the_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.node.plan.ledger.STACK_BYTES", 2**20)
    monkeypatch.setattr(
        "fleet.node.plan.ledger.ledger.__kwdefaults__", (ledger.__kwdefaults__ or {}) | {"stack_bytes": 2**20}
    )
    done = call("check", QUICKSTART)
    assert done.exit_code == 2
    assert re.search(r"expected at most 262,144 B, got [\d,]+ B, [\d,]+ B over", done.stderr)


def test_a_new_run_takes_the_next_free_folder(tmp_path: Path) -> None:
    wanted = tmp_path / "runs" / "quickstart"
    assert fresh(wanted) == wanted
    wanted.mkdir(parents=True)
    assert fresh(wanted) == wanted.with_name("quickstart-2")
    wanted.with_name("quickstart-2").mkdir()
    assert fresh(wanted) == wanted.with_name("quickstart-3")
