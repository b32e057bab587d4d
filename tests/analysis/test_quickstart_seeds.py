"""The quickstart's claims over the ten draws, with the models that ship: the gates of the story, every time."""

import pytest

from analysis.quickstart_seeds import LINES, one_draw, print_gates, print_lines


def test_the_claims_hold_over_ten_draws(capsys: pytest.CaptureFixture[str]) -> None:
    table = {draw: one_draw(draw) for draw in range(10)}
    assert print_gates(table) == 0
    assert all(results["alone 960"].groups[3] == 0 for results in table.values())
    gains = [r["masked"].groups[3] - r["FedAvg plain"].groups[3] for r in table.values()]
    assert sum(gains) / len(gains) >= 10  # on exercises a node never did, averaging over holders beats plain averaging
    print_lines(table)
    printed = capsys.readouterr().out
    assert all(line in printed for line in LINES)
