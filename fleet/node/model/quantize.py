"""From a trained float network to int8: scales from data, weights and biases on their grids.

Recipe (TFLite's int8 scheme, "TensorFlow Lite 8-bit quantization specification"):
- activations per tensor, from data: `ranges.py`;
- weights symmetric, per output channel, the largest one at 127;
- the head with one scale for the tensor and twice the range (the largest weight at 63.5): later training moves its
  weights a lot, and rows of classes never seen would start with a range too small to learn in;
- biases int32 at s_x * s_w, at most 2^30 in size;
- scales are float32 values; quotients are taken in double, rounded to nearest, halves to even.
"""

from typing import Final

import numpy as np

from fleet.base.errors import InputError
from fleet.node.model.float_net import Float64, FloatNet
from fleet.node.model.graph import (
    BIAS_LIMIT,
    DEAD_SCALE,
    LOGIT_STEPS,
    WHOLE_RANGE,
    Activation,
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Curve,
    Dense,
    Depthwise,
    Float32,
    FullyConnected,
    GlobalAveragePool,
    Graph,
    Int8,
    Int32,
    MaxPool,
    Mean,
    Mul,
    Op,
    Pad,
    Reshape,
    ResizeNearest,
    Tensor,
    Transpose,
)
from fleet.node.model.ranges import (
    Encoding,
    Range,
    encodings,
    float32,
    observed,
    real_values,
    requantised,
)
from fleet.node.model.zoo.structure import INPUT, Clip, Kind, Layer, NetSpec

HEAD_HEADROOM: Final = 2.0
LOGIT_SCALE: Final = 1 / LOGIT_STEPS  # of the map that a head makes
_WEIGHT_TOP: Final = 127


def quantize(net: FloatNet, windows: Int8, *, input_scale: float, input_zero: int, percentile: float = 100.0) -> Graph:
    """The int8 network of a folded float one.

    windows: int8 [N, H, W, C], those that set the activation ranges, in the units of the input:
    real = input_scale * (x - input_zero). percentile: of the values of a map that its range holds; below 100, rare
    large ones are clipped so that the others get finer steps.
    """
    source = Encoding(scale=input_scale, zero_point=input_zero)
    _check_source(source)
    if windows.dtype != np.int8 or windows.shape[1:] != net.spec.input_shape:
        text = f"expected int8 [N, {', '.join(map(str, net.spec.input_shape))}], got {windows.dtype} "
        raise InputError.one("calibration", f"{text}{list(windows.shape)}; give windows as nodes hold them")
    return with_ranges(net, observed(net, real_values(windows, source), percentile), source)


def with_ranges(net: FloatNet, ranges: dict[str, Range], source: Encoding) -> Graph:
    """The int8 network whose maps hold these real values, by layer name. source: of the input."""
    _check_source(source)
    spec = net.spec
    codes = encodings(spec, ranges, Encoding(scale=float32(source.scale), zero_point=source.zero_point))
    if spec.has_head:
        codes[spec.layers[-1].name] = Encoding(scale=LOGIT_SCALE, zero_point=0)
    tensors = [_tensor(INPUT, spec.input_shape, codes[INPUT])]
    ops: list[Op] = []
    for layer in spec.layers:
        shape = spec.shapes[layer.name]
        if layer.kind is Kind.CONSTANT:
            value = np.full((1, 1, 1), np.sign(layer.value) * _WEIGHT_TOP, dtype=np.int8)
            tensors.append(_tensor(layer.name, shape, codes[layer.name], value))
            continue
        renamed = {x: f"{layer.name}.{x}" for x in requantised(layer, codes)}
        for x, name in renamed.items():
            tensors.append(_tensor(name, spec.shapes[x], codes[layer.name]))
            ops.append(Activation(name=name, x=x, y=name, curve=Curve.REQUANTIZE))
        tensors.append(_tensor(layer.name, shape, codes[layer.name]))
        ops.append(_operator(net, layer, tuple(renamed.get(x, x) for x in layer.xs), codes))
    return Graph(name=spec.name, tensors=tuple(tensors), ops=tuple(ops))


def dequantized(spec: NetSpec, graph: Graph) -> FloatNet:
    """The float network of an int8 one: its weights and biases as the real values they stand for.

    spec: its structure, with its ReLUs; where maps end otherwise, the float ones go on.
    """
    weights, biases = {}, {}
    for layer, op in zip(spec.weighted, graph.weighted, strict=True):
        if (layer.name, layer.weight_shape) != (op.name, op.weight.shape):
            text = f"expected {layer.name} {list(layer.weight_shape)}, got {op.name} {list(op.weight.shape)}"
            raise InputError.one(graph.name, f"{text}; name the structure that the network was made of")
        scales = op.weight_scale.astype(np.float64)
        by_output = scales if layer.kind is Kind.DEPTHWISE else scales.reshape(-1, *[1] * (op.weight.ndim - 1))
        weights[layer.name] = op.weight * by_output
        biases[layer.name] = op.bias * (graph.tensor(op.x).scale * scales)
    return FloatNet(spec=spec, weights=weights, biases=biases)


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


