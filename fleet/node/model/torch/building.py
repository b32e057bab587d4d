"""A float network while it is read from torch call by call."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fleet.node.model.float_net import Float64, FloatNet
from fleet.node.model.zoo.structure import INPUT, Clip, Kind, Layer, NetSpec, Shape, map_shape

Dims = tuple[int, ...]
ORDER = (2, 0, 1)  # where torch's axes C, H, W lie in a map (H, W, C)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a torch call made. layer: whose map holds it. dims: torch's shape without the batch.

    order: of a flattened map, torch's index of each of its values as the map lies; None where both agree.
    alone: nobody else reads the map.
    """

    layer: str
    dims: Dims
    order: NDArray[np.int64] | None = None
    alone: bool = True


def planes(dims: Dims) -> tuple[int, int, int]:
    """Torch's shape as (C, H, W): a vector is (F, 1, 1), a signal (C, L) is (C, L, 1)."""
    channels, height, width = (*dims, 1, 1)[: max(len(dims), 3)]
    return channels, height, width


def map_of(dims: Dims) -> Shape:
    """The map (H, W, C) that holds this shape of torch."""
    channels, height, width = planes(dims)
    return height, width, channels


@dataclass(slots=True)
class Building:
    """Layers so far, their weights and the shapes of their maps. softened: a softmax at the end was dropped."""

    input_shape: Shape
    layers: dict[str, Layer] = field(default_factory=dict)
    weights: dict[str, Float64] = field(default_factory=dict)
    biases: dict[str, Float64] = field(default_factory=dict)
    softened: bool = False

    def shape(self, name: str) -> Shape:
        if name == INPUT:
            return self.input_shape
        layer = self.layers[name]
        return map_shape(layer, [self.shape(x) for x in layer.xs])

    def append(self, layer: Layer, dims: Dims, weight: Float64 | None = None, bias: Float64 | None = None) -> Value:
        """The layer's map as the value of a call."""
        self.layers[layer.name] = layer
        if weight is not None and bias is not None:
            self.weights[layer.name], self.biases[layer.name] = weight, bias
        return Value(layer=layer.name, dims=dims)

    def changed(self, value: Value, layer: Layer) -> Value:
        """The same map with something more done to it in its own layer."""
        self.layers[value.layer] = layer
        return replace(value, alone=True)

    def combined(self, name: str, kind: Kind, xs: Sequence[str], dims: Dims, clip: Clip = Clip.NONE) -> Value:
        """A sum or a product of two maps."""
        channels = self.shape(xs[0])[2]
        layer = Layer(name=name, kind=kind, inputs=channels, outputs=max(channels, self.shape(xs[1])[2]), xs=tuple(xs))
        return self.append(replace(layer, clip=clip), dims)

    def constant(self, value: float) -> str:
        """The name of a map of this one value."""
        name = f"constant {value!r}"
        if name not in self.layers:
            self.layers[name] = Layer(name=name, kind=Kind.CONSTANT, inputs=1, outputs=1, value=value)
        return name

    def laid_out(self, name: str, value: Value) -> Value:
        """The value in a map of its own dims: a flattened map is put into torch's order."""
        if value.order is None:
            return value
        return self.reshaped(name, replace(value, dims=self._unflattened(value), order=None), value.dims)

    def reshaped(self, name: str, value: Value, dims: Dims) -> Value:
        """The same values, in torch's order, under another shape."""
        old, new = planes(value.dims), planes(dims)
        if old == new and value.order is None:
            return replace(value, dims=dims)
        if value.order is not None:
            value = self.laid_out(f"{name}.ordered", value)
            old = planes(value.dims)
        if old[0] == new[0]:  # places of one channel stay in order
            return self._reshape(name, value.layer, map_of(dims), dims)
        if self._rows_ordered(value, new):
            return self._reshape(name, value.layer, map_of(dims), dims)
        straight = value.layer if old[1:] == (1, 1) else self._transpose(f"{name}.planes", value.layer, (2, 0, 1))
        if new[1:] == (1, 1):
            return self._reshape(name, straight, map_of(dims), dims)
        parts = self._reshape(f"{name}.parts", straight, new, dims)
        return Value(layer=self._transpose(name, parts.layer, (1, 2, 0)), dims=dims)

    def flattened(self, value: Value) -> Value:
        """A vector of a map's values where they lie, with torch's order noted."""
        channels, height, width = planes(value.dims)
        dims = (channels * height * width,)
        if value.order is not None or (height, width) == (1, 1):
            return replace(value, dims=dims)
        order = np.arange(dims[0]).reshape(channels, height, width).transpose(1, 2, 0).ravel()
        return replace(value, dims=dims, order=order)

    def transposed(self, name: str, value: Value, order: tuple[int, int, int], dims: Dims) -> Value:
        """Axes in another order; order: of the map's axes."""
        return Value(layer=self._transpose(name, value.layer, order), dims=dims)

    def net(self, name: str) -> FloatNet:
        """What has been read."""
        spec = NetSpec(name=name, input_shape=self.input_shape, layers=tuple(self.layers.values()))
        return FloatNet(spec=spec, weights=self.weights, biases=self.biases)

    def _rows_ordered(self, value: Value, new: tuple[int, int, int]) -> bool:
        """Whether the outputs of a dense layer, which only this call reads, could be put where their map needs them."""
        layer = self.layers.get(value.layer)
        if layer is None or layer.kind is not Kind.FULLY_CONNECTED or not value.alone:
            return False
        rows = np.arange(layer.outputs).reshape(new).transpose(1, 2, 0).ravel()
        self.weights[layer.name], self.biases[layer.name] = (
            self.weights[layer.name][rows],
            self.biases[layer.name][rows],
        )
        return True

    def _unflattened(self, value: Value) -> Dims:
        height, width, channels = self.shape(value.layer)
        return channels, height, width

    def _reshape(self, name: str, x: str, shape: Shape, dims: Dims) -> Value:
        inputs = self.shape(x)[2]
        layer = Layer(name=name, kind=Kind.RESHAPE, inputs=inputs, outputs=shape[2], xs=(x,), shape=shape)
        return self.append(layer, dims)

    def _transpose(self, name: str, x: str, axes: tuple[int, int, int]) -> str:
        shape = self.shape(x)
        layer = Layer(
            name=name, kind=Kind.TRANSPOSE, inputs=shape[2], outputs=shape[axes[2]], xs=(x,), axes=axes
        )  # fmt: skip
        self.layers[name] = layer
        return name
