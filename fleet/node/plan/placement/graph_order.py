"""The order of a Graph's operators that holds the fewest bytes of maps at once."""

from collections.abc import Mapping, Sequence

from fleet.node.model.graph import Graph, inputs
from fleet.node.plan.placement.order import MOST_STATES, Call, Order, best_order
from fleet.node.plan.rolling import roots
from fleet.node.plan.steps.program import output_size


def order_of(graph: Graph, *, states: int = MOST_STATES) -> Order:
    """The best order of the operators, by number in graph.ops.

    Every map is held whole, a reshaped one where its source lies; constants and weights are not held.
    """
    sources = roots(graph)
    sizes = {
        tensor.name: output_size(graph, tensor.name)
        for tensor in graph.tensors
        if tensor.value is None and tensor.name == sources[tensor.name]
    }
    calls = [Call(name=op.name, inputs=_with(inputs(op), sources), outputs=(op.y,)) for op in graph.ops]
    return best_order(calls, sizes, _with(graph.outputs, sources), states=states)


def _with(names: Sequence[str], sources: Mapping[str, str]) -> tuple[str, ...]:
    """Names, and where one is reshaped its source beside it: the order depends on both, the bytes on the source."""
    return tuple(dict.fromkeys(name for pair in ((n, sources[n]) for n in names) for name in pair))
