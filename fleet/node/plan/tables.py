"""Constants of operators without weights, as sections of the model: tables of curves, slopes, places, powers of e."""

import numpy as np

from fleet.node.model.graph import Activation, Graph, Op, ResizeNearest, Softmax
from fleet.node.model.reference import tensors_with_gradient
from fleet.node.model.reference.activation import slopes, table
from fleet.node.model.reference.moves import nearest
from fleet.node.model.reference.softmax import exps
from fleet.node.model.scheme import Scheme


def op_sections(graph: Graph, scheme: Scheme, op: Op) -> list[tuple[str, str, bytes]]:
    """(name, use, content) of every constant of an operator; use as Section's. Steps name it by `model(kind, op)`."""
    match op:
        case Activation():
            return _curve(graph, scheme, op)
        case ResizeNearest():
            rows, columns = nearest(graph, op)
            return [(f"{op.name} places", "tables", np.array(rows + columns, dtype="<u2").tobytes())]
        case Softmax():
            return [(f"{op.name} exps", "tables", exps(graph, op).astype("<i4").tobytes())]
        case _:
            return []


def _curve(graph: Graph, scheme: Scheme, op: Activation) -> list[tuple[str, str, bytes]]:
    """256 outputs by the byte of the input and, where gradients pass, 256 derivatives."""
    outputs = (table(graph, op).outputs & 255).astype(np.uint8).tobytes()
    parts = [(f"{op.name} table", "tables", outputs)]
    if op.x in tensors_with_gradient(graph, scheme):
        parts.append((f"{op.name} slopes", "training", slopes(graph, op).d.astype("<i2").tobytes()))
    return parts
