"""The node runtime in C keeps its promises wherever the power goes: a slice of `analysis.interruption_sweep --node`,
and proof that the sweep finds runtimes that do not."""

from pathlib import Path

import pytest

from tests.interrupt.runtime_sweep import device_for, sweep


@pytest.mark.parametrize("board, every", [("nrf52840", 17), ("stm32u585", 31)])
def test_whatever_is_cut_the_runtime_has_old_or_new_and_loses_no_round(board: str, every: int, tmp_path: Path) -> None:
    tally = sweep(device_for(board, tmp_path), every=every)
    assert tally.failures == []
    assert tally.points > 50
    assert tally.cuts >= tally.points
    assert tally.strangers == 8 * tally.cuts


SPOILED = {
    "believes strangers": ("fe_model.c", "|| !is_signed(m->body))", "|| (0 && !is_signed(m->body)))"),
    "writes over the latest checkpoint": (
        "fe_persist.c",
        "while (place == fe_now.latest || place == fe_now.kept)",
        "while (place == fe_now.kept && fe_now.latest == fe_now.kept && 0)",
    ),
}


@pytest.mark.parametrize("fault", SPOILED)
def test_the_sweep_finds_a_runtime_that(fault: str, tmp_path: Path) -> None:
    assert sweep(device_for("nrf52840", tmp_path, spoiled=SPOILED[fault]), every=17).failures
