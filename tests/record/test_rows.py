"""The declarations of the tables, and what they refuse."""

import pytest

from fleet.record import TABLES, EventRow, PlanRow, RoundRow, columns, meanings
from fleet.record.rows import check

UNIT_ENDINGS = {"us": "_us", "nJ": "_nj"}


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_a_number_a_word_or_a_yes_no_and_says_what_it_means(table: str) -> None:
    assert set(columns(table).values()) <= {int, str, bool}
    assert all(meaning for meaning, _ in meanings(table).values())


@pytest.mark.parametrize("table", TABLES)
def test_times_and_energies_carry_their_unit_in_the_name(table: str) -> None:
    for name, (_, unit) in meanings(table).items():
        assert name.endswith(UNIT_ENDINGS.get(unit, ""))


def test_a_float_where_an_integer_belongs_is_refused_by_name() -> None:
    row = PlanRow(tensor="x", bytes=2.0, offset=0, first_step=0, last_step=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"plan.bytes: expected int, got float 2.0"):
        check("plan", row)


def test_a_yes_no_is_not_a_number() -> None:
    row = PlanRow(tensor="x", bytes=True, offset=0, first_step=0, last_step=1)
    with pytest.raises(TypeError, match=r"plan.bytes: expected int, got bool True"):
        check("plan", row)


def test_an_unknown_word_is_refused_with_the_known_ones() -> None:
    row = EventRow(line="federated", time_us=0, node=0, round=1, kind="exploded", detail="")
    with pytest.raises(
        ValueError, match=r"events\.kind: expected one of died, late, lost, refused, stale, .*, got 'explode"
    ):
        check("events", row)


def test_a_number_beyond_64_bits_is_refused() -> None:
    row = PlanRow(tensor="x", bytes=2**63, offset=0, first_step=0, last_step=1)
    with pytest.raises(ValueError, match="fits 64 bits"):
        check("plan", row)


def test_a_row_of_another_table_is_refused() -> None:
    row = PlanRow(tensor="x", bytes=1, offset=0, first_step=0, last_step=1)
    with pytest.raises(TypeError, match="rounds: expected a RoundRow, got a PlanRow"):
        check("rounds", row)


def test_rows_do_not_change() -> None:
    row = RoundRow(
        line="alone", round=1, opened_us=0, closed_us=1, asked=1, replied=1, uplink_bytes=0, downlink_bytes=0, clipped=0
    )
    with pytest.raises(AttributeError):
        row.asked = 2  # type: ignore[misc]
