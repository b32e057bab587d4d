"""Variables and rows of a mixed-integer programme, handed to HiGHS through SciPy."""

import ctypes
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

Expr = Mapping[int, float]  # coefficient by variable; ONE: the constant
ONE = -1
ZERO: Expr = {}
INFINITE = float("inf")
# Proved, not nearly so. Presolve saves no time here.
OPTIONS: Final[dict[str, Any]] = {"mip_rel_gap": 0.0, "presolve": False}


def const(value: float) -> Expr:
    """A number."""
    return {ONE: value} if value else ZERO


def total(parts: Iterable[tuple[float, Expr]]) -> dict[int, float]:
    """The sum of factors times expressions."""
    found: dict[int, float] = {}
    for factor, expr in parts:
        for variable, coefficient in expr.items():
            found[variable] = found.get(variable, 0.0) + factor * coefficient
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """values: of every variable; None where none was found. bound: no solution has a smaller objective.

    optimal: nothing better exists. infeasible: proved that there is none.
    """

    values: NDArray[np.float64] | None
    objective: float
    bound: float
    optimal: bool
    infeasible: bool

    def value(self, expr: Expr) -> float:
        """What an expression comes to."""
        assert self.values is not None
        return sum(c * (1.0 if i == ONE else float(self.values[i])) for i, c in expr.items())


@dataclass(slots=True)
class Rows:
    """Grows by variables and rows; `solved` minimises."""

    _lows: list[float] = field(default_factory=list)
    _highs: list[float] = field(default_factory=list)
    _whole: list[int] = field(default_factory=list)
    _rows: list[dict[int, float]] = field(default_factory=list)
    _least: list[float] = field(default_factory=list)
    _most: list[float] = field(default_factory=list)

    def binary(self) -> Expr:
        """0 or 1."""
        return self._variable(0.0, 1.0, whole=1)

    def number(self, low: float, high: float) -> Expr:
        """Any number within these."""
        return self._variable(low, high, whole=0)

    def _variable(self, low: float, high: float, *, whole: int) -> Expr:
        self._lows.append(low)
        self._highs.append(high)
        self._whole.append(whole)
        return {len(self._lows) - 1: 1.0}

    def at_most(self, parts: Iterable[tuple[float, Expr]], most: float) -> None:
        """The sum is at most this."""
        self._row(parts, -INFINITE, most)

    def equal(self, parts: Iterable[tuple[float, Expr]], value: float) -> None:
        """The sum is this."""
        self._row(parts, value, value)

    def _row(self, parts: Iterable[tuple[float, Expr]], least: float, most: float) -> None:
        row = total(parts)
        offset = row.pop(ONE, 0.0)
        self._rows.append(row)
        self._least.append(least - offset)
        self._most.append(most - offset)

    def solved(self, objective: Expr, *, nodes: int) -> Answer:
        """The least objective. nodes: of the branch and bound, the only limit, so that every machine answers alike."""
        cost = np.zeros(len(self._lows))
        for variable, coefficient in objective.items():
            if variable != ONE:
                cost[variable] = coefficient
        offset = objective.get(ONE, 0.0)
        with _silent():
            found = milp(
                cost,
                integrality=np.array(self._whole),
                bounds=Bounds(np.array(self._lows), np.array(self._highs)),
                constraints=LinearConstraint(self._matrix(), np.array(self._least), np.array(self._most)),
                options=OPTIONS | {"node_limit": nodes},
            )
        values = None if found.x is None else np.asarray(found.x, dtype=np.float64)
        bound = found.mip_dual_bound if found.mip_dual_bound is not None else -INFINITE
        return Answer(
            values=values,
            objective=INFINITE if values is None else float(found.fun) + offset,
            bound=float(bound) + offset,
            optimal=found.status == 0,
            infeasible=found.status == 2,
        )

    def _matrix(self) -> csr_array:
        lines = [i for i, row in enumerate(self._rows) for _ in row]
        columns = [variable for row in self._rows for variable in row]
        entries = [coefficient for row in self._rows for coefficient in row.values()]
        return csr_array((entries, (lines, columns)), shape=(len(self._rows), len(self._lows)))


@contextmanager
def _silent() -> Iterator[None]:
    """Nothing reaches standard output within it, from any thread.

    HiGHS prints a line when it repairs a solution, whatever its options say, into the buffer of C.
    """
    buffered = ctypes.CDLL(None)
    sys.stdout.flush()
    buffered.fflush(None)
    kept = os.dup(1)
    try:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), 1)
            try:
                yield
            finally:
                buffered.fflush(None)
                os.dup2(kept, 1)
    finally:
        os.close(kept)
