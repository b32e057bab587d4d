"""The count of instructions foretells what boards were measured to take, within a board; less so between boards."""

import os
from fractions import Fraction
from pathlib import Path

import pytest

from analysis.mlperf_anchors import GOALS, MEASURED, counted, lines, plans, worst_between
from fleet.node.profile import load_profile
from fleet.node.twin.calibrate.anchors import Counts, energy_misses, time_misses
from fleet.node.twin.calibrate.published import NETWORKS, PUBLISHED, Submission

NETS = Path(os.environ.get("FLEET_DATA", "")) / "mlperf-tiny"
pytestmark = pytest.mark.skipif(not NETS.is_dir(), reason="FLEET_DATA holds no mlperf-tiny")
ON = "ic"


@pytest.fixture(scope="module")
def counts() -> dict[str, Counts]:
    found = plans()
    return {core: counted(core, found) for core in dict.fromkeys(load_profile(s.board).core for s in PUBLISHED)}


def worst(submission: Submission, counts: dict[str, Counts]) -> Fraction:
    """The larger miss of latency of two networks by the factor of the first."""
    own = counts[load_profile(submission.board).core]
    return max(map(abs, time_misses(submission, own, ON).values()))


@pytest.mark.parametrize("board", [s.board for s in MEASURED])
def test_fitted_to_one_network_the_latencies_of_the_other_two_come_out_right(
    board: str, counts: dict[str, Counts]
) -> None:
    """With the runtime whose kernels are most like ours; with all that were measured for energy nearly so."""
    misses = {s.runtime: worst(s, counts) for s in PUBLISHED if s.board == board}
    assert min(misses.values()) <= GOALS[0]
    assert misses["X-CUBE-AI 8.1.0"] <= Fraction(35, 100)


@pytest.mark.parametrize("submission", MEASURED, ids=lambda s: s.board)
def test_fitted_to_one_network_the_energies_of_the_other_two_come_out_right(
    submission: Submission, counts: dict[str, Counts]
) -> None:
    own = counts[load_profile(submission.board).core]
    assert all(abs(miss) <= GOALS[1] for miss in energy_misses(submission, own, ON).values())


def test_from_board_to_board_it_is_further_off(counts: dict[str, Counts]) -> None:
    within = max(worst(s, counts) for s in MEASURED)
    between = [worst_between(one, other, counts)[0] for one in MEASURED for other in MEASURED if one is not other]
    assert max(map(abs, between)) > max(within, GOALS[0])


def test_everything_is_printed(counts: dict[str, Counts]) -> None:
    text = "\n".join(lines(counts, "counted"))
    assert text.count("X-CUBE-AI 8.1.0") == 3 * len(NETWORKS)
    assert "from board to board" in text
    assert "nn_power_factor" in text
