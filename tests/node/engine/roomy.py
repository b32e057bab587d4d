"""A node whose buffers share no memory, so that everything inside a step can be read after it."""

from typing import Any

import numpy as np
import pytest

from fleet.node.engine.binding import Node
from fleet.node.model.graph import Graph
from fleet.node.model.scheme import Scheme
from fleet.node.plan import plan_of
from fleet.node.plan.arena import Buffer, aligned


def roomy_node(graph: Graph, scheme: Scheme) -> Node:
    """A node over a plan with a place of its own for every buffer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fleet.node.plan.plan.place", _side_by_side)
        return Node(plan_of(graph, scheme))


def read(node: Node, name: str, dtype: str) -> Any:
    """The numbers in a buffer of the arena after a step, as int64."""
    buffer = next(b for b in node.plan.buffers if b.name == name)
    content = node._arena.tobytes()[buffer.offset : buffer.end]
    return np.frombuffer(content, dtype=dtype).astype(np.int64)


def _side_by_side(sizes: dict[str, int], lives: dict[str, tuple[int, int]]) -> tuple[Buffer, ...]:
    placed: list[Buffer] = []
    offset = 0
    for name, (first, last) in lives.items():
        placed.append(Buffer(name=name, size_bytes=sizes[name], offset=offset, first=first, last=last))
        offset = aligned(offset + sizes[name])
    return tuple(placed)
