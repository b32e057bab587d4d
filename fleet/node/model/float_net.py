"""A trained network in double precision, batch norm folded away: what the quantiser reads.

Slow and obvious, NumPy only. N windows at a time; maps are [N, H, W, C].
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fleet.node.model.zoo import Kind, Layer, NetSpec

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatNet:
    """weights, biases by layer name; weights in the shape the Graph stores (Layer.weight_shape)."""

    spec: NetSpec
    weights: dict[str, Float64]
    biases: dict[str, Float64]


def float_maps(net: FloatNet, x: Float64) -> dict[str, Float64]:
    """The output map of every layer, by layer name; the head's are the logits, [N, 1, 1, classes]."""
    maps = {}
    for layer in net.spec.layers:
        x = maps[layer.name] = _forward(net, layer, x)
    return maps


def _forward(net: FloatNet, layer: Layer, x: Float64) -> Float64:
    y: Float64
    match layer.kind:
        case Kind.POOL:
            y = np.mean(x, axis=(1, 2), keepdims=True, dtype=np.float64)
            return y
        case Kind.DENSE:
            y = np.einsum("nhwi,oi->nhwo", x, net.weights[layer.name])
        case Kind.DEPTHWISE:
            y = np.einsum("nhwckl,klc->nhwc", _taps(layer, x), net.weights[layer.name])
        case Kind.CONV:
            y = np.tensordot(_taps(layer, x), net.weights[layer.name], axes=((4, 5, 3), (1, 2, 3)))
    y += net.biases[layer.name]
    return y if layer.kind is Kind.DENSE else np.maximum(y, 0, out=y)


def _taps(layer: Layer, x: Float64) -> Float64:
    """The inputs under the kernel at each output position, [N, H, W, C, KH, KW]; zero beyond the border."""
    (down, right), (stride_down, stride_right) = layer.pad, layer.stride
    padded = np.pad(x, ((0, 0), (down, down), (right, right), (0, 0)))
    taps: Float64 = sliding_window_view(padded, layer.kernel, axis=(1, 2))[:, ::stride_down, ::stride_right]
    return taps
