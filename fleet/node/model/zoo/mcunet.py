"""Published int8 weights of MCUNet-5FPS, MobileNetV2-w0.35 and ProxylessNAS-w0.3, ImageNet, as a Graph.

Read from two files without pickle: NAME.json holds the structure and the scales, {"__array__": key} in it points into
NAME.npz. Weights are int8 [O, I / groups, KH, KW] with one scale per output channel, biases int32, activations have
one scale and zero point per tensor; a scale of 6/255 with zero point -128 is the ReLU6. The structure of the zoo is
the one built; the files must agree with it.
Source: Lin et al., "On-device training under 256 KB memory", 2022, and its published models (MIT licence).

Channels whose batch norm had died have weight scales of 4e-9 to 5e-8 and int32 biases beyond 2^30, some saturated at
2^31: an accumulator could overflow. Such a channel gets a scale twice as large, half the bias and half the weights:
the same real values but for the weights' last bit, and its weights together move an output by less than 1/20 of a
step. Where twice the scale would no longer count as dead (training skips dead channels), the scale stays just below
and the bias is clamped at 2^30; those channels lie deep in saturation. What comes out is constant for any input, and
the same constant before and after; the tests prove it channel by channel.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.base.arrays import read_arrays
from fleet.base.errors import InputError
from fleet.base.places import path_of
from fleet.node.model.graph import (
    BIAS_LIMIT,
    DEAD_SCALE,
    Add,
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
from fleet.node.model.quantize import HEAD_HEADROOM, LOGIT_SCALE
from fleet.node.model.ranges import Encoding, float32
from fleet.node.model.zoo.mobile import BOTTLENECKS
from fleet.node.model.zoo.registry import zoo_net
from fleet.node.model.zoo.structure import INPUT, Kind, Layer, NetSpec, Shape

PUBLISHED: Final = ("mcunet-5fps", "mbv2-w0.35", "proxyless-w0.3")
_PARTS: Final = {"pw1": "pointwise1", "dw": "depthwise", "pw2": "pointwise2", "add": "residual"}
_REMEDY: Final = f"name NAME.json beside NAME.npz, of {', '.join(PUBLISHED)}"
_STILL_DEAD: Final = float(np.nextafter(np.float32(DEAD_SCALE), np.float32(0)))

Entry = dict[str, Any]


class _Odd(ValueError):
    """The files can be read but do not hold this network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """weight: as a Graph stores it. bias: int32 [O]. scale: float32 [O]."""

    weight: Int8
    bias: Int32
    scale: Float32


def load_mcunet(path: Path | str, *, classes: int | None = None, shape: Shape | None = None) -> Graph:
    """The published network of NAME.json and the NAME.npz beside it.

    classes: None for the 1000 of ImageNet; otherwise a fresh head of zeros for that many, its scale twice that of
    the head it replaces, so that training has room. shape: of the input, (128, 128, 3) unless given.
    InputError when a file is absent, damaged or holds another network.
    """
    path = path_of(path, _REMEDY)
    name = path.stem
    if name not in PUBLISHED:
        raise InputError.one(str(path), f"expected a file of {', '.join(PUBLISHED)}, got {path.name}; {_REMEDY}")
    entries, arrays = _read(path)
    try:
        return _Reading(zoo_net(name, shape=shape), entries, arrays).graph(classes)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as fault:
        reason = str(fault) if isinstance(fault, _Odd) else f"entries that cannot be read ({fault})"
        raise InputError.one(str(path), f"expected the int8 network {name}, got {reason}; {_REMEDY}") from fault


def _read(path: Path) -> tuple[Entry, dict[str, NDArray[Any]]]:
    try:
        entries = json.loads(path.read_bytes())
        names = list(_pointers(entries))
    except (OSError, ValueError, RecursionError) as fault:
        raise InputError.one(str(path), f"expected a JSON file, got none that can be read; {_REMEDY}") from fault
    if not isinstance(entries, dict):
        raise InputError.one(str(path), f"expected a mapping, got a {type(entries).__name__}; {_REMEDY}")
    return entries, read_arrays(path.with_suffix(".npz"), names, remedy=_REMEDY)


def _pointers(value: Any) -> list[str]:
    """Keys of the arrays that a structure points to."""
    if isinstance(value, dict):
        if "__array__" in value:
            return [str(value["__array__"])]
        value = list(value.values())
    return [key for part in value for key in _pointers(part)] if isinstance(value, list) else []


def without_overflow(values: Values) -> Values:
    """The same layer with every bias within 2^30: how, and why nothing changes, is said at the top of this file."""
    large = np.abs(values.bias.astype(np.float64)) > BIAS_LIMIT
    if not large.any():
        return values
    if (odd := values.scale[large].max()) >= DEAD_SCALE:
        raise _Odd(f"a bias beyond 2^30 in a channel that is not dead (weight scale {odd:.3g})")
    scale = np.where(large, np.minimum(2 * values.scale, np.float32(_STILL_DEAD)), values.scale).astype(np.float32)
    factor = values.scale.astype(np.float64) / scale
    by_output = factor if values.weight.ndim == 3 else factor.reshape(-1, *[1] * (values.weight.ndim - 1))
    return Values(
        weight=np.rint(values.weight * by_output).astype(np.int8),
        bias=np.clip(np.rint(values.bias * factor), -BIAS_LIMIT, BIAS_LIMIT).astype(np.int32),
        scale=scale,
    )


