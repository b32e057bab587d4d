"""Torch's layers with weights: convolutions, linear layers, batch norm folded into them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from fleet.node.model.float_net import Float64
from fleet.node.model.torch.building import Building, Value, planes
from fleet.node.model.torch.calls import Call
from fleet.node.model.zoo.structure import WEIGHTED, Clip, Kind, Layer

Pad = tuple[int, int, int, int]


def conv(net: Building, call: Call) -> Value:
    """A convolution; depthwise where every group reads one channel."""
    x = call.inputs[0]
    weight = doubles(call.args["weight"])
    weight = weight[..., None] if weight.ndim == 3 else weight  # over time: one column
    outputs, inside, *kernel = weight.shape
    groups = int(call.args.get("groups", 1))
    if set(pair(call.args.get("dilation", 1), 1)) != {1}:
        raise call.refused("dilation 1", f"{call.args['dilation']}", "use a larger kernel or a stride")
    if call.args.get("padding_mode", "zeros") != "zeros":
        raise call.refused("padding with zeros", str(call.args["padding_mode"]), "change padding_mode")
    x, pad = _unpadded(net, x, _padding(call, kernel))
    depthwise = groups > 1 and inside == 1
    layer = Layer(
        name=call.name,
        kind=Kind.DEPTHWISE if depthwise else Kind.CONV,
        inputs=inside * groups,
        outputs=outputs,
        kernel=(kernel[0], kernel[1]),
        stride=sides(call.args.get("stride", 1), call.dims, 1),
        pad=pad,
        groups=1 if depthwise else groups,
        xs=(x.layer,),
    )
    stored = weight[:, 0].transpose(1, 2, 0) if depthwise else weight.transpose(0, 2, 3, 1)
    return net.append(layer, call.dims, stored, _bias(call, outputs))


def linear(net: Building, call: Call) -> Value:
    """A dense layer, which reads a flattened map where it lies."""
    x, weight = call.inputs[0], doubles(call.args["weight"])
    if len(x.dims) != 1:
        raise call.refused("a vector for each window", f"{list(x.dims)}", "flatten it first")
    if x.order is not None:
        weight = weight[:, x.order]
    layer = Layer(
        name=call.name, kind=Kind.FULLY_CONNECTED, inputs=weight.shape[1], outputs=weight.shape[0], xs=(x.layer,)
    )
    return net.append(layer, call.dims, weight, _bias(call, weight.shape[0]))


def batch_norm(net: Building, call: Call) -> Value:
    """Folded into the layer before it, else a depthwise layer of one tap."""
    x: Value = call.inputs[0]
    if call.args.get("running_mean") is None:
        raise call.refused("statistics learned in training", "none", "set track_running_stats")
    if call.args.get("training", False):
        remedy = "write training=self.training in the call, or use nn.BatchNorm2d"
        raise call.refused("statistics learned in training", "those of each batch (training=True)", remedy)
    mean, variance = doubles(call.args["running_mean"]), doubles(call.args["running_var"])
    gain, shift = call.args.get("weight"), call.args.get("bias")
    factor = (1.0 if gain is None else doubles(gain)) / np.sqrt(variance + float(call.args.get("eps", 1e-5)))
    offset = (0.0 if shift is None else doubles(shift)) - mean * factor
    before = net.layers.get(x.layer)
    if before and before.kind in WEIGHTED and before.clip is Clip.NONE and x.alone:
        weight, bias = net.weights[x.layer], net.biases[x.layer]
        scaled = factor if before.kind is Kind.DEPTHWISE else factor.reshape(-1, *[1] * (weight.ndim - 1))
        net.weights[x.layer], net.biases[x.layer] = weight * scaled, bias * factor + offset
        return x
    x = net.laid_out(f"{call.name}.ordered", x)
    channels = planes(x.dims)[0]
    layer = Layer(name=call.name, kind=Kind.DEPTHWISE, inputs=channels, outputs=channels, xs=(x.layer,))
    return net.append(layer, call.dims, factor[None, None], offset)


def pair(value: Any, missing: int) -> tuple[int, int]:
    """Torch's `k`, `(k,)` or `(k, l)` as (down, right); missing: right, where a signal has none."""
    if isinstance(value, int):
        return value, value
    sides = [int(side) for side in value]
    return (sides[0], sides[1]) if len(sides) == 2 else (sides[0], missing)


def sides(value: Any, dims: Sequence[int], missing: int) -> tuple[int, int]:
    """As `pair`, where a lone number of a signal counts down only."""
    down, right = pair(value, missing)
    return (down, missing) if len(dims) < 3 else (down, right)


def doubles(values: torch.Tensor) -> Float64:
    return np.asarray(values.detach().numpy(), np.float64).copy()


def _bias(call: Call, outputs: int) -> Float64:
    bias = call.args.get("bias")
    return np.zeros(outputs) if bias is None else doubles(bias)


def _padding(call: Call, kernel: Sequence[int]) -> Pad:
    padding = call.args.get("padding", 0)
    if padding == "valid":
        return 0, 0, 0, 0
    if padding == "same":  # torch puts the larger half last
        (down, right) = (side - 1 for side in kernel)
        return down // 2, right // 2, down - down // 2, right - right // 2
    down, right = sides(padding, call.dims, 0)
    return down, right, down, right


def _unpadded(net: Building, x: Value, pad: Pad) -> tuple[Value, Pad]:
    """A border of zeros that only this convolution reads becomes its own."""
    before = net.layers.get(x.layer)
    if before is None or before.kind is not Kind.PAD or before.value != 0 or not x.alone:
        return x, pad
    del net.layers[x.layer]
    top, left, bottom, right = (a + b for a, b in zip(before.pad, pad, strict=True))
    return replace(x, layer=before.xs[0]), (top, left, bottom, right)
