"""Networks of mobile bottlenecks with random weights, under the names that the zoo gives their layers."""

from dataclasses import replace

from fleet.node.model.graph import Graph, Tensor
from fleet.node.model.zoo import zoo_net
from fleet.node.model.zoo.blocks import Blocks
from fleet.node.model.zoo.structure import Clip, Kind, NetSpec
from tests.node.model.nets import Builder


def small_spec(side: int = 16) -> NetSpec:
    """Three bottlenecks of 8 channels with skips around the last two, one of stride 2, 5 classes."""
    net = Blocks((side, side, 3))
    net.conv("stem", 8, (3, 3), (2, 2))
    for number, stride in enumerate((2, 1, 1), start=1):
        entry = net.newest
        net.conv(f"block{number}.pw1", 16)
        net.depthwise(f"block{number}.dw", (3, 3), (stride, stride))
        net.conv(f"block{number}.pw2", 8, clip=Clip.NONE)
        if stride == 1:
            net.add(f"block{number}.add", entry)
    net.pool()
    net.head(5)
    return net.net("small")


def random_graph(spec: NetSpec, seed: int = 0) -> Graph:
    """The network of a structure with random weights."""
    build = Builder(seed)
    maps: dict[str, Tensor] = {"input": build.input(spec.input_shape)}
    for layer in spec.layers[:-1]:
        x, zero = maps[layer.xs[0]], -128 if layer.clip is not Clip.NONE else -9
        match layer.kind:
            case Kind.CONV:
                made = build.conv(x, layer.outputs, layer.kernel, layer.stride, layer.pad, zero=zero)
            case Kind.DEPTHWISE:
                made = build.depthwise(x, layer.kernel, layer.stride, layer.pad, zero=zero)
            case Kind.ADD:
                made = build.add(x, maps[layer.xs[1]], zero=zero)
            case _:
                made = build.pool(x)
        maps[layer.name] = made
    graph = build.head(maps[spec.layers[-2].name], spec.classes)
    names = zip(graph.ops, spec.layers, strict=True)
    return replace(graph, name=spec.name, ops=tuple(replace(op, name=layer.name) for op, layer in names))


def small_graph(side: int = 16, seed: int = 0) -> Graph:
    """`small_spec` with random weights."""
    return random_graph(small_spec(side), seed)


def published_graph(name: str, side: int = 32) -> Graph:
    """A net with published schemes, with random weights, for a small picture and ten classes."""
    return random_graph(zoo_net(name, 10, (side, side, 3)))
