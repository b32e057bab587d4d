"""Static exponents: shifts found by training a while with dynamic ones."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.node.model import fixed
from fleet.node.model.graph import Graph
from fleet.node.model.recipe import Exponents, Gradients
from fleet.node.model.reference.backward import backward, blocked_maps
from fleet.node.model.reference.loss import Target
from fleet.node.model.reference.node import ReferenceNode
from fleet.node.model.reference.values import Course
from fleet.node.model.scheme import Scheme

STEPS = 32  # of training that are looked at; more found no larger shift on the tasks this was tried on


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
    """The scheme with static exponents: the largest shift of each map over the first steps, 1 more than the first's.

    windows, targets: what these steps train on, in order, as many as there are up to 32. own: classes of the softmax,
    all unless said otherwise. Raises InputError when no step has anything to learn.
    """
    dynamic = replace(scheme, recipe=replace(scheme.recipe, gradients=Gradients.INT8, exponents=Exponents.DYNAMIC))
    classes = own if own is not None else frozenset(range(graph.classes if graph.has_head else 0))
    node = ReferenceNode(graph, dynamic)
    course = Course(key=rng.absorb(key, 0), rate=fixed.real(rate), own=classes)
    shifts: dict[str, int] = {}
    for x, target in zip(windows[:STEPS], targets[:STEPS], strict=True):
        grads = backward(node.graph, dynamic, node.forward(x), target, classes)
        for name, shift in grads.shifts.items() if grads is not None else ():
            shifts[name] = max(shift, shifts.get(name, shift + 1))
        node.step(x, target, course, last=False)
    if not shifts and blocked_maps(graph, dynamic):
        raise InputError.one("windows", "expected one at least with an error to learn from, got none; give others")
    static = replace(scheme.recipe, exponents=Exponents.STATIC, shifts=tuple(sorted(shifts.items())))
    return replace(scheme, recipe=static)
