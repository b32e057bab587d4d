"""Pinned fingerprints: a change of any number of a run is seen here first. Moving one needs a line in CHANGELOG.md."""

import csv
from pathlib import Path

import pytest

from fleet.run import execute
from tests.run.quickstart import fingerprint, quickstart, short

GOLDEN = Path(__file__).parents[1] / "golden" / "fingerprints.csv"
SCENARIOS = {"quickstart": quickstart, "quickstart, two short rounds": short}


def rows() -> list[dict[str, str]]:
    with GOLDEN.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['scenario']}, seed {row['seed']}")
def test_a_run_has_the_pinned_fingerprint(row: dict[str, str], tmp_path: Path) -> None:
    run = execute(SCENARIOS[row["scenario"]](seed=int(row["seed"])), out=tmp_path / "run", jobs=2)
    assert fingerprint(run) == row["fingerprint"]


def test_every_scenario_is_pinned() -> None:
    assert {row["scenario"] for row in rows()} == set(SCENARIOS)
