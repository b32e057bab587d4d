"""The solver's voice."""

import ctypes
import os
import sys
from typing import Any

import pytest
from scipy.optimize import milp

from fleet.node.plan.paging import rows
from fleet.node.plan.paging.rows import Rows


def test_the_solver_says_nothing_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A line in the buffer of C and one past it, as HiGHS writes them; what was and will be said is kept."""

    def loud(*given: Any, **named: Any) -> Any:
        ctypes.CDLL(None).puts(b"repaired")
        os.write(1, b"at once\n")
        return milp(*given, **named)

    monkeypatch.setattr(rows, "milp", loud)
    programme = Rows()
    x = programme.binary()
    programme.at_most([(-1, x)], -1)
    ctypes.CDLL(None).puts(b"before")
    answer = programme.solved(x, nodes=10)
    sys.stdout.write("behind\n")
    assert answer.objective == 1
    ctypes.CDLL(None).fflush(None)
    assert capfd.readouterr().out == "before\nbehind\n"
