"""The quickstart made real, for tests of the rooms above it; and a short version of it."""

from pathlib import Path

from fleet.base.places import scenarios_dir
from fleet.run.assemble import Assembly
from fleet.scenario import Scenario, load

Party = Assembly

SHORT = {
    "training.steps_per_round": 6,
    "training.personal_steps": 5,
    "server.rounds": 2,
}


def quickstart_text() -> str:
    """The shipped scenario as it is written."""
    return (scenarios_dir() / "quickstart.yaml").read_text(encoding="utf-8")


def quickstart(**overrides: object) -> Scenario:
    """The shipped scenario with other values, by key with '__' for '.'."""
    changed = {key.replace("__", "."): value for key, value in overrides.items()}
    return load(scenarios_dir() / "quickstart.yaml", overrides=changed)


def short(**overrides: object) -> Scenario:
    """Two rounds of six steps and five personal ones."""
    changed = {key.replace("__", "."): value for key, value in overrides.items()}
    return load(scenarios_dir() / "quickstart.yaml", overrides=SHORT | changed)


def fingerprint(run: Path) -> str:
    """What a finished run left."""
    return (run / "fingerprint.txt").read_text().strip()
