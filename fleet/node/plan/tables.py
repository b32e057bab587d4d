"""Constants of operators without weights, as sections of the model: tables of curves, slopes."""

from fleet.node.model.graph import Graph, Op


def op_sections(graph: Graph, op: Op) -> list[tuple[str, str, bytes]]:
    """(name, use, content) of every constant of an operator; use as Section's. Steps name it by `model(kind, op)`."""
    return []
