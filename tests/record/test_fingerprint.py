"""The fingerprint moves with every computed number and with nothing else."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.record import TABLES, PlanRow, Row, ValueRow, columns, fingerprint
from fleet.record.fingerprint import Columns, _canonical

WORD = "a"
EXAMPLE = "a2567b49480d5b877f936cc2aef759f00d7eb0df42acf2dae206d16cdce2a03f"


def row_of(table: str, number: int = 7) -> Row:
    cells: dict[str, Any] = {name: {int: number, str: WORD, bool: True}[kind] for name, kind in columns(table).items()}
    if table == "values":
        cells["key"] = "digest:federated"
    return TABLES[table](**cells)


def changed(row: Row, column: str, cell: object) -> Row:
    cells: dict[str, Any] = {field.name: getattr(row, field.name) for field in fields(row)} | {column: cell}
    return type(row)(**cells)


def all_tables() -> dict[str, list[Row]]:
    return {table: [row_of(table), row_of(table, 8)] for table in TABLES}


def test_order_of_rows_and_of_tables_does_not_matter() -> None:
    tables = all_tables()
    turned = {table: tables[table][::-1] for table in reversed(tables)}
    assert fingerprint(turned) == fingerprint(tables)


@pytest.mark.parametrize("table, column", [(t, c) for t in TABLES for c in columns(t) if (t, c) != ("values", "basis")])
def test_every_cell_counts(table: str, column: str) -> None:
    tables = all_tables()
    first = tables[table][0]
    cell = getattr(first, column)
    other = {bool: not cell, int: 9, str: f"{cell}b"}[type(cell)]
    tables[table][0] = changed(first, column, other)
    assert fingerprint(tables) != fingerprint(all_tables())


def test_a_repeated_row_counts() -> None:
    once, twice = {"plan": [row_of("plan")]}, {"plan": [row_of("plan")] * 2}
    assert fingerprint(once) != fingerprint(twice)


def test_facts_that_are_no_digest_do_not_count() -> None:
    tables = all_tables()
    tables["values"].append(ValueRow(key="command", value="fleet run x.yaml", basis="given"))
    tables["values"][0] = changed(tables["values"][0], "basis", "counted")
    assert fingerprint(tables) == fingerprint(all_tables())


def test_a_missing_table_is_an_empty_one() -> None:
    assert fingerprint({}) == fingerprint({table: [] for table in TABLES})


def test_a_float_is_refused() -> None:
    row = PlanRow(tensor="x", bytes=1.0, offset=0, first_step=0, last_step=0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"expected whole numbers and words, got float 1\.0"):
        fingerprint({"plan": [row]})


@given(left=st.lists(st.text()), right=st.lists(st.text()))
def test_words_cannot_run_into_each_other(left: list[str], right: list[str]) -> None:
    encoded = [b"".join(_canonical(word) for word in words) for words in (left, right)]
    assert (encoded[0] == encoded[1]) == (left == right)


def test_the_construction_is_pinned() -> None:
    """A change here makes every fingerprint in the world obsolete: raise the schema and say so in the changelog."""
    assert fingerprint({"plan": [row_of("plan")]}) == EXAMPLE
    assert [field.name for field in fields(PlanRow)] == ["tensor", "bytes", "offset", "first_step", "last_step"]


def test_a_table_by_columns_has_the_hash_of_its_rows() -> None:
    rows = [
        changed(changed(row_of("totals", number), "line", line), "drawn_nj", drawn)
        for line in ("federated", "alone")
        for number, drawn in ((3, -5), (1, 2**62), (3, -6), (3, -5))
    ]
    cells = [tuple(getattr(row, name) for name in columns("totals")) for row in rows]
    by_columns = Columns(
        np.array([row[0] for row in cells], dtype=object), np.array([row[1:] for row in cells], dtype=np.int64)
    )
    assert fingerprint({"totals": by_columns}) == fingerprint({"totals": rows})


def test_a_later_table_counts_only_where_it_has_rows() -> None:
    tables = all_tables()
    with_none = {**tables, "totals": [], "sums": []}
    without = {name: rows for name, rows in tables.items() if name not in ("totals", "sums")}
    assert fingerprint(with_none) == fingerprint(without) != fingerprint(tables)
