"""Which module computes which operator. A new operator is a module beside this one and a line in each table.

A module offers, for an operator `op` of its type and maps as int64 (signatures below):
- raw: the output before clipping, every map that the operator reads at hand;
- input_sums: int8 gradients; the sums (int64, in 32 bits) for one of its inputs, and their exponent;
- input_floats: fp32 gradients; `start` (the waiting gradient, or zeros) plus the terms in SPEC.md's order;
- weight_sums, weight_floats: G in the weight's shape, where there are weights.
An operator that gradients never pass needs raw only: it has no line in BACKWARD. An output outside the operator's
`clip` is not kept; what has no `clip` field (moves, curves, the global pool) lets every gradient through. COPIES:
operators that hand their output's gradient on place by place; where nothing else waits at the map it stays unblocked.
`values.summed_at` adds terms to a map one after the other, which is what the fp32 order asks for.
"""

from typing import Any, Final, Protocol

from numpy.typing import NDArray

from fleet.node.model.fixed import Int64
from fleet.node.model.graph import (
    WHOLE_RANGE,
    Activation,
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Dense,
    Depthwise,
    Dequantize,
    Float32,
    Form,
    FullyConnected,
    GlobalAveragePool,
    Graph,
    MaxPool,
    Mean,
    Mul,
    Op,
    Pad,
    Quantize,
    Reshape,
    ResizeNearest,
    Softmax,
    Transpose,
    Weighted,
)
from fleet.node.model.reference import (
    activation,
    add,
    average_pool,
    conv,
    dense,
    depthwise,
    edges,
    max_pool,
    mean,
    moves,
    mul,
    pool,
    softmax,
)
from fleet.node.model.reference.values import Gradient, Maps


class Forward(Protocol):
    """A module that computes outputs."""

    def raw(self, graph: Graph, op: Any, maps: Maps) -> NDArray[Any]: ...


class Differentiable(Forward, Protocol):
    """A module that also passes gradients to the operator's inputs."""

    def input_sums(self, graph: Graph, op: Any, name: str, g: Gradient, maps: Maps) -> tuple[Int64, int]: ...

    def input_floats(self, graph: Graph, op: Any, name: str, g: Float32, maps: Maps, start: Float32) -> Float32: ...


class Trainable(Protocol):
    """A module that sums gradients of weights."""

    def weight_sums(self, graph: Graph, op: Any, g: Gradient, maps: Maps) -> Int64: ...

    def weight_floats(self, graph: Graph, op: Any, g: Float32, maps: Maps) -> Float32: ...


WEIGHTED: Final[dict[type, Trainable]] = {
    Conv2d: conv,
    Depthwise: depthwise,
    FullyConnected: dense,
    Dense: dense,
}
BACKWARD: Final[dict[type, Differentiable]] = {
    Conv2d: conv,
    Depthwise: depthwise,
    FullyConnected: dense,
    Dense: dense,
    Add: add,
    GlobalAveragePool: pool,
    Mul: mul,
    AveragePool: average_pool,
    MaxPool: max_pool,
    Mean: mean,
    Pad: moves,
    Reshape: moves,
    Transpose: moves,
    Concat: moves,
    ResizeNearest: moves,
    Activation: activation,
}
FORWARD: Final[dict[type, Forward]] = {**BACKWARD, Softmax: softmax, Quantize: edges, Dequantize: edges}
COPIES: Final = (Add, Pad, Reshape, Transpose, Concat)


def raw_output(graph: Graph, op: Op, maps: Maps) -> NDArray[Any]:
    """An operator's output before clipping: int64, or float32 of an output in that form."""
    return FORWARD[type(op)].raw(graph, op, maps)


def clip_of(graph: Graph, op: Op) -> tuple[int, int]:
    """Least and largest value of the output; of Dense, of its 16-bit logits."""
    if isinstance(op, Dense):
        return -32768, 32767
    low, high = getattr(op, "clip", WHOLE_RANGE)
    return (0, 255) if graph.tensor(op.y).form is Form.UINT8 else (low, high)


def is_masked(op: Op) -> bool:
    """Whether clipping an output of this operator stops its gradient: where it has a `clip` of its own."""
    return hasattr(op, "clip")


def is_copy(graph: Graph, op: Op, name: str) -> bool:
    """Whether the gradient of this input is the output's, place for place."""
    return isinstance(op, COPIES) and (not isinstance(op, Add) or graph.tensor(name).shape == graph.tensor(op.y).shape)


def input_sums(graph: Graph, op: Op, name: str, g: Gradient, maps: Maps) -> tuple[Int64, int]:
    """Accumulators and exponent of the gradient with respect to one input of an operator."""
    return BACKWARD[type(op)].input_sums(graph, op, name, g, maps)


def input_floats(graph: Graph, op: Op, name: str, g: Float32, maps: Maps, start: Float32) -> Float32:
    """start plus the fp32 gradient with respect to one input of an operator."""
    return BACKWARD[type(op)].input_floats(graph, op, name, g, maps, start)


def weight_sums(graph: Graph, op: Weighted, g: Gradient, maps: Maps) -> Int64:
    """G in the weight's shape."""
    return WEIGHTED[type(op)].weight_sums(graph, op, g, maps)


def weight_floats(graph: Graph, op: Weighted, g: Float32, maps: Maps) -> Float32:
    """G in the weight's shape, in fp32."""
    return WEIGHTED[type(op)].weight_floats(graph, op, g, maps)