def fitting_scales(layer: Layer, weight: Float64, bias: Float64, input_scale: float) -> Float32:
    """`weight_scales`, larger where a bias needs it, up to the largest of its layer: such weights hardly matter."""
    scales = weight_scales(layer, weight)
    if layer.kind is Kind.DENSE:  # one scale for all
        return scales
    needed = np.abs(bias) / (input_scale * (BIAS_LIMIT - 2**8))  # 2^8: a float32 scale is off by 2^-24 at most
    fitting: Float32 = np.maximum(scales, np.minimum(needed, scales.max()).astype(np.float32))
    return fitting


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


def clip_of(layer: Layer, code: Encoding) -> tuple[int, int]:
    """Least and largest int8 of a layer's map: the ends of its int8 range, or where its ReLU ends."""
    low, high = WHOLE_RANGE
    if layer.clip is not Clip.NONE:
        low = max(low, code.zero_point)
    if layer.clip is Clip.RELU6:
        high = min(high, code.zero_point + round(6 / code.scale))
    return low, high


def _check_source(source: Encoding) -> None:
    """Refuses an input whose int8 values mean nothing."""
    if not (np.isfinite(source.scale) and float32(source.scale) > 0 and -128 <= source.zero_point <= 127):
        text = "expected a positive scale and a zero point from -128 to 127"
        got = f"{source.scale} and {source.zero_point}"
        raise InputError.one("input", f"{text}, got {got}; take them from how the windows were quantised")


def _tensor(name: str, shape: tuple[int, int, int], code: Encoding, value: Int8 | None = None) -> Tensor:
    return Tensor(name=name, shape=shape, scale=code.scale, zero_point=code.zero_point, value=value)


def _operator(net: FloatNet, layer: Layer, xs: tuple[str, ...], codes: dict[str, Encoding]) -> Op:
    name, x, code = layer.name, xs[0], codes[layer.name]
    if layer.weight_shape:
        return _weighted(net, layer, codes)
    clip = clip_of(layer, code)
    match layer.kind:
        case Kind.ADD:
            return Add(name=name, x=x, x2=xs[1], y=name, clip=clip)
        case Kind.MUL:
            return Mul(name=name, x=x, x2=xs[1], y=name, clip=clip)
        case Kind.POOL:
            return GlobalAveragePool(name=name, x=x, y=name)
        case Kind.AVERAGE_POOL | Kind.MAX_POOL:
            make = AveragePool if layer.kind is Kind.AVERAGE_POOL else MaxPool
            return make(name=name, x=x, y=name, kernel=layer.kernel, stride=layer.stride, pad=layer.pad, clip=clip)
        case Kind.CURVE:
            assert layer.curve is not None, f"{name} needs its curve"
            return Activation(name=name, x=x, y=name, curve=layer.curve)
        case _:
            return _moved(layer, xs, code)


def _moved(layer: Layer, xs: tuple[str, ...], code: Encoding) -> Op:
    name, x = layer.name, xs[0]
    match layer.kind:
        case Kind.CONCAT:
            return Concat(name=name, xs=xs, y=name, axis=layer.axes[0])
        case Kind.PAD:
            value = int(np.clip(code.zero_point + np.rint(layer.value / code.scale), -128, 127))
            top, left, bottom, right = layer.pad
            return Pad(name=name, x=x, y=name, before=(top, left, 0), after=(bottom, right, 0), value=value)
        case Kind.TRANSPOSE:
            first, second, third = layer.axes
            return Transpose(name=name, x=x, y=name, order=(first, second, third))
        case Kind.RESIZE:
            return ResizeNearest(name=name, x=x, y=name)
        case Kind.MEAN:
            return Mean(name=name, x=x, y=name, axes=layer.axes)
        case _:
            return Reshape(name=name, x=x, y=name)


def _weighted(net: FloatNet, layer: Layer, codes: dict[str, Encoding]) -> Op:
    weight = net.weights[layer.name]
    scales = fitting_scales(layer, weight, net.biases[layer.name], codes[layer.xs[0]].scale)
    steps = quantized_weights(layer, weight, scales)
    bias = quantized_biases(layer, net.biases[layer.name], codes[layer.xs[0]].scale, scales)
    named = {"name": layer.name, "x": layer.xs[0], "y": layer.name}
    clip = clip_of(layer, codes[layer.name])
    match layer.kind:
        case Kind.DENSE:
            return Dense(**named, weight=steps, bias=bias, weight_scale=scales)
        case Kind.FULLY_CONNECTED:
            return FullyConnected(**named, weight=steps, bias=bias, weight_scale=scales, clip=clip)
        case Kind.DEPTHWISE:
            return Depthwise(
                **named, weight=steps, bias=bias, weight_scale=scales, stride=layer.stride, pad=layer.pad, clip=clip
            )
        case _:
            return Conv2d(
                **named, weight=steps, bias=bias, weight_scale=scales, stride=layer.stride, pad=layer.pad, clip=clip,
                groups=layer.groups,
            )  # fmt: skip


def _by_channel(layer: Layer, weight: Float64) -> Float64:
    """[O, weights of one output channel]."""
    if layer.kind is Kind.DEPTHWISE:
        return weight.reshape(-1, weight.shape[-1]).T
    return weight.reshape(weight.shape[0], -1)
