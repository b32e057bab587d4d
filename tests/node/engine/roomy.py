"""A node whose buffers share no memory, so that everything inside a step can be read after it."""

from typing import Any

import numpy as np
import pytest

from fleet.node.engine.binding import Node
from fleet.node.engine.host import Variant
from fleet.node.model import reference as ref
from fleet.node.model.graph import Graph
from fleet.node.model.reference.values import FloatBackward
from fleet.node.model.scheme import Scheme
from fleet.node.plan import inference_plan, plan_of
from fleet.node.plan.arena import Buffer, aligned
from fleet.node.plan.steps import Code, Ref, Step

UPDATES = {Code.UPDATE_CONV, Code.UPDATE_DEPTHWISE, Code.UPDATE_DENSE}
GRADIENTS = {code for code in Code if code.name.startswith("GRAD_")} | {Code.COPY}


def roomy_node(graph: Graph, scheme: Scheme) -> Node:
    """A node over a plan with a place of its own for every buffer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fleet.node.plan.draft.place", _side_by_side)
        return Node(plan_of(graph, scheme))


def roomy_inference(graph: Graph, variant: Variant | None = None) -> Node:
    """The same for a graph that only infers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fleet.node.plan.draft.place", _side_by_side)
        return Node(inference_plan(graph), variant=variant)


def read(node: Node, name: str, dtype: str) -> Any:
    """The numbers in a buffer of the arena after a step, as int64."""
    buffer = next(b for b in node.plan.buffers if b.name == name)
    content = node._arena.tobytes()[buffer.offset : buffer.end]
    return np.frombuffer(content, dtype=dtype).astype(np.int64)


Grads = ref.Backward | FloatBackward


def assert_traces_agree(node: Node, graph: Graph, trace: ref.Trace, grads: Grads | None) -> None:
    """Maps, masks, logits, and unless there is nothing to learn every gradient with its exponent."""
    for name, expected in trace.maps.items():
        where = node.plan.maps[name]  # a reshaped map lies where its source does
        assert (read(node, where.name, "i1") == expected.ravel()).all(), name
    assert (read(node, graph.head.y, "<i2") == trace.logits).all()
    names = {b.name for b in node.plan.buffers}
    for op, kept in trace.kept.items():
        if f"{op} mask" in names:
            bits = np.packbits(kept.ravel(), bitorder="little")
            assert (read(node, f"{op} mask", "u1") == bits).all(), op
    if grads is not None:
        _assert_gradients_agree(node, grads)


def _assert_gradients_agree(node: Node, grads: Grads) -> None:
    assert isinstance(grads, ref.Backward), "int8 gradients"
    seen: set[str] = set()
    exponents = read(node, "gradient exponents", "<i4")
    for step in node.plan.steps:
        if step.code in UPDATES | GRADIENTS | {Code.UPDATE_BIAS}:
            (name, slot), expected = _gradient_of(step), grads.outputs[step.op]
            assert exponents[slot] == expected.k, step
            assert (read(node, name.name, "i1") == expected.e.ravel()).all(), step
            seen.add(step.op)
    assert seen


def _gradient_of(step: Step) -> tuple[Ref, int]:
    """The buffer and the exponent slot of the output gradient that a step of the way back reads."""
    fields = step.fields[1:] if step.code in UPDATES else step.fields
    name, slot = fields[0], fields[1]
    assert isinstance(name, Ref)
    assert isinstance(slot, int)
    return name, slot


def _side_by_side(sizes: dict[str, int], lives: dict[str, tuple[int, int]]) -> tuple[Buffer, ...]:
    placed: list[Buffer] = []
    offset = 0
    for name, (first, last) in lives.items():
        placed.append(Buffer(name=name, size_bytes=sizes[name], offset=offset, first=first, last=last))
        offset = aligned(offset + sizes[name])
    return tuple(placed)
