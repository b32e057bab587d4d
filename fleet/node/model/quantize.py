"""From a trained float network to int8: scales from data, weights and biases on their grids.

Recipe (TFLite's int8 scheme, "TensorFlow Lite 8-bit quantization specification"):
- activations per tensor, from 0 to the largest value over the calibration windows: zero point -128, so that
  clipping is the ReLU; the average pool keeps the scale of its input;
- weights symmetric, per output channel, the largest one at 127;
- the head with one scale for the tensor and twice the range (the largest weight at 63.5): later training moves its
  weights a lot, and rows of classes never seen would start with a range too small to learn in;
- biases int32 at s_x * s_w, at most 2^30 in size;
- scales are float32 values; quotients are taken in double, rounded to nearest, halves to even.
"""

from typing import Final

import numpy as np

from fleet.base.errors import InputError
from fleet.node.model.float_net import Float64, FloatNet, float_maps
from fleet.node.model.graph import (
    BIAS_LIMIT,
    Conv2d,
    Dense,
    Depthwise,
    Float32,
    GlobalAveragePool,
    Graph,
    Int8,
    Int32,
    Op,
    Tensor,
)
from fleet.node.model.zoo import Kind, Layer

HEAD_HEADROOM: Final = 2.0
DEAD_SCALE: Final = 1e-7  # weight scales below this are noise around zero: the training rule skips them as well
LOGIT_SCALE: Final = 1 / 256  # the head's output: Q8 logits
_WEIGHT_TOP: Final = 127
_MAP_STEPS: Final = 255


def quantize(net: FloatNet, windows: Int8, *, input_scale: float, input_zero: int) -> Graph:
    """The int8 network of a folded float one.

    windows: int8 [N, H, W, C], those that set the activation ranges, in the units of the input:
    real = input_scale * (x - input_zero).
    """
    maps = float_maps(net, input_scale * (windows.astype(np.float64) - input_zero))
    height, width, channels = net.spec.input_shape
    source = Tensor(name="input", shape=(height, width, channels), scale=_float32(input_scale), zero_point=input_zero)
    tensors, ops = [source], list[Op]()
    for layer in net.spec.layers:
        x = tensors[-1]
        tensors.append(_output_of(layer, x, float(maps[layer.name].max())))
        ops.append(_operator(net, layer, x))
    return Graph(name=net.spec.name, tensors=tuple(tensors), ops=tuple(ops))


def weight_scales(layer: Layer, weight: Float64) -> Float32:
    """The scale of each output channel, float32 [O], all equal for a dense head.

    A dead channel (DEAD_SCALE) gets the largest scale of its layer, so that its bias still fits an int32.
    """
    largest = np.abs(_by_channel(layer, weight)).max(axis=1)
    if layer.kind is Kind.DENSE:
        largest = np.full_like(largest, HEAD_HEADROOM * largest.max())
    scales = (largest / _WEIGHT_TOP).astype(np.float32)
    highest = scales.max() if scales.max() >= DEAD_SCALE else np.float32(1 / _WEIGHT_TOP)
    return np.where(scales < DEAD_SCALE, highest, scales).astype(np.float32)


def quantized_weights(layer: Layer, weight: Float64, scales: Float32) -> Int8:
    """Weights in steps of their channel's scale, int8 in [-127, 127], same shape."""
    last = layer.kind is Kind.DEPTHWISE
    steps = weight / (scales if last else scales.reshape(-1, *[1] * (weight.ndim - 1)).astype(np.float64))
    return np.clip(np.rint(steps), -_WEIGHT_TOP, _WEIGHT_TOP).astype(np.int8)


def quantized_biases(layer: Layer, bias: Float64, input_scale: float, scales: Float32) -> Int32:
    """Biases in steps of s_x * s_w, int32 [O]; InputError beyond 2^30, where an accumulator could overflow."""
    steps = np.rint(bias / (input_scale * scales.astype(np.float64)))
    if (worst := float(np.abs(steps).max())) > BIAS_LIMIT:
        channel = int(np.abs(steps).argmax())
        text = (
            f"expected a bias of at most 2^30 steps, got {worst:.3g} (bias {bias[channel]:.3g}, weight scale "
            f"{scales[channel]:.3g}); train with more weight decay or remove the channel"
        )
        raise InputError.one(f"{layer.name}, channel {channel}", text)
    return steps.astype(np.int32)


def _output_of(layer: Layer, x: Tensor, largest: float) -> Tensor:
    height, width = layer.out_size(*x.shape[:2])
    match layer.kind:
        case Kind.POOL:
            scale, zero = x.scale, x.zero_point
        case Kind.DENSE:
            scale, zero = LOGIT_SCALE, 0
        case _:
            scale, zero = _float32((largest if largest > 0 else 1.0) / _MAP_STEPS), -128
    return Tensor(name=layer.name, shape=(height, width, layer.outputs), scale=scale, zero_point=zero)


def _operator(net: FloatNet, layer: Layer, x: Tensor) -> Op:
    if layer.kind is Kind.POOL:
        return GlobalAveragePool(name=layer.name, x=x.name, y=layer.name)
    weight = net.weights[layer.name]
    scales = weight_scales(layer, weight)
    steps = quantized_weights(layer, weight, scales)
    bias = quantized_biases(layer, net.biases[layer.name], x.scale, scales)
    if layer.kind is Kind.DENSE:
        return Dense(name=layer.name, x=x.name, y=layer.name, weight=steps, bias=bias, weight_scale=scales)
    make = Conv2d if layer.kind is Kind.CONV else Depthwise
    return make(
        name=layer.name,
        x=x.name,
        y=layer.name,
        weight=steps,
        bias=bias,
        weight_scale=scales,
        stride=layer.stride,
        pad=(*layer.pad, *layer.pad),
    )


def _by_channel(layer: Layer, weight: Float64) -> Float64:
    """[O, weights of one output channel]."""
    if layer.kind is Kind.DEPTHWISE:
        return weight.reshape(-1, weight.shape[-1]).T
    return weight.reshape(weight.shape[0], -1)


def _float32(value: float) -> float:
    return float(np.float32(value))
