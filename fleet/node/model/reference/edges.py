"""Where real numbers come in and go out: Quantize, Dequantize. Source: TFLite, quantize.h and dequantize.h."""

import numpy as np
from numpy.typing import NDArray

from fleet.node.model.fixed import Int64
from fleet.node.model.graph import Dequantize, Graph, Quantize
from fleet.node.model.reference.activation import LIMITS
from fleet.node.model.reference.values import Maps, f32

_FAR = np.float32(2**20)  # beyond any int8 or uint8, whatever the zero point


def quantized(graph: Graph, op: Quantize, maps: Maps) -> Int64:
    """Steps of y, halves away from zero; what is no number is 0."""
    y = graph.tensor(op.y)
    steps = np.asarray(maps[op.x], dtype=np.float32) / np.float32(y.scale)
    near = np.clip(np.nan_to_num(steps, nan=0.0), -_FAR, _FAR).astype(np.float64)
    whole = (np.sign(near) * np.floor(np.abs(near) + 0.5)).astype(np.int64)
    return np.asarray(np.clip(whole + y.zero_point, *LIMITS[y.form]))


def dequantized(graph: Graph, op: Dequantize, maps: Maps) -> NDArray[np.float32]:
    """Real values of x."""
    x = graph.tensor(op.x)
    return (f32(x.scale) * (maps[op.x] - x.zero_point)).astype(np.float32)


def raw(graph: Graph, op: Quantize | Dequantize, maps: Maps) -> NDArray[np.int64] | NDArray[np.float32]:
    """The output, clipped already."""
    return quantized(graph, op, maps) if isinstance(op, Quantize) else dequantized(graph, op, maps)
