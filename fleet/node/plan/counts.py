"""How much each step of a plan computes: multiply-accumulates and elements, for the cost model."""

from typing import Final

from fleet.node.cost import OpCount
from fleet.node.model.graph import (
    Concat,
    Conv2d,
    Dense,
    FullyConnected,
    GlobalAveragePool,
    Graph,
    Op,
    Pad,
    Transpose,
    Weighted,
    macs,
    positions,
)
from fleet.node.plan.lifetimes import GROUPS
from fleet.node.plan.plan import Plan
from fleet.node.plan.steps import Code, Step

UPDATES = (Code.UPDATE_CONV, Code.UPDATE_DEPTHWISE, Code.UPDATE_DENSE)
GRADS = (Code.GRAD_CONV, Code.GRAD_DEPTHWISE, Code.GRAD_DENSE)
READERS = (Code.POOL, Code.AVERAGE_POOL, Code.MAX_POOL, Code.MEAN)
"""Forward steps whose work grows with their input."""

KIND: Final = {
    Code.DEPTHWISE_IN_PLACE: "depthwise",
    Code.LOGITS: "dense",
    Code.MUL: "add",
    Code.AVERAGE_POOL: "pool",
    Code.MAX_POOL: "pool",
    Code.MEAN: "pool",
    Code.MOVE: "copy",
    Code.RESIZE: "copy",
    Code.TABLE: "copy",
    Code.SOFTMAX: "loss",
    Code.QUANTIZE: "add",
    Code.DEQUANTIZE: "add",
    Code.GRAD_MUL: "grad_pool",
    Code.GRAD_AVERAGE_POOL: "grad_pool",
    Code.GRAD_MAX_POOL: "grad_pool",
    Code.GRAD_MEAN: "grad_pool",
    Code.GRAD_MOVE: "grad_add",
    Code.GRAD_RESIZE: "grad_add",
    Code.GRAD_TABLE: "grad_pool",
    Code.LOSS_SQUARED: "block",
    Code.APPLY: "update_bias",
    Code.APPLY_BIAS: "update_bias",
}
"""The counted kernel that stands for one that no board's profile has counts of."""


def training_counts(plan: Plan) -> tuple[OpCount, ...]:
    """One training step: forward, loss, backward, updates; a window without any gradient costs less.

    What only the end of a batch does counts by a window's share of it. Steps that run as a group do the same work as
    alone; the group's own loops are not counted.
    """
    return tuple(_count(plan, step) for step in plan.steps if step.code not in GROUPS) + _velocities(plan)


def _velocities(plan: Plan) -> tuple[OpCount, ...]:
    """Momentum: an int32 per trained value slowed, added to and kept, when a batch ends.

    Counted on a Cortex-M4: 18 to 29 instructions a value, all of the quickstart's net; `block` is the nearest kernel.
    """
    recipe = plan.scheme.recipe
    if not recipe.momentum_q15:
        return ()
    return (OpCount(kind="block", macs=0, elements=-(-plan.layout.size // recipe.batch)),)


def _count(plan: Plan, step: Step) -> OpCount:
    graph, op = plan.graph, plan.graph.op(step.op)
    kind = KIND.get(step.code, step.code.name.lower())
    if isinstance(op, Weighted) and step.code in UPDATES:
        share = plan.scheme.of(op.name).channels / op.weight.shape[-1]
        trained = round(op.weight.size * share)
        return OpCount(kind=kind, macs=round(macs(graph, op) * share), elements=trained)
    if isinstance(op, Weighted) and step.code is Code.UPDATE_BIAS:
        return OpCount(kind=kind, macs=op.bias.size * _places(graph, op), elements=op.bias.size)
    if step.code in (Code.LOSS, Code.LOSS_SQUARED):
        return OpCount(kind=kind, macs=0, elements=graph.tensor(op.y).size)
    if step.code in (Code.APPLY, Code.APPLY_BIAS):
        return OpCount(kind=kind, macs=0, elements=-(-_last(step) // plan.scheme.recipe.batch))
    multiplies = macs(graph, op) if step.code in GRADS or _is_forward(step.code) else 0
    return OpCount(kind=kind, macs=multiplies, elements=_elements(graph, op, step))


def _is_forward(code: Code) -> bool:
    return code in (Code.CONV, Code.DEPTHWISE, Code.DEPTHWISE_IN_PLACE, Code.DENSE, Code.LOGITS)


def _elements(graph: Graph, op: Op, step: Step) -> int:
    match step.code:
        case Code.MOVE if not isinstance(op, Pad | Transpose | Concat):  # a slice
            return _last(step)
        case Code.GRAD_ADD:
            return graph.tensor(op.y).size
        case code if code.name.startswith("GRAD_") or code in READERS:
            return graph.tensor(op.x).size
        case Code.BLOCK | Code.MERGE | Code.COPY | Code.MASK:
            return _last(step)
        case _:
            return graph.classes if isinstance(op, Dense) else graph.tensor(op.y).size


def _last(step: Step) -> int:
    size = step.fields[-1]
    assert isinstance(size, int)
    return size


def _places(graph: Graph, op: Conv2d | Op) -> int:
    return 1 if isinstance(op, Dense | FullyConnected | GlobalAveragePool) else positions(graph.tensor(op.y))
