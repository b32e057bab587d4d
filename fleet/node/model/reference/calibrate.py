"""Static exponents: shifts found by training a while with dynamic ones.

The loss gradient is blocked anew in each step, so that the gradient of a map lies a nearly constant way below it,
whatever the window. That way, not the shift itself, is what repeats: with it fixed for all maps, the shifts follow.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.node.model import fixed
from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Graph
from fleet.node.model.recipe import Exponents, Gradients
from fleet.node.model.reference.backward import integer_pass
from fleet.node.model.reference.loss import Target, error
from fleet.node.model.reference.node import ReferenceNode
from fleet.node.model.reference.values import Course, dynamic_shift
from fleet.node.model.scheme import Scheme

STEPS = 32  # of training that are looked at


class _Depths:
    """How far below the loss gradient's exponent each map's lies: the largest seen, the first with one bit to spare."""

    def __init__(self) -> None:
        self.of: dict[str, int] = {}
        self.shifts: dict[str, int] = {}

    def observe(self, name: str, acc: Int64, rise: int) -> int:
        """The dynamic shift, remembered unless there was nothing to shift."""
        shift = dynamic_shift(acc)
        if acc.any():
            self.of[name] = max(shift - rise, self.of.get(name, shift - rise + 1))
        return shift

    def fix(self, name: str, _acc: Int64, rise: int) -> int:
        """The shift that brings a map to its depth, remembered."""
        shift = max(0, self.of.get(name, -rise) + rise)
        self.shifts[name] = max(shift, self.shifts.get(name, 0))
        return shift


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
            integer_pass(node.graph, dynamic, trace, wrong, depths.observe)
            learnt = (trace, wrong)
        node.step(x, target, course, last=False)
    if learnt is None:
        raise InputError.one("windows", "expected one at least with an error to learn from, got none; give others")
    integer_pass(graph, dynamic, *learnt, depths.fix)
    static = replace(scheme.recipe, exponents=Exponents.STATIC, shifts=tuple(sorted(depths.shifts.items())))
    return replace(scheme, recipe=static)
