"""`fleet plan --model`: what it prints, for people and for machines, and what it refuses."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from fleet.cli.app import app

SPEECH = ("--model", "ds-cnn", "--device", "nrf52840")
LARGE = ("--model", "mcunet-5fps", "--device", "stm32f746")


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["plan", *(str(word) for word in words)])


def as_json(*words: str | Path) -> dict[str, Any]:
    done = call(*words, "--json")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_one_scheme_is_a_plan_with_its_bound_the_counts_of_papers_and_a_ledger() -> None:
    done = call(*LARGE, "--scheme", "sparse:49kb")
    assert done.exit_code == 0, done.output
    said = done.stdout
    assert "no byte of a plan depends on them" in said
    assert re.search(r"^memory +[\d,]+ B: trained state 32,104 and arena [\d,]+", said, re.MULTILINE)
    assert re.search(r"^arena +(proved: no placement|not yet proved optimal: at most [\d,]+ B)", said, re.MULTILINE)
    assert re.search(r"^MCUNetV3, label of a scheme +50,\d{3} ", said, re.MULTILINE)
    assert "stm32f746: fits" in said
    assert re.search(r"^sram +pushed values +32,104 +planned ", said, re.MULTILINE)
    assert "modelled from counted instructions" in said


def test_all_schemes_are_a_table_in_which_the_largest_that_fits_is_marked() -> None:
    done = call(*SPEECH)
    assert done.exit_code == 0, done.output
    rows = [line for line in done.stdout.splitlines() if re.search(r" (yes|no) +[\d,.]+ m?s ", line)]
    assert [row.split()[0] for row in (rows[0], rows[-1])] == ["head", "full"]
    assert [row.split()[0] for row in rows if row.endswith("< trains most of those that fit")] == ["full"]
    assert "beside 14,080 B that are reserved" in done.stdout
    assert re.search(r"^planning full, (\d+) of \1$", done.stderr, re.MULTILINE)


def test_what_a_network_cannot_have_is_named_below_the_table() -> None:
    done = call("--model", "ad-autoencoder", "--device", "stm32f746")
    assert re.search(r"^not for this network: lite_residual: expected ", done.stdout, re.MULTILINE)


def test_machines_read_the_same_numbers() -> None:
    found = as_json(*SPEECH, "--scheme", "last_k:2")
    (scheme,) = found["schemes"]
    (board,) = scheme["boards"]
    assert found["schema"] == 1
    assert scheme["state_and_arena_bytes"] == scheme["state_bytes"] + scheme["arena_bytes"]
    assert scheme["arena_bound_bytes"] <= scheme["arena_bytes"]
    assert scheme["update_bytes"] == scheme["push_bytes"] - 4
    lines = [line for line in board["ledger"] if line["bank"] == board["sram_bank"]]
    assert sum(line["size_bytes"] for line in lines) == board["sram_bytes"] + board["sram_reserved_bytes"]
    assert (board["fits"], board["over"], board["step_basis"]) == (True, {}, "modelled")
    said = call(*SPEECH, "--scheme", "last_k:2").stdout
    assert f"{scheme['state_and_arena_bytes']:,} B" in said
    assert f"{scheme['push_bytes']:,} B down" in said


def test_a_table_for_machines_has_every_scheme_on_every_board() -> None:
    found = as_json("--model", "ad-autoencoder", "--device", "nrf52840", "--device", "stm32f746")
    assert {len(scheme["boards"]) for scheme in found["schemes"]} == {2}
    assert [text.split(":", maxsplit=1)[0] for text in found["left_out"]] == ["lite_residual"]


def test_what_does_not_fit_is_printed_and_refused_with_the_arithmetic_and_the_largest_that_fits() -> None:
    done = call(*LARGE, "--resolution", "48", "--scheme", "full")
    assert done.exit_code == 2
    assert "stm32f746: does not fit" in done.stdout
    (refusal,) = [line for line in done.stderr.splitlines() if not line.startswith("looking for")]
    assert re.match(r"stm32f746, sram: expected at most 262,144 B, got [\d,]+ B, [\d,]+ B over \(", refusal)
    assert re.search(r"; the largest scheme that fits is 'sparse:99kb', with 58,882 trained values in ", refusal)


def test_where_nothing_fits_the_changes_that_help_are_options_of_this_command() -> None:
    done = call("--model", "resnet-8", "--device", "nrf52840", "--scheme", "head", "--resolution", "240")
    assert done.exit_code == 2
    said = "no scheme of this network fits; with --resolution 180 or --device stm32u585 `head` does"
    assert done.stderr.rstrip().endswith(said)


def test_fp32_gradients_dynamic_exponents_and_a_resident_window_take_more() -> None:
    def size(*words: str) -> int:
        return int(as_json(*SPEECH, "--scheme", "last_k:4", *words)["schemes"][0]["arena_bytes"])

    least = size()
    assert size("--gradients", "fp32") > least
    assert size("--exponents", "dynamic") > least
    assert size("--input", "resident") >= least
    assert as_json(*SPEECH, "--scheme", "head", "--update", "latent")["terms"]["rule"] == "latent"


def test_proving_tells_how_far_it_is_and_what_came_of_it() -> None:
    words = ("--model", "resnet-8", "--device", "nrf52840", "--scheme", "head")
    assert "not yet proved optimal: at most 1,536 B (11.1%) above the least; --prove goes on" in call(*words).stdout
    done = call(*words, "--prove")
    assert done.exit_code == 0
    assert re.search(r"^\w[\w ]*: arena [\d,]+ B, no less than [\d,]+ B$", done.stderr, re.MULTILINE)
    assert "proved: no placement of these steps takes less" in done.stdout


def test_a_budget_is_written_with_its_unit_and_refused_with_the_arithmetic() -> None:
    done = call(*SPEECH, "--scheme", "full", "--budget", "20 KiB")
    assert done.exit_code == 2
    assert "--budget: expected at most 20,480 B, got " in done.stderr
    assert call(*SPEECH, "--scheme", "head", "--budget", "1 MiB").exit_code == 0


@pytest.mark.parametrize(
    "words, said",
    [
        (("--model", "mcunet", "--device", "stm32f746"), "did you mean 'mcunet-in3'"),
        (("--model", "ds-cnn", "--device", "nrf5284"), "got 'nrf5284'; did you mean 'nrf52840'?"),
        ((*SPEECH, "--scheme", "sprase:4"), "did you mean 'sparse'"),
        ((*SPEECH, "--scheme", "sparse:100kb"), "expected a network with published schemes"),
        ((*SPEECH, "--scheme", "last_k:99"), "expected 1 to 9 layers below the head of ds-cnn, got 99"),
        ((*SPEECH, "--gradients", "int4"), "--gradients: expected one of int8, fp32, got 'int4'"),
        ((*SPEECH, "--input", "stream"), "did you mean 'streamed'"),
        ((*SPEECH, "--scheme", "head", "--budget", "many"), "--budget: expected a size"),
        ((*SPEECH, "--prove"), "--prove: expected --scheme beside it"),
        ((*SPEECH, "--html", "x.html"), "--html: expected --scheme beside it"),
        (("--model", "ds-cnn"), "expected a board; `fleet devices` lists them"),
        ((), "expected a scenario FILE or --model NET, one of the two"),
        (("a.yaml", "--model", "ds-cnn"), "expected a scenario FILE or --model NET, one of the two"),
        (("a.tflite",), "expected a scenario, got a network; write --model a.tflite"),
        (("--model", "none.tflite", "--device", "nrf52840"), "none.tflite: expected a file, got No such file"),
    ],
)
def test_what_is_wrong_is_said_once_with_the_nearest_and_exit_code_2(words: tuple[str, ...], said: str) -> None:
    done = call(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_all_wrong_options_are_named_at_once() -> None:
    done = call("--model", "x", "--device", "y", "--gradients", "z", "--update", "w")
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        "--gradients", "--update", "--device", "3 faults",
    ]  # fmt: skip


def test_a_damaged_file_is_one_refusal(tmp_path: Path) -> None:
    file = tmp_path / "broken.tflite"
    file.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(40))
    done = call("--model", file, "--device", "nrf52840")
    assert (done.exit_code, done.stdout) == (2, "")
    assert str(file) in done.stderr


def test_a_real_tflite_is_planned(shared_data: Path) -> None:
    file = next(shared_data.rglob("kws_ref_model.tflite"))
    found = as_json("--model", file, "--device", "nrf52840", "--scheme", "last_k:2")
    assert found["model"]["notes"] == ["weights of kws_ref_model.tflite", "the head of the file"]
    assert found["schemes"][0]["boards"][0]["fits"]


def test_nothing_heavy_is_loaded_for_a_plan() -> None:
    heavy = "pandas", "plotly", "torch", "flwr", "simpy"
    code = f"import sys, fleet.cli.plan; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
