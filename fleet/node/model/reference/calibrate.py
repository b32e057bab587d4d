"""Static exponents: shifts found by training a while with dynamic ones.

The loss gradient is blocked anew in each step, so that the gradient of a map lies a nearly constant way below it,
whatever the window. That way, not the shift itself, is what repeats: with it fixed for all maps, the shifts follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.node.model import fixed
from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Graph
from fleet.node.model.recipe import Exponents, Gradients
from fleet.node.model.reference.backward import integer_pass
from fleet.node.model.reference.loss import Target, error, error_sums
from fleet.node.model.reference.node import ReferenceNode
from fleet.node.model.reference.values import Course, block, dynamic_shift
from fleet.node.model.scheme import Scheme

STEPS = 32  # of training that are looked at
TOGETHER = 4  # of them, whose errors are added
_FINER: Final = 6  # bits below the dynamic shift that are tried; saturates all but what is small beyond use
_COARSER: Final = 8  # bits above: no value is left


class _Depths:
    """How far below the loss gradient's exponent each map's should lie.

    Where the squared error of what a few steps saw, rounded and saturated, is least: large gradients count more, as in
    a step, and the few largest values may saturate. Of all such runs the greatest: training may change what is large.
    """

    def __init__(self) -> None:
        self.errors: dict[str, list[_Errors]] = {}
        self.shifts: dict[str, int] = {}

    def observe(self, unit: int, name: str, acc: Int64, rise: int) -> int:
        """The dynamic shift; the errors of others are remembered. unit: the loss gradient's exponent."""
        shift = dynamic_shift(acc)
        if acc.any():
            self.errors.setdefault(name, []).append(_errors(acc, shift, rise, unit))
        return shift

    def fix(self, name: str, _acc: Int64, rise: int) -> int:
        """The shift that brings a map to its depth, remembered."""
        shift = max(0, self._depth(name) + rise) if name in self.errors else 0
        self.shifts[name] = max(shift, self.shifts.get(name, 0))
        return shift

    def _depth(self, name: str) -> int:
        seen = self.errors[name]
        depths = range(min(min(errors.by_depth) for errors in seen), max(max(errors.by_depth) for errors in seen) + 1)

        def best(some: list[_Errors]) -> int:
            return min(depths, key=lambda depth: sum(errors.of(depth) for errors in some))

        return max(best(seen[first : first + TOGETHER]) for first in range(0, len(seen), TOGETHER))


@dataclass(frozen=True, slots=True)
class _Errors:
    """Squared error of one map's gradient by depth, in real units; elsewhere all of it is lost."""

    by_depth: dict[int, Fraction]
    lost: Fraction

    def of(self, depth: int) -> Fraction:
        return self.by_depth.get(depth, self.lost)


def _errors(acc: Int64, shift: int, rise: int, unit: int) -> _Errors:
    """Of sums whose dynamic shift is this, from a histogram of 13 bits: exact, so that no machine decides otherwise."""
    drop = max(0, shift - _FINER)
    counts = np.bincount(np.abs(fixed.round_shift(acc, drop)).ravel())
    sizes = np.flatnonzero(counts)
    counts, square = counts[sizes], Fraction(4) ** (drop - rise - unit)

    def of(tried: int) -> Fraction:
        kept = np.minimum(fixed.round_shift(sizes, tried - drop), 127) << (tried - drop)
        return int((counts * (sizes - kept) ** 2).sum()) * square

    lost = int((counts * sizes**2).sum()) * square
    return _Errors({tried - rise: of(tried) for tried in range(drop, shift + _COARSER)}, lost)


def calibrated(
    graph: Graph,
    scheme: Scheme,
    windows: NDArray[Any],
    targets: Sequence[Target] | NDArray[Any],
    *,
    rate: float,
    own: frozenset[int] | None = None,
    key: int = 0,
) -> Scheme:
    """The scheme with static exponents that fit the gradients of the first 32 steps over these windows, in order.

    own: classes of the softmax, all unless said otherwise. key: of the draws that round these steps.
    Raises InputError when no window has an error to learn from.
    """
    dynamic = replace(scheme, recipe=replace(scheme.recipe, gradients=Gradients.INT8, exponents=Exponents.DYNAMIC))
    classes = own if own is not None else frozenset(range(graph.classes if graph.has_head else 0))
    node, depths = ReferenceNode(graph, dynamic), _Depths()
    course = Course(key=rng.absorb(key, 0), rate=fixed.real(rate), own=classes)
    learnt = None
    for x, target in list(zip(windows, targets, strict=True))[:STEPS]:
        trace = node.forward(x)
        wrong = error(node.graph, dynamic.recipe.loss, trace, target, classes)
        if wrong.any():
            unit = block(*error_sums(node.graph, dynamic.recipe.loss, wrong)).k
            integer_pass(node.graph, dynamic, trace, wrong, partial(depths.observe, unit))
            learnt = (trace, wrong)
        node.step(x, target, course, last=False)
    if learnt is None:
        raise InputError.one("windows", "expected one at least with an error to learn from, got none; give others")
    integer_pass(graph, dynamic, *learnt, depths.fix)
    static = replace(scheme.recipe, exponents=Exponents.STATIC, shifts=tuple(sorted(depths.shifts.items())))
    return replace(scheme, recipe=static)
