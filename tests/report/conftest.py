"""Synthetic runs for the tests of the report, made once a session."""

from pathlib import Path

import pytest

from fleet.record import open_run
from fleet.report.story import Story
from tests.report.synthetic import make_run


@pytest.fixture(scope="session")
def run_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "whole")


@pytest.fixture(scope="session")
def unfinished_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "part", rounds=3, finished=False)


@pytest.fixture(scope="session")
def story(run_path: Path) -> Story:
    return Story.read(open_run(run_path))


@pytest.fixture(scope="session")
def unfinished(unfinished_path: Path) -> Story:
    return Story.read(open_run(unfinished_path))