class _Reading:
    """One network while it is read: entries of the files and the maps made so far."""

    def __init__(self, spec: NetSpec, entries: Entry, arrays: dict[str, NDArray[Any]]) -> None:
        self.spec, self.entries, self.arrays = spec, entries, arrays
        self.codes: dict[str, Encoding] = {INPUT: _code(entries["first_conv"]["params"], "x")}

    def graph(self, classes: int | None) -> Graph:
        if len(self.entries["blocks"]) != len(BOTTLENECKS[self.spec.name]) + 1:
            raise _Odd(f"{len(self.entries['blocks'])} blocks")
        ops = [self._operator(layer) for layer in self.spec.layers[:-1]]
        head = self._head(self.spec.layers[-1])
        if classes is not None:
            head = _fresh(head, zoo_net(self.spec.name, classes).classes)
        self.codes[head.y] = Encoding(scale=LOGIT_SCALE, zero_point=0)
        shapes = self.spec.shapes | {head.y: (1, 1, int(head.bias.size))}
        tensors = tuple(
            Tensor(name=name, shape=shapes[name], scale=code.scale, zero_point=code.zero_point)
            for name, code in self.codes.items()
        )
        return Graph(name=self.spec.name, tensors=tensors, ops=(*ops, head))

    def _operator(self, layer: Layer) -> Op:
        x = layer.xs[0]
        if layer.kind is Kind.POOL:
            self.codes[layer.name] = self.codes[x]
            return GlobalAveragePool(name=layer.name, x=x, y=layer.name)
        entry = self._entry(layer)
        self.codes[layer.name] = _code(entry["params"], "y")
        if layer.kind is Kind.ADD:
            self._agrees(layer, layer.xs[1], entry["params"])
            return Add(name=layer.name, x=x, x2=layer.xs[1], y=layer.name)
        self._agrees(layer, x, entry["params"])
        values = without_overflow(self._values(layer, entry))
        make = Conv2d if layer.kind is Kind.CONV else Depthwise
        return make(
            name=layer.name, x=x, y=layer.name, weight=values.weight, bias=values.bias, weight_scale=values.scale,
            stride=layer.stride, pad=layer.pad,
        )  # fmt: skip

    def _head(self, layer: Layer) -> Dense:
        entry = self.entries["classifier"]
        self._agrees(layer, layer.xs[0], entry["params"])
        values = without_overflow(self._values(layer, entry))
        return Dense(
            name=layer.name, x=layer.xs[0], y=layer.name, weight=values.weight, bias=values.bias,
            weight_scale=values.scale,
        )  # fmt: skip

    def _entry(self, layer: Layer) -> Entry:
        block, _, part = layer.name.partition(".")
        blocks = self.entries["blocks"]
        found: Entry = blocks[int(block.removeprefix("block"))][_PARTS[part]] if part else self.entries["first_conv"]
        if not isinstance(found, dict):
            raise _Odd(f"nothing for {layer.name}")
        if layer.kind is not Kind.ADD and int(found["stride"]) != layer.stride[0]:
            raise _Odd(f"a stride of {found['stride']} for {layer.name}")
        return found

    def _values(self, layer: Layer, entry: Entry) -> Values:
        weight, bias, scale = (
            self.arrays[entry["params"][key]["__array__"]] for key in ("weight", "bias", "w_scales")
        )  # fmt: skip
        if (kinds := [str(array.dtype) for array in (weight, bias, scale)]) != ["int8", "int32", "float32"]:
            raise _Odd(f"weights, biases and scales of {', '.join(kinds)} for {layer.name}")
        stored = weight[:, 0].transpose(1, 2, 0) if layer.kind is Kind.DEPTHWISE else weight.transpose(0, 2, 3, 1)
        stored = stored[:, 0, 0] if layer.kind is Kind.DENSE else stored
        if stored.shape != layer.weight_shape or bias.shape != scale.shape or bias.shape != (layer.outputs,):
            raise _Odd(f"weights {list(weight.shape)} for {layer.name}")
        if stored.min() < -127 or not (np.isfinite(scale).all() and (scale > 0).all()):
            raise _Odd(f"a weight of -128 or a weight scale that is not positive for {layer.name}")
        return Values(weight=np.ascontiguousarray(stored), bias=bias, scale=scale)

    def _agrees(self, layer: Layer, x: str, params: Entry) -> None:
        """Raises unless what a layer says about its input is what made that input says about it."""
        if (said := _code(params, "x")) != self.codes[x]:
            raise _Odd(f"scale {said.scale:.6g} and zero point {said.zero_point} for what {layer.name} reads")


def _code(params: Entry, which: str) -> Encoding:
    scale, zero = float32(params[f"{which}_scale"]), int(params[f"{which}_zero"])
    if not (0 < scale < np.inf and -128 <= zero <= 127):
        raise _Odd(f"scale {scale} and zero point {zero}")
    return Encoding(scale=scale, zero_point=zero)


def _fresh(head: Dense, classes: int) -> Dense:
    scale = np.float32(HEAD_HEADROOM * float(head.weight_scale.max()))
    return Dense(
        name=head.name,
        x=head.x,
        y=head.y,
        weight=np.zeros((classes, head.weight.shape[1]), dtype=np.int8),
        bias=np.zeros(classes, dtype=np.int32),
        weight_scale=np.full(classes, scale, dtype=np.float32),
    )
