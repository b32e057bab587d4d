"""A network written down block by block: each method appends a layer that reads the one before."""

from collections.abc import Sequence

from fleet.node.model.zoo.structure import Clip, Kind, Layer, NetSpec, Shape, map_shape

Pair = tuple[int, int]


class Blocks:
    """Layers so far, the name and shape of the newest map."""

    def __init__(self, shape: Shape) -> None:
        self.input_shape = shape
        self.layers: list[Layer] = []
        self.shapes: dict[str, Shape] = {"input": shape}
        self.newest = "input"

    @property
    def shape(self) -> Shape:
        """Of the newest map."""
        return self.shapes[self.newest]

    def conv(
        self, name: str, outputs: int, kernel: Pair = (1, 1), stride: Pair = (1, 1), *, x: str | None = None,
        same: bool = False, clip: Clip = Clip.RELU,
    ) -> str:  # fmt: skip
        """A convolution, padded to keep the size: half the kernel all around, or as TensorFlow's SAME does."""
        x = x or self.newest
        pad = _same(self.shapes[x], kernel, stride) if same else _half(kernel)
        return self._add(
            Layer(
                name=name, kind=Kind.CONV, inputs=self.shapes[x][2], outputs=outputs, kernel=kernel, stride=stride,
                pad=pad, clip=clip, xs=(x,),
            )
        )  # fmt: skip

    def depthwise(
        self, name: str, kernel: Pair, stride: Pair = (1, 1), *, same: bool = False, clip: Clip = Clip.RELU
    ) -> str:
        """A depthwise convolution, padded as `conv`."""
        channels = self.shape[2]
        pad = _same(self.shape, kernel, stride) if same else _half(kernel)
        return self._add(
            Layer(
                name=name, kind=Kind.DEPTHWISE, inputs=channels, outputs=channels, kernel=kernel, stride=stride,
                pad=pad, clip=clip, xs=(self.newest,),
            )
        )  # fmt: skip

    def add(self, name: str, skip: str, clip: Clip = Clip.NONE) -> str:
        """The newest map plus an older one."""
        channels = self.shape[2]
        return self._add(
            Layer(name=name, kind=Kind.ADD, inputs=channels, outputs=channels, clip=clip, xs=(self.newest, skip))
        )

    def dense(self, name: str, outputs: int, clip: Clip = Clip.RELU) -> str:
        """A dense layer inside the network."""
        inputs = self.shape[0] * self.shape[1] * self.shape[2]
        return self._add(
            Layer(
                name=name, kind=Kind.FULLY_CONNECTED, inputs=inputs, outputs=outputs, clip=clip, xs=(self.newest,)
            )
        )  # fmt: skip

    def pool(self) -> str:
        """The mean over all positions."""
        channels = self.shape[2]
        return self._add(Layer(name="pool", kind=Kind.POOL, inputs=channels, outputs=channels, xs=(self.newest,)))

    def head(self, classes: int) -> str:
        """The classifier."""
        inputs = self.shape[0] * self.shape[1] * self.shape[2]
        return self._add(Layer(name="head", kind=Kind.DENSE, inputs=inputs, outputs=classes, xs=(self.newest,)))

    def net(self, name: str) -> NetSpec:
        """What has been written down."""
        return NetSpec(name=name, input_shape=self.input_shape, layers=tuple(self.layers))

    def _add(self, layer: Layer) -> str:
        self.shapes[layer.name] = map_shape(layer, [self.shapes[x] for x in layer.xs])
        self.layers.append(layer)
        self.newest = layer.name
        return layer.name


def _half(kernel: Sequence[int]) -> tuple[int, int, int, int]:
    down, right = kernel[0] // 2, kernel[1] // 2
    return down, right, down, right


def _same(shape: Shape, kernel: Pair, stride: Pair) -> tuple[int, int, int, int]:
    """Padding for ceil(side / stride) places, the smaller half first. Source: TensorFlow, "tf.nn", padding."""
    pads = [
        max((-(-side // step) - 1) * step + taps - side, 0)
        for side, taps, step in zip(shape[:2], kernel, stride, strict=True)
    ]
    (top, left), (bottom, right) = ([pad // 2 for pad in pads], [pad - pad // 2 for pad in pads])
    return top, left, bottom, right
