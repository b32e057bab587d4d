"""New operators in a network, between one map and those who read it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fleet.node.model.graph import Add, Concat, Graph, Mul, Op, Tensor


def inserted(graph: Graph, after: str, ops: Sequence[Op], maps: Sequence[Tensor], instead: Mapping[str, str]) -> Graph:
    """The network with `ops` behind the operator `after`, and later operators reading other maps.

    maps: those that `ops` make. instead: the new map in place of an old one, for all behind and for the outputs.
    """
    at = next(index for index, op in enumerate(graph.ops) if op.name == after) + 1
    later = tuple(_reading(op, instead) for op in graph.ops[at:])
    outputs = tuple(instead.get(name, name) for name in graph.outputs)
    return replace(
        graph, tensors=(*graph.tensors, *maps), ops=(*graph.ops[:at], *ops, *later), outputs=outputs,
    )  # fmt: skip


def _reading(op: Op, instead: Mapping[str, str]) -> Op:
    match op:
        case Concat():
            return replace(op, xs=tuple(instead.get(name, name) for name in op.xs))
        case Add() | Mul():
            return replace(op, x=instead.get(op.x, op.x), x2=instead.get(op.x2, op.x2))
        case _:
            return replace(op, x=instead.get(op.x, op.x))
