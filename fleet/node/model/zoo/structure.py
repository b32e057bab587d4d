"""Networks before any weight exists: layers in order, the shapes of their maps, work and parameters.

A layer becomes the operator of its name in a Graph. Shapes are (H, W, C); a signal over time has W = 1.
"""

from dataclasses import dataclass, field, replace
from enum import Enum
from math import prod

from fleet.node.model.graph import Curve

Shape = tuple[int, int, int]
INPUT = "input"  # the name under which layers read the network's input


class Kind(Enum):
    """What a layer computes: the operators of a Graph that a trained float network needs."""

    CONV = "conv"
    DEPTHWISE = "depthwise"
    FULLY_CONNECTED = "fully_connected"
    DENSE = "dense"  # the classifier's head
    ADD = "add"
    MUL = "mul"
    POOL = "pool"  # mean over all positions
    AVERAGE_POOL = "average_pool"
    MAX_POOL = "max_pool"
    MEAN = "mean"
    CONCAT = "concat"
    PAD = "pad"
    RESHAPE = "reshape"
    TRANSPOSE = "transpose"
    RESIZE = "resize"  # to the nearest place
    CURVE = "curve"
    CONSTANT = "constant"


class Clip(Enum):
    """What follows a layer and costs nothing, because an int8 map ends where it ends."""

    NONE = "none"
    RELU = "relu"
    RELU6 = "relu6"


WEIGHTED = (Kind.CONV, Kind.DEPTHWISE, Kind.FULLY_CONNECTED, Kind.DENSE)
WINDOWED = (Kind.CONV, Kind.DEPTHWISE, Kind.AVERAGE_POOL, Kind.MAX_POOL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer. xs: names of the layers it reads; none for the one before.

    inputs, outputs: channels; of a dense layer, all values. kernel, stride: (down, right).
    pad: (top, left, bottom, right), of zeros or of `value`. groups: of a convolution. clip: also of add and mul.
    curve: of CURVE. axes: of MEAN, of CONCAT (one), the order of TRANSPOSE. shape: what RESHAPE and RESIZE make.
    value: a CONSTANT's and a PAD's.
    """

    name: str
    kind: Kind
    inputs: int
    outputs: int
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1
    clip: Clip = Clip.NONE
    xs: tuple[str, ...] = ()
    curve: Curve | None = None
    axes: tuple[int, ...] = ()
    shape: Shape | None = None
    value: float = 0.0

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """As a Graph stores it: conv [O, KH, KW, I / groups], depthwise [KH, KW, O], dense [O, I], others none."""
        match self.kind:
            case Kind.CONV:
                return (self.outputs, *self.kernel, self.inputs // self.groups)
            case Kind.DEPTHWISE:
                return (*self.kernel, self.outputs)
            case Kind.DENSE | Kind.FULLY_CONNECTED:
                return (self.outputs, self.inputs)
            case _:
                return ()

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return prod(self.weight_shape) + self.outputs if self.weight_shape else 0

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the map this layer makes of a map of that size."""
        if self.kind in (Kind.POOL, Kind.DENSE, Kind.FULLY_CONNECTED):
            return 1, 1
        down = (height + self.pad[0] + self.pad[2] - self.kernel[0]) // self.stride[0] + 1
        right = (width + self.pad[1] + self.pad[3] - self.kernel[1]) // self.stride[1] + 1
        return down, right


@dataclass(frozen=True, slots=True, kw_only=True)
class NetSpec:
    """A network without weights. layers: in order, each reading the input or layers before it.

    shapes: of every map by the name of its layer, the input's under "input".
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    shapes: dict[str, Shape] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        shapes: dict[str, Shape] = {INPUT: self.input_shape}
        layers, before = [], INPUT
        for layer in self.layers:
            full = layer if layer.xs or layer.kind is Kind.CONSTANT else replace(layer, xs=(before,))
            shapes[full.name] = map_shape(full, [shapes[x] for x in full.xs])
            layers.append(full)
            before = full.name
        object.__setattr__(self, "layers", tuple(layers))
        object.__setattr__(self, "shapes", shapes)

    @property
    def has_head(self) -> bool:
        """Whether the network ends in a classifier's head."""
        return self.layers[-1].kind is Kind.DENSE

    @property
    def classes(self) -> int:
        """Outputs of the last layer."""
        return self.layers[-1].outputs

    @property
    def weighted(self) -> tuple[Layer, ...]:
        """Layers that own weights, in order."""
        return tuple(layer for layer in self.layers if layer.kind in WEIGHTED)

    @property
    def parameters(self) -> int:
        """Weights and biases of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass."""
        return sum(self.macs_of(layer) for layer in self.weighted)

    def macs_of(self, layer: Layer) -> int:
        """Multiply-accumulates of one layer."""
        height, width, _ = self.shapes[layer.name]
        return height * width * prod(layer.weight_shape) if layer.weight_shape else 0


def map_shape(layer: Layer, xs: list[Shape]) -> Shape:
    """The shape of the map a layer makes of maps of these shapes; a layer without `xs` is a constant."""
    match layer.kind:
        case Kind.CONSTANT:
            return 1, 1, 1
        case Kind.ADD | Kind.MUL:
            return _broadcast(xs[0], xs[1])
        case Kind.CONCAT:
            joined = sum(x[layer.axes[0]] for x in xs)
            return _with_axis(xs[0], layer.axes[0], joined)
        case Kind.MEAN:
            height, width, channels = (1 if axis in layer.axes else side for axis, side in enumerate(xs[0]))
            return height, width, channels
        case Kind.TRANSPOSE:
            height, width, channels = (xs[0][axis] for axis in layer.axes)
            return height, width, channels
        case Kind.RESHAPE | Kind.RESIZE:
            assert layer.shape is not None, f"{layer.name} needs the shape it makes"
            return layer.shape
        case Kind.CURVE:
            return xs[0]
        case _:
            return (*layer.out_size(*xs[0][:2]), layer.outputs)


def _broadcast(a: Shape, b: Shape) -> Shape:
    height, width, channels = (max(i, j) for i, j in zip(a, b, strict=True))
    return height, width, channels


def _with_axis(shape: Shape, axis: int, side: int) -> Shape:
    height, width, channels = (side if i == axis else old for i, old in enumerate(shape))
    return height, width, channels
