"""Power lost during an update leaves the old content or the new one: a slice of analysis/interruption_sweep.py, and
proof that the sweep finds nodes that do not keep to it."""

from typing import Any

import pytest

from analysis.interruption.sweep import sweep
from fleet.node.protocol.ota import Mode
from fleet.node.protocol.ota import agent as agents
from fleet.node.protocol.ota import bootloader as boots
from fleet.node.protocol.ota.agent import Agent
from fleet.node.protocol.ota.content import envelope_at
from fleet.node.protocol.ota.mcuboot import SWAPS
from fleet.node.protocol.ota.trailer import End
from tests.node.protocol.ota.nodes import made_for

BOARDS = ("nrf52840", "stm32u585", "rp2040", "samd21")  # least writes of 4, 16, 256, 64 B; samd21: rows of 256 B


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("board", BOARDS)
def test_whatever_is_cut_the_node_runs_old_or_new_and_ends_updated(board: str, mode: Mode) -> None:
    tally = sweep(made_for(board, mode), seeds=1, every=5)
    assert tally.failures == []
    assert tally.points > 10
    assert tally.cuts >= tally.points
    assert tally.strangers == 8 * tally.cuts


def failures(mode: Mode) -> list[str]:
    return sweep(made_for("nrf52840", mode), seeds=1, every=2).failures


@pytest.mark.parametrize("mode", [*SWAPS, Mode.IN_PLACE])
def test_the_sweep_finds_a_node_that_skips_the_step_that_was_cut(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = End.steps_done

    def ahead(end: End) -> int:
        done = honest(end)
        return done + 1 if 0 < done < 5 else done

    monkeypatch.setattr(End, "steps_done", ahead)
    assert any("brick" in text or "mix" in text for text in failures(mode))


@pytest.mark.parametrize("mode", SWAPS)
def test_the_sweep_finds_a_revert_that_forgets_itself(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trailer that tells it is erased before another one asks for it."""
    honest = End.ask

    def only_first(end: End, *, permanent: bool) -> None:
        if not permanent or end.slot == end.layout.primary:
            honest(end, permanent=permanent)

    monkeypatch.setattr(End, "ask", only_first)
    monkeypatch.setattr(End, "ask_back", lambda end: None)
    assert any("got it for good" in text for text in failures(mode))


def test_the_sweep_finds_a_node_that_runs_what_is_not_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boots, "in_slot", lambda flash, layout, slot, trust: envelope_at(flash, slot.start, trust.keys))
    assert any("mix" in text for text in failures(Mode.DIRECT_XIP))


def test_the_sweep_finds_a_node_that_believes_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: Any) -> tuple[()]:
        return ()

    monkeypatch.setattr(agents, "refusals", nothing)
    with pytest.raises(AssertionError, match="stranger"):
        failures(Mode.SWAP_MOVE)


def test_the_sweep_finds_a_node_that_programs_over_what_a_cut_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Agent, "_clean", lambda agent, at, size_bytes: None)
    assert any("erased bytes" in text for text in failures(Mode.DIRECT_XIP))
