"""Tables of accuracy against memory, on rows that are made up: rates, families at equal SRAM, a file that was cut."""

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.memory_tables import Row, append_rows, begin_rows, matches, points_of, read_rows, text_of, write_figure


def row(point: str, seed: int, sram: int, test: float, *, validation: float | None = None, rate: float = 0.01) -> Row:
    asked = test if validation is None else validation
    return Row(
        task="made", seed=seed, point=point, scheme=f"of {point}", sram_bytes=sram, rate=rate,
        validation=asked, test=test,
    )  # fmt: skip


ROWS = [
    *(row("last_k:1", seed, 100, 70 + seed) for seed in (0, 1)),
    *(row("last_k:2", seed, 200, 80 + seed) for seed in (0, 1)),
    *(row("last_k:3", seed, 300, 95 + seed) for seed in (0, 1)),
    row("sparse@250", 0, 240, 88), row("sparse@250", 1, 250, 83),
]  # fmt: skip


def test_the_rate_is_chosen_on_validation_and_for_all_seeds_at_once() -> None:
    rows = [row("head", seed, 50, test=60, validation=70, rate=0.01) for seed in (0, 1)]
    rows += [
        row("head", 0, 50, test=90, validation=90, rate=0.02),
        row("head", 1, 50, test=90, validation=40, rate=0.02),
    ]
    (point,) = points_of(rows)
    assert (point.rate, point.test) == (0.01, 60)


def test_a_rate_that_lacks_a_seed_is_not_chosen() -> None:
    rows = [row("head", seed, 50, test=60, rate=0.01) for seed in (0, 1)]
    (point,) = points_of([*rows, row("head", 0, 50, test=99, rate=0.02)])
    assert point.rate == 0.01


def test_a_search_meets_the_best_rival_that_fits_its_budget() -> None:
    (match,) = matches(points_of(ROWS), "sparse", "last_k")
    assert match.rival.name == "last_k:2"
    assert match.apart == [8, 2]


def test_a_rival_that_is_too_large_in_one_seed_does_not_fit() -> None:
    wider = [replace(one, sram_bytes=251) if (one.point, one.seed) == ("last_k:2", 1) else one for one in ROWS]
    (match,) = matches(points_of(wider), "sparse", "last_k")
    assert match.rival.name == "last_k:1"


def test_pairs_are_of_the_same_seed() -> None:
    (match,) = matches(points_of([one for one in ROWS if (one.point, one.seed) != ("last_k:2", 0)]), "sparse", "last_k")
    assert match.apart == [2]


def test_the_text_holds_every_point_and_every_comparison() -> None:
    text = text_of("made", points_of(ROWS))
    assert all(name in text for name in ("last_k:1", "last_k:3", "sparse@250"))
    assert "+5.0   3.0   2 of 2" in text


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    begin_rows(path)
    odd = replace(ROWS[0], scheme="sparse:8,0=1/4,2=1/2")
    append_rows(path, ROWS[:2])
    begin_rows(path)
    append_rows(path, [odd])
    assert read_rows(path) == [*ROWS[:2], odd]


def test_a_row_that_was_cut_is_left_out_and_made_again(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    begin_rows(path)
    append_rows(path, ROWS[:2])
    path.write_text(path.read_text()[:-20])
    assert read_rows(path) == ROWS[:1]
    begin_rows(path)
    append_rows(path, ROWS[1:2])
    assert read_rows(path) == ROWS[:2]


@pytest.mark.parametrize("tasks", [1, 2])
def test_the_figure_opens_offline(tmp_path: Path, tasks: int) -> None:
    path = tmp_path / "figure.html"
    write_figure(path, {f"task {number}": points_of(ROWS) for number in range(tasks)})
    page = path.read_text()
    assert "plotly.js v" in page
    assert "of sparse@250" in page
