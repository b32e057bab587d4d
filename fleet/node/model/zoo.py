"""Networks by name, as lists of layers before any weight exists, and the int8 models that ship.

Shapes are (H, W, C); a signal over time has W = 1. Every convolution is followed by ReLU.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Final

from fleet.base.errors import InputError
from fleet.base.places import package_data
from fleet.node.model.graph import Graph
from fleet.node.model.graph_file import load_graph


class Kind(Enum):
    """What a layer computes."""

    CONV = "conv"
    DEPTHWISE = "depthwise"
    POOL = "pool"
    DENSE = "dense"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer, named as the operator it becomes. inputs, outputs: channels. kernel, stride, pad: (down, right)."""

    name: str
    kind: Kind
    inputs: int
    outputs: int
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """As a Graph stores it: conv [O, KH, KW, I], depthwise [KH, KW, C], dense [O, I], pool none."""
        match self.kind:
            case Kind.CONV:
                return (self.outputs, *self.kernel, self.inputs)
            case Kind.DEPTHWISE:
                return (*self.kernel, self.outputs)
            case Kind.DENSE:
                return (self.outputs, self.inputs)
            case Kind.POOL:
                return ()

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the map this layer makes of a map of that size."""
        if self.kind in (Kind.POOL, Kind.DENSE):
            return 1, 1
        down = (height + 2 * self.pad[0] - self.kernel[0]) // self.stride[0] + 1
        right = (width + 2 * self.pad[1] - self.kernel[1]) // self.stride[1] + 1
        return down, right


@dataclass(frozen=True, slots=True, kw_only=True)
class NetSpec:
    """A network without weights: layers in order, each reading the one before; the last is the dense head."""

    name: str
    input_shape: tuple[int, int, int]
    layers: tuple[Layer, ...]

    @property
    def classes(self) -> int:
        return self.layers[-1].outputs

    @property
    def weighted(self) -> tuple[Layer, ...]:
        return tuple(layer for layer in self.layers if layer.kind is not Kind.POOL)


def imu_ds_cnn(classes: int) -> NetSpec:
    """The depthwise-separable net for 2 s of six-axis motion: 17,359 parameters and 154,424 MACs with 7 classes."""
    return _separable_net(
        "imu-ds-cnn", (50, 1, 6), stem=24, blocks=((48, 2), (64, 1), (64, 2), (96, 1)), classes=classes
    )


ZOO: Final[dict[str, Callable[[int], NetSpec]]] = {"imu-ds-cnn": imu_ds_cnn}


def zoo_net(name: str, classes: int) -> NetSpec:
    """The network of this name with that many classes."""
    if name not in ZOO:
        near = get_close_matches(name, ZOO, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "choose one of them"
        raise InputError.one("model.zoo", f"expected one of {', '.join(ZOO)}, got {name!r}; {hint}")
    return ZOO[name](classes)


def shipped_path(zoo: str, data: str, draw: int) -> Path:
    """Where the model pretrained for this net, data set and draw lies in the package, whether or not it does."""
    return package_data("node", "model", "shipped", f"{zoo}.{data}.{draw}.npz")


def shipped_model(zoo: str, data: str, draw: int) -> Graph:
    """The int8 model that ships for this net, data set and draw; InputError when there is none."""
    path = shipped_path(zoo, data, draw)
    if not path.is_file():
        text = f"expected a model of {zoo} for {data}, draw {draw}, got none shipped; name a file of `fleet prepare`"
        raise InputError.one("model.pretrained", text)
    return load_graph(path)


def _separable_net(
    name: str, shape: tuple[int, int, int], *, stem: int, blocks: Sequence[tuple[int, int]], classes: int
) -> NetSpec:
    """A 5-tap stem, then blocks of a 5-tap depthwise and a pointwise layer, over time; (channels, stride) each."""
    taps: Final = {"kernel": (5, 1), "pad": (2, 0)}
    layers = [Layer(name="stem", kind=Kind.CONV, inputs=shape[2], outputs=stem, stride=(2, 1), **taps)]
    before = stem
    for number, (channels, stride) in enumerate(blocks, start=1):
        block = f"block{number}"
        layers += [
            Layer(name=f"{block}.dw", kind=Kind.DEPTHWISE, inputs=before, outputs=before, stride=(stride, 1), **taps),
            Layer(name=f"{block}.pw", kind=Kind.CONV, inputs=before, outputs=channels),
        ]
        before = channels
    layers += [
        Layer(name="pool", kind=Kind.POOL, inputs=before, outputs=before),
        Layer(name="head", kind=Kind.DENSE, inputs=before, outputs=classes),
    ]
    return NetSpec(name=name, input_shape=shape, layers=tuple(layers))
