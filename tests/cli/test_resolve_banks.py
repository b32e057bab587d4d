"""What `fleet check` says of a board's memory: every bank that something lies in."""

from dataclasses import replace

from fleet.cli.resolve import _memory_text  # the row SRAM of `fleet check`, of a board that no scenario has
from fleet.node.model.scheme import build_scheme
from fleet.node.plan import plan_of
from fleet.node.plan.ledger import STACK_BYTES, ledger
from fleet.node.profile import load_profile
from tests.node.model.nets import residual_net


def test_a_stack_that_left_the_first_bank_is_counted_where_it_lies() -> None:
    graph, board = residual_net(), load_profile("stm32f746")
    plan = plan_of(graph, build_scheme(graph, "head"))
    whole = ledger(plan, board)
    taken, second = whole.taken("sram"), board.banks[1]
    assert _memory_text(whole) == f"{taken:,} of {board.banks[0].size_bytes:,} bytes of stm32f746 (0 more are reserved)"
    short = replace(board, banks=(replace(board.banks[0], size_bytes=taken - 1), second))
    assert _memory_text(ledger(plan, short)) == (
        f"{taken - STACK_BYTES:,} of {taken - 1:,} bytes of stm32f746 (0 more are reserved), "
        f"{STACK_BYTES:,} of {second.size_bytes:,} of its {second.name}"
    )
