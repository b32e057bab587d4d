"""The matrix of networks and cores: its rows are equal, and what differs is said and ends it with 1."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis import twin_matrix
from analysis.twin_matrix import BOARDS, Case, Row, case_of, fitting, held, linked
from fleet.base.errors import DoesNotFit
from fleet.node.export import Kind, export
from fleet.node.profile import load_profile
from fleet.node.twin import Report

ONE = ["--nets", "imu-ds-cnn", "--boards", "nrf52840", "--profiles", "table", "--gradients", "int8"]


@pytest.fixture(scope="module")
def case() -> Case:
    return case_of("imu-ds-cnn", "int8", None)


def test_every_kind_of_core_has_a_board_in_it() -> None:
    cores = {"cortex-m0plus", "cortex-m4f", "cortex-m7f", "cortex-m33f", "cortex-m55f", "rv32imc"}
    assert {load_profile(board).core for board in BOARDS} == cores


@pytest.mark.parametrize("board, kind", [("rp2040", Kind.STATIC), ("esp32c3", Kind.TABLE)])
def test_the_quickstarts_network_is_equal_in_every_byte(board: str, kind: Kind, case: Case) -> None:
    row = Row(board=board, case=case, kind=kind, found=held(case, board, kind))
    assert isinstance(row.found, Report), row.found
    assert (row.equal, row.found.steps, row.found.faults) == (True, 50, ())
    assert case.moved > 0.9 * case.plan.layout.size
    sram, code = linked(row.found)
    assert f"{sram:,}" in str(row)
    assert f"{code:,}" in str(row)


def test_a_difference_is_said_and_ends_it_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def changed(*given: Any, **named: Any) -> Path:
        project = export(*given, **named)
        source = project / "engine" / "fe_update.c"
        source.write_text(source.read_text().replace("if (sum != 0 ||", "if (sum > 0 ||"))
        return project

    monkeypatch.setattr(twin_matrix, "export", changed)
    assert twin_matrix.main(ONE) == 1
    said = capsys.readouterr().out
    assert "DIFFERS" in said
    assert "engine/fe_update.c:" in said
    assert said.endswith("0 of 1 equal in every byte\n")


def test_a_board_without_room_for_any_input_is_refused(case: Case) -> None:
    board = load_profile("rp2040")
    small = replace(board, banks=(replace(board.banks[0], size_bytes=8192),), reserved=())
    with pytest.raises(DoesNotFit, match="imu-ds-cnn int8: expected room on rp2040, got none for any input"):
        fitting("imu-ds-cnn", "int8", small, {None: case})
