"""`fleet plan --paging`: less memory for more energy, and the flash it wears."""

import json
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from fleet.cli.app import app
from fleet.node.profile import load_profile

SPEECH = ("--model", "ds-cnn", "--device", "nrf52840", "--scheme")


def call(*words: str, scheme: str = "last_k:2") -> Result:
    return CliRunner().invoke(app, ["plan", *SPEECH, scheme, *words])


def keys(*words: str, scheme: str = "last_k:2") -> dict[str, Any]:
    done = call(*words, "--json", scheme=scheme)
    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.stdout)["plans"]
    return dict(found)


def test_recomputing_takes_less_memory_and_more_energy() -> None:
    wide = keys("--paging", "both", "--budget", "1 MiB")
    assert (wide["recomputed"], wide["paged"], wide["worn_out_after_steps"]) == ([], [], None)
    assert wide["step_energy_j"] == wide["layerwise_energy_j"]
    budget = wide["state_bytes"] + wide["layerwise_arena_bytes"] - 4
    found = keys("--paging", "recompute", "--budget", str(budget))
    assert found["state_bytes"] + found["arena_bytes"] <= budget
    assert found["recomputed"]
    assert found["step_energy_j"] > found["layerwise_energy_j"]


def test_paging_says_when_the_flash_is_worn_out() -> None:
    wide = keys("--paging", "flash", "--budget", "1 MiB", scheme="full")
    budget = str(wide["state_bytes"] + wide["layerwise_arena_bytes"] - 4)
    found, flash = keys("--paging", "flash", "--budget", budget, scheme="full"), load_profile("nrf52840").flash
    written = sum(page["bytes"] for page in found["paged"])
    units = -(-found["page_file_bytes"] // flash.page_bytes)
    assert found["written_bytes"] == written > 0
    assert found["worn_out_after_steps"] == units * flash.page_bytes * flash.endurance // written
    assert found["paging_time_s"] > written * flash.erase_us / flash.page_bytes * 1e-6
    said = call("--paging", "flash", "--budget", budget, scheme="full").stdout
    assert f"worn out after {found['worn_out_after_steps']:,} steps" in said
    assert "modelled" in said
    assert "row by row" in said


def test_what_cannot_be_is_refused_with_the_arithmetic() -> None:
    small = call("--paging", "both", "--budget", "100")
    assert small.exit_code != 0
    assert "--budget: 100 B less" in small.output
    assert "expected at least" in small.output
    assert "expected --budget beside it" in call("--paging", "both").output
    assert "expected one of recompute, flash, both, got 'bth'" in call("--paging", "bth", "--budget", "1 MiB").output
    assert "--html" in call("--paging", "both", "--budget", "1 MiB", "--html", "x.html").output
