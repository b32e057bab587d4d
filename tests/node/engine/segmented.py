"""Tactics for tests: any cuts of a network into operators that run row by row."""

from collections.abc import Sequence

from hypothesis import strategies as st

from fleet.node.model.graph import Form, Graph, Op, inputs
from fleet.node.model.scheme import Scheme
from fleet.node.plan.rolling import can_roll, rolled
from fleet.node.plan.steps import program
from fleet.node.plan.tactics import Tactics

MOST = 12  # operators of a segment, which may have as many slices


@st.composite
def row_tactics(draw: st.DrawFn, graph: Graph, scheme: Scheme) -> Tactics:
    """Segments anywhere, of one operator and more; input streamed or not, slices or not."""
    masked = masked_ops(graph, scheme)
    segments: list[tuple[int, int]] = []
    at = 0
    while at < len(graph.ops):
        ends = [end for end in range(at + 1, at + 1 + MOST) if is_segment(graph, at, end, masked)]
        end = draw(st.sampled_from([at, *ends, *ends[-1:]]))
        if end > at:
            segments.append((at, end))
        at = max(end, at + 1)
    streamed = graph.input.form is not Form.FLOAT32 and draw(st.booleans())
    return Tactics(segments=tuple(segments), input_streamed=streamed, slices=draw(st.booleans()))


def longest(graph: Graph, scheme: Scheme, *, input_streamed: bool = False, slices: bool = False) -> Tactics:
    """Segments as long as they can be, from the input on."""
    masked = masked_ops(graph, scheme)
    segments: list[tuple[int, int]] = []
    at = 0
    while at < len(graph.ops):
        ends = [end for end in range(at + 1, at + 1 + MOST) if is_segment(graph, at, end, masked)]
        if ends:
            segments.append((at, ends[-1]))
        at = max([at + 1, *ends])
    return Tactics(segments=tuple(segments), input_streamed=input_streamed, slices=slices)


def masked_ops(graph: Graph, scheme: Scheme) -> set[str]:
    """Operators with a mask."""
    if not scheme.trained:
        return set()
    sizes = program(graph, scheme).sizes
    return {op.name for op in graph.ops if f"{op.name} mask" in sizes}


def is_segment(graph: Graph, first: int, end: int, masked: set[str]) -> bool:
    """Whether these operators can run together."""
    ops = graph.ops[first:end]
    if end > len(graph.ops) or not all(can_roll(graph, op, masked=op.name in masked) for op in ops):
        return False
    return rolled(graph, ops, _needed(graph, ops)) is not None


def _needed(graph: Graph, ops: Sequence[Op]) -> frozenset[str]:
    within = {op.y for op in ops}
    read = {name for op in graph.ops if op.y not in within for name in inputs(op)} | set(graph.outputs)
    return frozenset(within & read)
