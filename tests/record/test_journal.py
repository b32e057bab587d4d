"""The journal after a clean end, a torn end and damage in the middle."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.base.errors import RunError
from fleet.record import Journal

RECORDS: list[dict[str, Any]] = [
    {"kind": "reply", "round": 1, "node": 3, "weights": bytes(range(256))},
    {"kind": "reply", "round": 1, "node": 4, "weights": b"", "nested": [{"b": b"\n\x00"}, None, True, 1.5]},
    {"kind": "closed", "round": 1, "text": "späť"},
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "journal.jsonl"
    with Journal.open(file) as journal:
        for record in RECORDS:
            journal.append(record)
    return file


def read(path: Path) -> list[dict[str, Any]]:
    with Journal.open(path) as journal:
        assert journal.held == len(list(journal.replay()))
        return list(journal.replay())


def test_what_was_appended_comes_back_in_order_with_its_bytes(path: Path) -> None:
    assert read(path) == RECORDS


def test_a_new_journal_holds_nothing(tmp_path: Path) -> None:
    assert read(tmp_path / "new.jsonl") == []


def test_replay_shows_what_was_held_at_opening_and_not_what_came_since(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.append({"late": 1})
        journal.sync()
        assert list(journal.replay()) == RECORDS
    assert read(path) == [*RECORDS, {"late": 1}]


def test_synced_records_can_be_read_while_the_writer_lives(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.append({"late": 1})
        journal.sync()
        assert b'"late":1' in path.read_bytes()


def test_a_journal_torn_at_any_byte_of_its_last_line_loses_that_record_only(path: Path) -> None:
    whole = path.read_bytes()
    last = whole[:-1].rfind(b"\n") + 1
    for end in range(last, len(whole)):
        path.write_bytes(whole[:end])
        assert read(path) == RECORDS[:-1]
        assert path.read_bytes() == whole[:last]


def test_a_journal_torn_in_its_first_line_begins_again(path: Path) -> None:
    first = path.read_bytes().split(b"\n")[0]
    for end in range(len(first)):
        path.write_bytes(first[:end])
        assert read(path) == []


def test_a_torn_journal_can_be_continued(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])
    with Journal.open(path) as journal:
        journal.append({"again": 1})
    assert read(path) == [*RECORDS[:-1], {"again": 1}]


def test_damage_in_the_middle_is_refused_with_the_line_and_leaves_the_file_alone(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"node":4', b'"node":5')
    path.write_bytes(b"".join(lines))
    with pytest.raises(RunError, match="line 3: expected a record with its checksum, got a damaged one"):
        Journal.open(path)
    assert path.read_bytes() == b"".join(lines)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_no_flipped_bit_passes_for_a_record(path: Path, data: st.DataObject) -> None:
    whole = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(whole) - 1))
    whole[position] ^= 1 << data.draw(st.integers(0, 7))
    damaged = path.with_name("damaged.jsonl")
    damaged.write_bytes(whole)
    try:
        records = read(damaged)
    except RunError:
        return
    assert records == RECORDS[: len(records)]
    assert len(records) == len(RECORDS) - 1


def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("hello")
    with pytest.raises(RunError, match="expected a journal of schema 1, got b'hello'"):
        Journal.open(file)
    assert file.read_text() == "hello"


def test_a_record_that_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "j.jsonl") as journal:
        with pytest.raises(ValueError, match="not JSON compliant"):
            journal.append({"x": float("nan")})
        with pytest.raises(ValueError, match="no lone 'base64'"):
            journal.append({"x": {"base64": "AA=="}})
