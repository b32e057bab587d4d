"""Values that only change their place: Pad, Reshape, Transpose, Concat, ResizeNearest."""

from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Concat, Float32, Graph, Op, Pad, Reshape, ResizeNearest, Transpose, inputs
from fleet.node.model.reference.values import Gradient, Maps, summed_at


def raw(graph: Graph, op: Op, maps: Maps) -> Int64:
    """The output, which nothing clips."""
    y = np.full(graph.tensor(op.y).shape, op.value if isinstance(op, Pad) else 0, dtype=np.int64)
    for name in inputs(op):
        source = sources(graph, op, name)
        y = np.where(source >= 0, maps[name].ravel()[source], y)
    return y


def sources(graph: Graph, op: Op, name: str) -> Int64:
    """For every output the flat place of this input that it copies; -1 where it copies none."""
    places = np.arange(graph.tensor(name).size, dtype=np.int64).reshape(graph.tensor(name).shape)
    match op:
        case Pad():
            return np.pad(places, list(zip(op.before, op.after, strict=True)), constant_values=-1)
        case Reshape():
            return places.reshape(graph.tensor(op.y).shape)
        case Transpose():
            return places.transpose(op.order)
        case Concat():
            other = [places if part == name else np.full(graph.tensor(part).shape, -1) for part in op.xs]
            return np.concatenate(other, axis=op.axis)
        case ResizeNearest():
            rows, columns = nearest(graph, op)
            return places[rows][:, columns]
        case _:
            raise AssertionError(f"{op.name}: not an operator that moves values")


def nearest(graph: Graph, op: ResizeNearest) -> tuple[list[int], list[int]]:
    """The row of x for each row of y, and the column for each column."""
    x, y = graph.tensor(op.x).shape, graph.tensor(op.y).shape
    rows, columns = ([_nearest(op, at, x[axis], y[axis]) for at in range(y[axis])] for axis in (0, 1))
    return rows, columns


def _nearest(op: ResizeNearest, at: int, side: int, out_side: int) -> int:
    """Source: TFLite, GetNearestNeighbor; all in float32."""
    if op.align_corners and out_side > 1:
        scale = np.float32(side - 1) / np.float32(out_side - 1)
    else:
        scale = np.float32(side) / np.float32(out_side)
    exact = (np.float32(at) + np.float32(0.5 if op.half_pixel_centers else 0)) * scale
    place = floor(float(exact) + 0.5) if op.align_corners else floor(float(exact))
    return min(place, side - 1)


def input_sums(graph: Graph, op: Op, name: str, g: Gradient, maps: Maps) -> tuple[Int64, int]:
    """Sums of the gradients of all copies, and the exponent."""
    start = np.zeros(graph.tensor(name).shape, dtype=np.int64)
    return _returned(start, sources(graph, op, name), g.e), g.k


def input_floats(graph: Graph, op: Op, name: str, g: Float32, maps: Maps, start: Float32) -> Float32:
    """start plus the gradients of all copies."""
    return _returned(start, sources(graph, op, name), g)


def _returned(start: NDArray[Any], source: Int64, g: NDArray[Any]) -> NDArray[Any]:
    copied = source >= 0
    return summed_at(start, source[copied], g[copied])
