"""Which real values each map takes, and the scale and zero point that its int8 values get.

Rules (TFLite's int8 scheme, "TensorFlow Lite 8-bit quantization specification"):
- a map that is never negative reaches from 0 to its largest value, zero point -128: clipping is its ReLU;
- another map reaches from its least to its largest value and holds 0 exactly;
- pools, pads, joins and moves keep the scale of what they read, so that their maps share one range; a map joined
  that cannot share it (the network's input, a logistic curve's output) is requantised first.
Scales are float32 values; quotients are taken in double, rounded to nearest, halves to even.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import InputError
from fleet.node.model.float_net import Float64, FloatNet, float_maps
from fleet.node.model.graph import Curve, Int8
from fleet.node.model.zoo.structure import INPUT, Kind, Layer, NetSpec

SHARING: Final = (
    Kind.POOL, Kind.AVERAGE_POOL, Kind.MAX_POOL, Kind.PAD, Kind.RESHAPE, Kind.TRANSPOSE, Kind.RESIZE, Kind.CONCAT,
)  # fmt: skip
_BINS: Final = 4096  # of the histogram from which percentiles are read: finer than 1/16 of an int8 step
_MAP_STEPS: Final = 255
_AT_ONCE: Final = 2**24  # values of the largest map of the windows computed together: 128 MiB in double

Range = tuple[float, float]  # least and largest real value


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """real = scale * (q - zero_point). scale: a float32 value."""

    scale: float
    zero_point: int


def observed(net: FloatNet, x: Float64, percentile: float = 100.0) -> dict[str, Range]:
    """Least and largest value of every map over windows [N, H, W, C] in real units, by layer name.

    percentile: below 100, the share of values (in per cent) that stay below the upper end, and above the lower one.
    """
    if not 50 < percentile <= 100:
        raise InputError.one("percentile", f"expected above 50, at most 100, got {percentile}; 99.9 is usual")
    if not len(x):
        raise InputError.one("calibration", "expected at least one window, got none; give some like those to come")
    step = max(_AT_ONCE // max(h * w * c for h, w, c in net.spec.shapes.values()), 1)
    parts = [x[first : first + step] for first in range(0, len(x), step)]
    ends: dict[str, Range] = {}
    for part in parts:
        for name, values in float_maps(net, part).items():
            low, high = ends.get(name, (np.inf, -np.inf))
            ends[name] = min(low, float(values.min())), max(high, float(values.max()))
    return ends if percentile == 100 else _percentiles(net, parts, ends, percentile)


def _percentiles(net: FloatNet, parts: list[Float64], ends: dict[str, Range], percentile: float) -> dict[str, Range]:
    counts = {name: np.zeros(_BINS, dtype=np.int64) for name in ends}
    for part in parts:
        for name, values in float_maps(net, part).items():
            counts[name] += np.histogram(values, bins=_BINS, range=ends[name])[0]
    return {name: _inner(counts[name], ends[name], percentile / 100) for name in ends}


def _inner(counts: NDArray[np.int64], ends: Range, share: float) -> Range:
    """The range in which `share` of the values stay below the upper end and as many above the lower one."""
    low, high = ends
    edges = np.linspace(low, high, _BINS + 1)
    below = np.cumsum(counts) / counts.sum()
    first, last = np.searchsorted(below, 1 - share, side="right"), np.searchsorted(below, share)
    return float(edges[first]), float(edges[last + 1])


def encodings(spec: NetSpec, ranges: dict[str, Range], source: Encoding) -> dict[str, Encoding]:
    """Scale and zero point of every map by layer name, the input's (source) under "input"."""
    groups = _groups(spec)
    fixed = {groups[INPUT]: source}
    for layer in spec.layers:
        if (own := _fixed(layer)) is not None:
            fixed[groups[layer.name]] = own
    joined: dict[str, Range] = {}
    for name, (low, high) in ranges.items():
        least, largest = joined.get(groups[name], (0.0, 0.0))
        joined[groups[name]] = min(least, low), max(largest, high)
    return {name: fixed.get(root) or encoding(joined[root]) for name, root in groups.items()}


def encoding(ends: Range) -> Encoding:
    """Scale and zero point of a map with these ends; 0 is always among its values."""
    low, high = min(ends[0], 0.0), max(ends[1], 0.0)
    if low == 0:
        return Encoding(scale=float32((high if high > 0 else 1.0) / _MAP_STEPS), zero_point=-128)
    scale = float32((high - low) / _MAP_STEPS)
    return Encoding(scale=scale, zero_point=int(np.clip(np.rint(-128 - low / scale), -128, 127)))


def requantised(layer: Layer, codes: dict[str, Encoding]) -> tuple[str, ...]:
    """The maps that a join must requantise before it can read them."""
    return tuple(x for x in layer.xs if layer.kind is Kind.CONCAT and codes[x] != codes[layer.name])


def real_values(windows: Int8, source: Encoding) -> Float64:
    """int8 windows in real units."""
    return source.scale * (windows.astype(np.float64) - source.zero_point)


def float32(value: float) -> float:
    """The nearest float32 value."""
    return float(np.float32(value))


def _fixed(layer: Layer) -> Encoding | None:
    """The encoding that TFLite prescribes for what a layer makes, or that its value needs."""
    if layer.kind is Kind.CURVE and layer.curve is Curve.LOGISTIC:
        return Encoding(scale=1 / 256, zero_point=-128)
    if layer.kind is Kind.CONSTANT:
        return Encoding(scale=float32(abs(layer.value) / 127) if layer.value else 1.0, zero_point=0)
    return None


def _groups(spec: NetSpec) -> dict[str, str]:
    """For every map the first map of those that share its scale."""
    first = {INPUT: INPUT}
    prescribed = {INPUT, *(layer.name for layer in spec.layers if _fixed(layer) is not None)}
    for layer in spec.layers:
        first[layer.name] = layer.name
        roots = {first[x] for x in layer.xs} if layer.kind in SHARING else set()
        free = roots - prescribed if len(roots) > 1 else roots  # what is prescribed cannot be shared with others
        for root in sorted(free):
            first = {name: layer.name if old == root else old for name, old in first.items()}
            if root in prescribed:
                prescribed.add(layer.name)
    return first
