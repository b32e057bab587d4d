"""The five published nets whose arenas are known, as blocks: one per map, or one per chain of maps in place."""

from math import prod

from fleet.node.model.zoo import Kind, NetSpec, zoo_net
from fleet.node.model.zoo.structure import INPUT
from fleet.node.plan.placement import Block, Part

NETS = {
    "mcunet-in1@96": ("mcunet-5fps", 96),
    "mcunet-in3@176": ("mcunet-in3", 176),
    "proxyless@176": ("proxyless-w0.3", 176),
    "proxyless@64": ("proxyless-w0.3", 64),
    "mbv2@64": ("mbv2-w0.35", 64),
}


def net(name: str) -> NetSpec:
    """The published net of this name."""
    zoo, side = NETS[name]
    return zoo_net(zoo, shape=(side, side, 3))


def map_blocks(spec: NetSpec, *, in_place: bool = False) -> list[Block]:
    """Maps in the order in which they are made, int8. in_place: a depthwise layer's output lies over its input."""
    made = {INPUT: 0} | {layer.name: step for step, layer in enumerate(spec.layers, 1)}
    last = made | {x: step for step, layer in enumerate(spec.layers, 1) for x in layer.xs}
    over = {layer.name: layer.xs[0] for layer in spec.layers if in_place and layer.kind is Kind.DEPTHWISE}
    chains: dict[str, list[Part]] = {}
    for name in made:
        part = Part(first=made[name], last=last[name], size_bytes=prod(spec.shapes[name]))
        chains.setdefault(over.get(name, name), []).append(part)
    return [Block(name=name, parts=tuple(parts)) for name, parts in chains.items()]
