"""What each layer of a network computes, in torch: maps [N, H, W, C], weights in the Graph's layouts.

In double precision convolutions are slices and matrix products: torch's own convolutions in double are several times
slower on small maps. In single precision they are torch's own, which read these layouts as they lie (channels last).
"""

import torch
from torch.nn import functional

from fleet.node.model.graph import Curve
from fleet.node.model.zoo.structure import Clip, Kind, Layer, NetSpec


def products(layer: Layer, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The map of a layer that owns weights, before bias and clip."""
    if layer.kind in (Kind.DENSE, Kind.FULLY_CONNECTED):
        return functional.linear(x.flatten(1), weight)[:, None, None]
    if x.dtype == torch.float64 and layer.groups == 1 and (layer.kind is Kind.CONV or layer.inputs == layer.outputs):
        return _sliced(layer, x, weight)
    theirs = weight.permute(2, 0, 1)[:, None] if layer.kind is Kind.DEPTHWISE else weight.permute(0, 3, 1, 2)
    groups = layer.inputs if layer.kind is Kind.DEPTHWISE else layer.groups
    top, left, bottom, right = layer.pad
    planes = functional.pad(x, (0, 0, left, right, top, bottom)).permute(0, 3, 1, 2)
    return functional.conv2d(planes, theirs, stride=layer.stride, groups=groups).permute(0, 2, 3, 1)


def clipped(layer: Layer, y: torch.Tensor) -> torch.Tensor:
    """The layer's own ReLU or ReLU6."""
    match layer.clip:
        case Clip.RELU:
            return functional.relu(y)
        case Clip.RELU6:
            return functional.relu6(y)
        case _:
            return y


def combined(spec: NetSpec, layer: Layer, xs: list[torch.Tensor]) -> torch.Tensor:
    """The map of a layer without weights, before its clip."""
    x = xs[0] if xs else torch.empty(0)
    match layer.kind:
        case Kind.ADD:
            return xs[0] + xs[1]
        case Kind.MUL:
            return xs[0] * xs[1]
        case Kind.POOL:
            return x.mean(dim=(1, 2), keepdim=True)
        case Kind.MEAN:
            return x.mean(dim=tuple(axis + 1 for axis in layer.axes), keepdim=True)
        case Kind.CONCAT:
            return torch.cat(xs, dim=layer.axes[0] + 1)
        case Kind.AVERAGE_POOL | Kind.MAX_POOL:
            return _pooled(layer, x)
        case Kind.CURVE:
            return _curve(layer.curve, x)
        case Kind.CONSTANT:
            return torch.full((1, 1, 1, 1), layer.value)
        case _:
            return _moved(spec, layer, x)


def _moved(spec: NetSpec, layer: Layer, x: torch.Tensor) -> torch.Tensor:
    top, left, bottom, right = layer.pad
    shape = spec.shapes[layer.name]
    match layer.kind:
        case Kind.PAD:
            return functional.pad(x, (0, 0, left, right, top, bottom), value=layer.value)
        case Kind.TRANSPOSE:
            return x.permute(0, *(axis + 1 for axis in layer.axes))
        case Kind.RESIZE:
            rows, columns = (torch.arange(shape[i]) * x.shape[i + 1] // shape[i] for i in (0, 1))
            return x[:, rows][:, :, columns]
        case _:
            return x.reshape(-1, *shape)


def _pooled(layer: Layer, x: torch.Tensor) -> torch.Tensor:
    """A pool over the places on the map only."""
    top, left, bottom, right = layer.pad
    around = (left, right, top, bottom)
    planes = x.permute(0, 3, 1, 2)
    if layer.kind is Kind.MAX_POOL:
        padded = functional.pad(planes, around, value=float("-inf"))
        return functional.max_pool2d(padded, layer.kernel, layer.stride).permute(0, 2, 3, 1)
    real = functional.avg_pool2d(functional.pad(torch.ones_like(planes[:1, :1]), around), layer.kernel, layer.stride)
    mean = functional.avg_pool2d(functional.pad(planes, around), layer.kernel, layer.stride)
    return (mean / real).permute(0, 2, 3, 1)


def _curve(curve: Curve | None, x: torch.Tensor) -> torch.Tensor:
    match curve:
        case Curve.RELU:
            return functional.relu(x)
        case Curve.RELU6:
            return functional.relu6(x)
        case Curve.LOGISTIC:
            return torch.sigmoid(x)
        case Curve.HARD_SWISH:
            return functional.hardswish(x)
        case _:
            return x


def _sliced(layer: Layer, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Convolution or depthwise convolution as slices of the map and one matrix product."""
    (top, left, bottom, right), (down, across) = layer.pad, layer.stride
    height, width = layer.out_size(x.shape[1], x.shape[2])
    padded = functional.pad(x, (0, 0, left, right, top, bottom))
    taps = [
        padded[:, i : i + down * (height - 1) + 1 : down, j : j + across * (width - 1) + 1 : across]
        for i in range(layer.kernel[0])
        for j in range(layer.kernel[1])
    ]
    if layer.kind is Kind.DEPTHWISE:
        weighed = [tap * of_tap for tap, of_tap in zip(taps, weight.flatten(0, 1), strict=True)]
        return torch.stack(weighed).sum(dim=0)
    return functional.linear(torch.cat(taps, dim=3) if len(taps) > 1 else taps[0], weight.flatten(1))
