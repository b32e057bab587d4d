"""How much each step of a plan computes: multiply-accumulates and elements, for the cost model."""

from fleet.node.cost import OpCount
from fleet.node.model.graph import Conv2d, Dense, GlobalAveragePool, Graph, Op, Weighted, macs, positions
from fleet.node.plan.plan import Plan
from fleet.node.plan.steps import Code, Step

UPDATES = (Code.UPDATE_CONV, Code.UPDATE_DEPTHWISE, Code.UPDATE_DENSE)
GRADS = (Code.GRAD_CONV, Code.GRAD_DEPTHWISE, Code.GRAD_DENSE)


def training_counts(plan: Plan) -> tuple[OpCount, ...]:
    """One training step: forward, loss, backward, updates; a window without any gradient costs less."""
    return tuple(_count(plan, step) for step in plan.steps)


def _count(plan: Plan, step: Step) -> OpCount:
    graph, op = plan.graph, plan.graph.op(step.op)
    kind = step.code.name.lower()
    if isinstance(op, Weighted) and step.code in UPDATES:
        share = plan.scheme.of(op.name).channels / op.weight.shape[-1]
        trained = round(op.weight.size * share)
        return OpCount(kind=kind, macs=round(macs(graph, op) * share), elements=trained)
    if isinstance(op, Weighted) and step.code is Code.UPDATE_BIAS:
        return OpCount(kind=kind, macs=op.bias.size * _places(graph, op), elements=op.bias.size)
    if step.code is Code.LOSS:
        return OpCount(kind=kind, macs=0, elements=graph.classes)
    multiplies = macs(graph, op) if step.code in GRADS or _is_forward(step.code) else 0
    return OpCount(kind=kind, macs=multiplies, elements=_elements(graph, op, step))


def _is_forward(code: Code) -> bool:
    return code in (Code.CONV, Code.DEPTHWISE, Code.DENSE)


def _elements(graph: Graph, op: Op, step: Step) -> int:
    match step.code:
        case Code.GRAD_CONV | Code.GRAD_DEPTHWISE | Code.GRAD_DENSE | Code.GRAD_POOL | Code.POOL:
            return graph.tensor(op.x).size
        case Code.BLOCK | Code.MERGE | Code.COPY | Code.GRAD_ADD | Code.MASK:
            size = step.fields[-1]
            assert isinstance(size, int)
            return size
        case _:
            return graph.classes if isinstance(op, Dense) else graph.tensor(op.y).size


def _places(graph: Graph, op: Conv2d | Op) -> int:
    return 1 if isinstance(op, Dense | GlobalAveragePool) else positions(graph.tensor(op.y))
