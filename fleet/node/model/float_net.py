"""A trained network in double precision, batch norm folded away: what the quantiser reads.

Slow and obvious, NumPy only. N windows at a time; maps are [N, H, W, C].
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fleet.node.model.graph import Curve
from fleet.node.model.zoo.structure import INPUT, Clip, Kind, Layer, NetSpec

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatNet:
    """weights, biases by layer name; weights in the shape the Graph stores (Layer.weight_shape)."""

    spec: NetSpec
    weights: dict[str, Float64]
    biases: dict[str, Float64]


def float_maps(net: FloatNet, x: Float64) -> dict[str, Float64]:
    """The output map of every layer, by layer name; a head's are the logits, [N, 1, 1, classes]."""
    maps = {INPUT: x}
    for layer in net.spec.layers:
        maps[layer.name] = _clipped(layer, _forward(net, layer, [maps[name] for name in layer.xs]))
    del maps[INPUT]
    return maps


def _clipped(layer: Layer, y: Float64) -> Float64:
    if layer.clip is Clip.NONE:
        return y
    y = np.maximum(y, 0, out=y)
    return np.minimum(y, 6, out=y) if layer.clip is Clip.RELU6 else y


def _forward(net: FloatNet, layer: Layer, xs: list[Float64]) -> Float64:
    """The layer's map before its clip, an array of its own."""
    if layer.weight_shape:
        return _weighted(layer, xs[0], net.weights[layer.name], net.biases[layer.name])
    match layer.kind:
        case Kind.ADD:
            return xs[0] + xs[1]
        case Kind.MUL:
            return xs[0] * xs[1]
        case Kind.POOL:
            return np.asarray(np.mean(xs[0], axis=(1, 2), keepdims=True, dtype=np.float64))
        case Kind.MEAN:
            axes = tuple(axis + 1 for axis in layer.axes)
            return np.asarray(np.mean(xs[0], axis=axes, keepdims=True, dtype=np.float64))
        case Kind.AVERAGE_POOL:
            real = _taps(layer, np.ones_like(xs[0]), 0).sum(axis=(4, 5))
            return np.asarray(_taps(layer, xs[0], 0).sum(axis=(4, 5)) / real)
        case Kind.MAX_POOL:
            return np.asarray(_taps(layer, xs[0], -np.inf).max(axis=(4, 5)))
        case Kind.CURVE:
            return curve(layer.curve, xs[0])
        case Kind.CONSTANT:
            return np.full((1, 1, 1, 1), layer.value)
        case _:
            return _moved(net, layer, xs)


def _weighted(layer: Layer, x: Float64, weight: Float64, bias: Float64) -> Float64:
    y: Float64
    match layer.kind:
        case Kind.DENSE | Kind.FULLY_CONNECTED:
            y = np.einsum("nhwi,oi->nhwo", x.reshape(len(x), 1, 1, -1), weight)
        case Kind.DEPTHWISE:
            each = np.repeat(x, layer.outputs // layer.inputs, axis=3) if layer.outputs > layer.inputs else x
            y = np.einsum("nhwckl,klc->nhwc", _taps(layer, each, 0), weight)
        case _:
            parts = [
                np.tensordot(taps, part, axes=((4, 5, 3), (1, 2, 3)))
                for taps, part in zip(
                    np.split(_taps(layer, x, 0), layer.groups, axis=3), np.split(weight, layer.groups), strict=True
                )
            ]
            y = parts[0] if layer.groups == 1 else np.concatenate(parts, axis=3)
    y += bias
    return y


def _moved(net: FloatNet, layer: Layer, xs: list[Float64]) -> Float64:
    """Values that stay what they are at another place."""
    top, left, bottom, right = layer.pad
    height, width, channels = net.spec.shapes[layer.name]
    match layer.kind:
        case Kind.CONCAT:
            return np.concatenate(xs, axis=layer.axes[0] + 1)
        case Kind.PAD:
            return np.pad(xs[0], ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=layer.value)
        case Kind.TRANSPOSE:
            return xs[0].transpose(0, *(axis + 1 for axis in layer.axes)).copy()
        case Kind.RESIZE:
            rows, columns = (_nearest(old, new) for old, new in zip(xs[0].shape[1:3], (height, width), strict=True))
            return xs[0][:, rows][:, :, columns]
        case _:
            return xs[0].reshape(-1, height, width, channels).copy()


def _nearest(old: int, new: int) -> NDArray[np.int64]:
    """Which of `old` places each of `new` copies."""
    return np.arange(new) * old // new


def curve(which: Curve | None, x: Float64) -> Float64:
    """A function of one variable, each value alone."""
    match which:
        case Curve.RELU:
            return np.maximum(x, 0)
        case Curve.RELU6:
            return np.clip(x, 0, 6)
        case Curve.LOGISTIC:
            return np.asarray(1 / (1 + np.exp(-x)))
        case Curve.HARD_SWISH:
            return np.asarray(x * np.clip(x + 3, 0, 6) / 6)
        case _:
            return x.copy()


def _taps(layer: Layer, x: Float64, border: float) -> Float64:
    """The inputs under the kernel at each output position, [N, H, W, C, KH, KW]; `border` beyond the map."""
    (top, left, bottom, right), (stride_down, stride_right) = layer.pad, layer.stride
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=border)
    taps: Float64 = sliding_window_view(padded, layer.kernel, axis=(1, 2))[:, ::stride_down, ::stride_right]
    return taps
