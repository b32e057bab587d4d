"""LoRaSim's table of shares delivered, within one point in every row, and that a wrong rule would not be."""

import pytest

from analysis.lorasim_curves import CASES, TOLERANCE, Case, main, measured, off


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} x{case.nodes}")
def test_every_row_is_delivered_as_lorasim_delivers_it(case: Case) -> None:
    simple, capture, base_10, sent = measured(case, 1_000_000, seed=0)
    assert sent >= 900_000
    assert off(case, simple, capture) <= TOLERANCE
    assert simple < base_10 < capture


def test_the_rule_without_capture_would_miss_the_capture_column() -> None:
    assert min(off(case, case.simple, case.simple) for case in CASES) > 2 * TOLERANCE


def test_the_table_is_printed_with_the_published_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--frames", "20000", "--seed", "3"]) in (0, 1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(CASES) + 1
    assert "0.797" in lines[1]
    assert "0.710" in lines[1]
