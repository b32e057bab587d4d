"""Three significant digits and a unit, everywhere the same."""

import pytest

from fleet.report.numbers import count, duration, energy, lifetime, percent, points, size, three
from tests.report.words import plain


@pytest.mark.parametrize(
    "value, text",
    [(0, "0"), (42, "42.0"), (42.04, "42.0"), (99.96, "100"), (0.03123, "0.0312"), (1234, "1,230"), (-3.1415, "−3.14")],
)
def test_a_number_has_three_significant_digits(value: float, text: str) -> None:
    assert three(value) == text


def test_shares_are_per_cent_and_nothing_is_a_dash() -> None:
    assert plain(percent(0.803)) == "80.3 %"
    assert plain(percent(0.0)) == "0 %"
    assert plain(percent(None)) == "–"


def test_differences_carry_their_sign() -> None:
    assert (points(0.0348), points(-0.0348)) == ("+3.48", "−3.48")


@pytest.mark.parametrize(
    "nj, text",
    [(0, "0 nJ"), (999, "999 nJ"), (1_000, "1.00 µJ"), (999_600_000, "1.00 J"), (2_430 * 10**9, "2.43 kJ")],
)
def test_energy_is_shown_in_the_unit_that_leaves_few_digits(nj: int, text: str) -> None:
    assert plain(energy(nj)) == text


@pytest.mark.parametrize(
    "number, text", [(0, "0 B"), (999, "999 B"), (4_412, "4.41 kB"), (999_950, "1.00 MB"), (None, "–")]
)
def test_sizes_are_powers_of_ten(number: int | None, text: str) -> None:
    assert plain(size(number)) == text


@pytest.mark.parametrize(
    "us, text",
    [
        (7, "7 µs"),
        (2_500, "2.50 ms"),
        (59_940_000, "59.9 s"),
        (60_000_000, "1 min"),
        (3_661_000_000, "1 h 1 min"),
        (36_000_000_000, "10 h"),
        (90_061_000_000, "1 d 1 h"),
    ],
)
def test_durations_show_their_two_largest_units(us: int, text: str) -> None:
    assert plain(duration(us)) == text


def test_long_times_are_years_or_days() -> None:
    day_us = 86_400 * 10**6
    shown = [plain(lifetime(days * day_us)) for days in (1000, 30, 1)]
    assert shown == ["2.74 years", "30.0 days", "1 d"]


def test_counts_know_their_plural() -> None:
    shown = [plain(text) for text in (count(1, "node"), count(12, "node"), count(2, "reply", "replies"))]
    assert shown == ["1 node", "12 nodes", "2 replies"]
