"""What the sums of operators without weights can hold. SPEC.md, section "Bounds"."""

from collections.abc import Iterator
from typing import Final

from fleet.base.errors import Fault
from fleet.node.model.graph import Add, AveragePool, Concat, Graph, Mean, Mul, Op, ResizeNearest, Softmax, inputs
from fleet.node.model.reference.mean import mean_count

MOST_AVERAGED: Final = 8_421_504  # 255 * 8421504 < 2^31: values of one mean
MOST_SHARES: Final = 388  # 127 * 2^15 * 388 + 127 * 2^22 < 2^31: averages that one place has a share in
MOST_COPIES: Final = 66_311  # 127 * 255 * 66311 < 2^31: places that one value is repeated at
MOST_SOFTMAX: Final = 4_095  # 4095 * 2^19 < 2^31: channels of one sum of powers


def map_faults(graph: Graph, *, trains: bool) -> list[Fault]:
    """What the engine's 32-bit sums cannot hold. trains: gradients pass as well."""
    faults = [Fault(op.name, text) for op in graph.ops for text in _forward(graph, op)]
    if trains:
        faults += [Fault(op.name, text) for op in graph.ops for text in _backward(graph, op)]
    return faults


def _forward(graph: Graph, op: Op) -> Iterator[str]:
    if isinstance(op, Softmax) and (channels := graph.tensor(op.x).shape[2]) > MOST_SOFTMAX:
        yield f"expected a softmax over at most {MOST_SOFTMAX} channels, got {channels}; cut the network before it"
    count = mean_count(graph, op) if isinstance(op, Mean) else 1
    count = op.kernel[0] * op.kernel[1] if isinstance(op, AveragePool) else count
    if count > MOST_AVERAGED:
        yield f"expected a mean of at most {MOST_AVERAGED} values, got {count}; make the input smaller"


def _backward(graph: Graph, op: Op) -> Iterator[str]:
    if isinstance(op, AveragePool):
        windows = -(-op.kernel[0] // op.stride[0]) * -(-op.kernel[1] // op.stride[1])
        if windows > MOST_SHARES:
            yield f"expected at most {MOST_SHARES} windows over one place, got {windows}; use a larger stride"
        if (count := op.kernel[0] * op.kernel[1]) > MOST_COPIES:
            yield f"expected a window of at most {MOST_COPIES} places, got {count}; make the input smaller"
    if isinstance(op, Add | Mul | ResizeNearest):
        copies = max(-(-graph.tensor(op.y).size // graph.tensor(name).size) for name in inputs(op))
        if copies > MOST_COPIES:
            yield f"expected a value to be repeated at most {MOST_COPIES} times, got {copies}; make the map smaller"
    if isinstance(op, Concat) and len(set(op.xs)) < len(op.xs):
        yield "expected different maps, got one twice; put an operator between"
