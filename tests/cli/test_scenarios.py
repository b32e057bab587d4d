"""Every scenario that ships is one that `fleet check` takes, and that the schema for editors knows."""

from pathlib import Path

import pytest

from fleet.base.places import scenarios_dir
from fleet.cli.resolve import check_rows, resolve
from fleet.scenario import dump, load, loads

FILES = sorted(scenarios_dir().glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_scenario_resolves_and_reads_back_the_same(file: Path) -> None:
    scenario = load(file)
    assert scenario.name == file.stem
    assert scenario.question
    assert dict(check_rows(resolve(scenario)))["work"]
    assert loads(dump(scenario)) == scenario
