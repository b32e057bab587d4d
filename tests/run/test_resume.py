"""A run that is cut at any moment and resumed is the run that was never cut; at most one round is computed twice."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.base.errors import RunError
from fleet.node.backend import EngineBackend, Work
from fleet.record import Journal, ValueRow, open_run
from fleet.record.rows import TABLES
from fleet.run import execute, resume
from fleet.run.assemble import Assembly, assemble
from fleet.scenario import Scenario, dump, load
from tests.run.quickstart import fingerprint, short


class PowerCut(BaseException):
    """Ends a run where no `except Exception` can hear it."""


@contextmanager
def cut_after(appends: int) -> Iterator[None]:
    """The process is gone when this many journal records have been appended; what was not synced is lost with it."""
    left = [appends]
    append, sync = Journal.append, Journal.sync

    def counting(self: Journal, record: dict[str, object]) -> None:
        left[0] -= 1
        if left[0] < 0:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._file.fileno())
            os.close(nowhere)
            raise PowerCut
        append(self, record)

    def syncing(self: Journal) -> None:
        if left[0] >= 0:
            sync(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "append", counting)
        patch.setattr(Journal, "sync", syncing)
        with pytest.raises(PowerCut):
            yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    return fingerprint(execute(short(), out=tmp_path_factory.mktemp("whole") / "run", jobs=2))


@pytest.mark.parametrize("appends", [0, 1, 2, 9, 16, 33, 45, 60, 76, 88])
def test_a_run_cut_anywhere_is_resumed_to_the_same_fingerprint(whole: str, tmp_path: Path, appends: int) -> None:
    run = tmp_path / "cut"
    with cut_after(appends):
        execute(short(), out=run, jobs=2)
    assert open_run(run).fingerprint is None
    if appends < 2:  # nothing was recorded, not even what the run is
        with pytest.raises(RunError, match="run the scenario again"):
            resume(run, jobs=2)
        return
    assert fingerprint(resume(run, jobs=2)) == whole


def test_a_run_cut_twice_is_resumed_too(whole: str, tmp_path: Path) -> None:
    run = tmp_path / "cut"
    with cut_after(20):
        execute(short(), out=run, jobs=2)
    with cut_after(30):
        resume(run, jobs=2)
    assert fingerprint(resume(run, jobs=1)) == whole


@pytest.mark.parametrize("appends", [20, 70, 77])
def test_at_most_one_round_is_computed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, appends: int) -> None:
    trained: list[int] = []
    train = EngineBackend.train

    def counting(self: EngineBackend, work: Work) -> object:
        trained.append(work.key)
        return train(self, work)

    monkeypatch.setattr(EngineBackend, "train", counting)
    execute(short(), out=tmp_path / "whole", jobs=2)
    once = len(trained)
    trained.clear()
    with cut_after(appends):
        execute(short(), out=tmp_path / "cut", jobs=2)
    resume(tmp_path / "cut", jobs=2)
    assert once <= len(trained) <= once + 12


def living() -> Scenario:
    """Thirteen nodes that report, fail and get two updates, of which the second stops itself."""
    life = {"available": "80 %", "power_cut": "10 min", "flash_flip": "10 d", "repair": "3 d"}
    group = {"board": "nrf52840", "count": 13, "energy": {"store": "cr2032"}, "radio": {"kind": "ble", "loss": "5 %"}}
    group |= {"every": "1 d", "life": life, "report": {"every": "6 h", "payload": "16 B"}}
    update = {"content": "firmware", "size": "300 kB", "mode": "swap-scratch", "canaries": 4, "within": "12 h"}
    updates = [update | {"name": "good", "at": "2 h"}, update | {"name": "bad", "at": "30 h", "defective": "60 %"}]
    return short(fleet=[group], updates=updates, data__shared=True, server__timeout="8 h", compare=["pretrained"])


@pytest.fixture(scope="module")
def whole_life(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return execute(living(), out=tmp_path_factory.mktemp("whole") / "run", jobs=2)


def test_the_run_with_updates_has_all_that_a_resumed_one_could_have_twice(whole_life: Path) -> None:
    run = open_run(whole_life)
    assert all(run.rows(table) for table in ("updates", "values", "totals", "events"))
    kinds = set(run.table("events")["kind"])
    assert {"power_cut", "halted"} <= kinds
    assert set(run.table("updates")["result"]) >= {"confirmed", "reverted"}


@pytest.mark.parametrize("appends", [2, 5, 14, 25, 33, 45])
def test_a_run_with_updates_and_reports_is_resumed_to_the_same_rows(
    whole_life: Path, tmp_path: Path, appends: int
) -> None:
    run = tmp_path / "cut"
    with cut_after(appends):
        execute(living(), out=run, jobs=2)
    resume(run, jobs=2)
    one, other = open_run(whole_life), open_run(run)
    assert {table: other.rows(table) for table in TABLES} == {table: one.rows(table) for table in TABLES}
    assert fingerprint(run) == fingerprint(whole_life)


def test_a_resumed_run_goes_by_the_name_that_its_file_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal keeps the absolute path; what the report says to run again is what the user wrote."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(dump(short()), encoding="utf-8")
    with cut_after(20):
        execute(load(Path("mine.yaml")), out=tmp_path / "cut", jobs=2)
    values = {row.key: row.value for row in open_run(resume(tmp_path / "cut", jobs=2)).read(ValueRow)}
    assert values["command"] == "fleet run mine.yaml --seed 0"


def test_a_run_of_another_scenario_is_not_resumed(tmp_path: Path) -> None:
    run = tmp_path / "cut"
    with cut_after(20):
        execute(short(), out=run, jobs=2)
    text = (run / "scenario.yaml").read_text()
    (run / "scenario.yaml").write_text(text.replace("steps_per_round: 6", "steps_per_round: 7"))
    with pytest.raises(RunError, match="expected a run of this scenario, got another"):
        resume(run, jobs=2)


def test_a_run_whose_data_have_changed_is_not_resumed(tmp_path: Path) -> None:
    run = tmp_path / "cut"
    with cut_after(20):
        execute(short(), out=run, jobs=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fleet.run.voyage.assemble", lambda scenario: _reversed(assemble(scenario)))
        with pytest.raises(RunError, match="expected a run of this data, got another"):
            resume(run, jobs=2)


def _reversed(party: Assembly) -> Assembly:
    return replace(party, dataset=replace(party.dataset, x=party.dataset.x[:, ::-1]))
