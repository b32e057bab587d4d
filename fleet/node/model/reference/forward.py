"""One forward pass: every map, and where nothing was clipped."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Dense, Form, Graph
from fleet.node.model.reference.operators import clip_of, raw_output
from fleet.node.model.reference.values import Maps, Trace


def forward(graph: Graph, x: NDArray[Any] | Mapping[str, NDArray[Any]]) -> Trace:
    """Every map of one input, with the places where nothing was clipped. x: the input's values, or those by name."""
    maps = _given(graph, x if isinstance(x, Mapping) else {graph.input.name: x})
    kept: dict[str, NDArray[np.bool_]] = {}
    logits: Int64 = np.zeros(0, dtype=np.int64)
    for op in graph.ops:
        before_clip = raw_output(graph, op, maps)
        if graph.tensor(op.y).form is Form.FLOAT32:
            maps[op.y] = before_clip
            continue
        after = np.clip(before_clip, *clip_of(graph, op))
        if isinstance(op, Dense):
            logits = after.ravel()
        else:
            maps[op.y], kept[op.name] = after, after == before_clip
    return Trace(maps=maps, kept=kept, logits=logits)


def _given(graph: Graph, values: Mapping[str, NDArray[Any]]) -> Maps:
    """Inputs and constants."""
    constants = {t.name: t.value for t in graph.tensors if t.value is not None}
    given = {**constants, **values}
    return {
        name: value.astype(np.float32 if graph.tensor(name).form is Form.FLOAT32 else np.int64)
        for name, value in given.items()
    }
