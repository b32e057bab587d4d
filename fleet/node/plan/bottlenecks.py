"""Inverted bottlenecks whose way back can run channel by channel: pointwise, depthwise, pointwise."""

from dataclasses import dataclass

from fleet.node.model.graph import Conv2d, Depthwise, Graph, Op, inputs
from fleet.node.model.recipe import Exponents, Gradients
from fleet.node.model.reference import tensors_with_gradient
from fleet.node.model.scheme import Scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class Bottleneck:
    """Names of its three layers, in the order of the graph."""

    expand: str
    depthwise: str
    project: str


def bottlenecks(graph: Graph, scheme: Scheme) -> tuple[Bottleneck, ...]:
    """Those that a gradient of this scheme passes backwards, at least into the depthwise layer; last ones first.

    Where a pointwise layer ends one and begins the next, as in a separable network, it belongs to the later one.
    None where the gradient of the input must be known whole before it can be written: int8 with dynamic exponents.
    """
    recipe = scheme.recipe
    if recipe.gradients is Gradients.INT8 and recipe.exponents is Exponents.DYNAMIC:
        return ()
    maker = {op.y: op for op in graph.ops}
    readers = {name: sum(name in inputs(op) for op in graph.ops) for name in maker}
    needed = tensors_with_gradient(graph, scheme)
    found: list[Bottleneck] = []
    for project in reversed(graph.ops):
        taken = bool(found) and project.name == found[-1].expand
        middle = maker.get(project.x) if _pointwise(project) and not taken else None
        expand = maker.get(middle.x) if isinstance(middle, Depthwise) else None
        if expand is None or middle is None or not (_pointwise(expand) and one_each(graph, middle)):
            continue
        if middle.y in needed and readers[middle.y] == readers[expand.y] == 1 and middle.y not in graph.outputs:
            found.append(Bottleneck(expand=expand.name, depthwise=middle.name, project=project.name))
    return tuple(found)


def _pointwise(op: Op) -> bool:
    return isinstance(op, Conv2d) and op.weight.shape[1:3] == (1, 1) and op.groups == 1 and op.stride == (1, 1)


def one_each(graph: Graph, op: Op) -> bool:
    """Whether an operator is a depthwise layer that makes one channel of each."""
    return isinstance(op, Depthwise) and graph.tensor(op.x).shape[2] == graph.tensor(op.y).shape[2]
