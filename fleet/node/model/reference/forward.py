"""One forward pass: every map, and where nothing was clipped."""

import numpy as np
from numpy.typing import NDArray

from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Dense, Form, Graph, Int8
from fleet.node.model.reference.operators import clip_of, raw_output
from fleet.node.model.reference.values import Maps, Trace


def forward(graph: Graph, x: Int8) -> Trace:
    """Every map of one input, with the places where nothing was clipped."""
    maps: Maps = {graph.input.name: x.astype(np.int64)}
    kept: dict[str, NDArray[np.bool_]] = {}
    logits: Int64 = np.zeros(0, dtype=np.int64)
    for op in graph.ops:
        before_clip = raw_output(graph, op, maps)
        if isinstance(op, Dense):
            logits = np.clip(before_clip.ravel(), -32768, 32767)
        else:
            inside = graph.tensor(op.y).form is Form.INT8  # the others stand at the edges, clipped already
            maps[op.y] = np.clip(before_clip, *clip_of(op)) if inside else before_clip
            kept[op.name] = maps[op.y] == before_clip
    return Trace(maps=maps, kept=kept, logits=logits)
