"""The matrix of networks and cores: rows are equal, what differs is said, what is finished is not made again."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import twin_matrix
from analysis.twin_cases import Case, case_of, fitting, windows_of
from analysis.twin_matrix import BOARDS, Cell, begun, held, main, read_journal, shortened
from fleet.base.errors import DoesNotFit
from fleet.learning.data import load_set
from fleet.node.export import Kind, export
from fleet.node.profile import load_profile
from fleet.node.twin import Compiler

ONE = ["--nets", "imu-ds-cnn", "--boards", "nrf52840", "--profiles", "table", "--gradients", "int8"]


@pytest.fixture(scope="module")
def case() -> Case:
    return case_of("imu-ds-cnn", "int8", None)


def test_every_kind_of_core_has_a_board_in_it() -> None:
    cores = {"cortex-m0plus", "cortex-m4f", "cortex-m7f", "cortex-m33f", "cortex-m55f", "rv32imc"}
    assert {load_profile(board).core for board in BOARDS} == cores


def test_the_windows_are_real_and_those_of_the_fit_are_others(case: Case) -> None:
    data = load_set("seglearn-watch")
    every = {window.tobytes() for window in data.x[data.subject == data.people[-1]]}
    used = windows_of("imu-ds-cnn", None).windows
    assert {window.tobytes() for window in used} <= every
    assert np.array_equal(case.trial.windows, used[: case.trial.steps])
    assert len(used) > case.trial.steps == 50


@pytest.mark.parametrize("board, kind", [("rp2040", Kind.STATIC), ("esp32c3", Kind.TABLE)])
def test_the_quickstarts_network_is_equal_in_every_byte(board: str, kind: Kind, case: Case) -> None:
    cell = held(begun(case, board, kind, Compiler.CLANG), case)
    assert (cell.differs, cell.steps, cell.soft_float) == ("", 50, "no")
    assert cell.sram_bytes == cell.ledger_bytes > cell.stack_bytes > cell.stack_used_bytes > 200
    assert cell.moved > 0.5 * cell.values
    assert f"{cell.sram_bytes:,}" in str(cell)
    assert f"{cell.code_bytes:,}" in str(cell)


def test_a_difference_is_said_and_ends_it_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def changed(*given: Any, **named: Any) -> Path:
        project = export(*given, **named)
        source = project / "engine" / "fe_update.c"
        source.write_text(source.read_text().replace("if (sum != 0 ||", "if (sum > 0 ||"))
        return project

    monkeypatch.setattr(twin_matrix, "export", changed)
    journal = tmp_path / "cells.jsonl"
    assert main([*ONE, "--journal", str(journal)]) == 1
    said = capsys.readouterr().out
    assert "DIFFERS" in said
    assert "engine/fe_update.c:" in said
    assert said.endswith("0 of 1 equal in every byte\n")
    assert read_journal(journal) == {}  # it is tried again


def test_a_finished_cell_is_a_line_that_is_not_made_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    journal = tmp_path / "cells.jsonl"
    words = [*ONE, "--journal", str(journal), "--json"]
    assert main(words) == 0
    [first] = json.loads(capsys.readouterr().out)
    assert json.loads(journal.read_text()) == first
    line = journal.read_text()
    journal.write_text('{"net": "imu-')  # cut off
    assert main(words) == 0
    capsys.readouterr()
    assert journal.read_text() == f'{{"net": "imu-\n{line}'
    monkeypatch.setattr(twin_matrix, "verify", lambda *_, **__: pytest.fail("made again"))
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == [first]


def test_a_cell_of_another_engine_or_compiler_is_another(monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    keys = {begun(case, "nrf52840", kind, Compiler.CLANG).key for kind in Kind}
    monkeypatch.setattr(twin_matrix, "engine_sources", lambda **_: {"engine/fe.c": b"other"})
    keys |= {begun(case, "nrf52840", kind, Compiler.CLANG).key for kind in Kind}
    monkeypatch.setattr(twin_matrix, "compiler_name", lambda *_: "another")
    keys |= {begun(case, "nrf52840", kind, Compiler.CLANG).key for kind in Kind}
    assert len(keys) == 6


def test_fewer_steps_are_another_cell_and_are_said(case: Case) -> None:
    few = shortened(case, 3)
    start = begun(few, "nrf52840", Kind.TABLE, Compiler.CLANG)
    assert start.key != begun(case, "nrf52840", Kind.TABLE, Compiler.CLANG).key
    cell = held(start, few)
    assert (cell.differs, cell.steps) == ("", 3)
    assert "14/14      3 " in str(cell)


def test_a_journal_that_is_absent_knows_nothing(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "none") == {}
    cell = Cell(
        net="a", input="1 x 1 x 1", gradients="int8", board="b", core="c", profile="table", of="d", moved=1, values=2
    )
    assert cell.key == ("a", "1 x 1 x 1", "int8", "b", "table", "d", "0 steps")


def test_a_board_without_room_for_any_input_is_refused(case: Case) -> None:
    board = load_profile("rp2040")
    small = replace(board, banks=(replace(board.banks[0], size_bytes=8192),), reserved=())
    with pytest.raises(DoesNotFit, match="imu-ds-cnn int8: expected room on rp2040, got none for any input"):
        fitting("imu-ds-cnn", "int8", small, {None: case})
