"""Steps of operators without weights: products, pools, moves, curves, edges."""

from fleet.node.model.graph import Graph, Op
from fleet.node.plan.steps.program import Flow, Flowing, Program, Ref


def forward_step(p: Program, graph: Graph, op: Op, y: Ref, mask: Ref) -> bool:
    """Adds the forward step of an operator; False for one that is not of this file.

    Inputs lie at p.maps[name]. mask: where the clipping mask goes, or NOTHING.
    """
    return False


def pass_on(p: Program, graph: Graph, op: Op, index: int, g: Flowing) -> Flowing | None:
    """The int8 gradient of input `index` where it is a pure copy of g, with its exponent; None where it is a sum.

    Asked only when no other gradient waits for that input.
    """
    return None


def gradient_step(p: Program, graph: Graph, op: Op, index: int, flow: Flow) -> bool:
    """Adds the step that takes g to input `index` of an operator; False for one that is not of this file."""
    return False
