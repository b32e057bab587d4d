"""Batch norms that train although they were folded: a layer of scales behind each layer, without effect at first.

Folding leaves no factor of its own: it sits in the weight scales, which are constants of requantisation. A 1 x 1
depthwise layer of weights 64, scale 1/64 and the map's own scale and zero point computes (q - z) 64 / 64 + z = q
exactly, and its int8 weights are factors from -127/64 to 127/64 in steps of 1/64 that train like any weights.
Shifts are the biases of the layers before. Behind a ReLU, factor and shift of a batch norm become
g relu(x + b / g) = relu(g x + b) for g > 0: the same functions, but for where the map's range clips.
"""

from typing import Final

import numpy as np

from fleet.base.errors import InputError
from fleet.node.model.graph import Conv2d, Depthwise, FullyConnected, Graph, Tensor
from fleet.node.model.recipe import Recipe
from fleet.node.model.scheme import Scheme, Trained
from fleet.node.model.schemes.insertion import inserted
from fleet.node.model.schemes.layerwise import scheme_of_parts
from fleet.node.model.schemes.outline import SCALE, outline

UNIT: Final = 64  # a power of two: the factor 1/64 is exact


def with_scales(graph: Graph) -> Graph:
    """The network with a layer of scales behind each layer below the head; it computes the same, bit for bit."""
    view = outline(graph)
    if any(SCALE in part.op.split(".") for part in view.parts):
        raise InputError.one(graph.name, "expected a network without layers of scales, got one with; use it as it is")
    made = graph
    for part in view.layers:
        made = _with_scale(made, part.op)
    return made


def batch_norm_scheme(graph: Graph, *, recipe: Recipe | None = None) -> Scheme:
    """All scales, all biases, and the head. InputError for a network without layers of scales."""
    view = outline(graph)
    scales = [part for part in view.weighted if SCALE in part.op.split(".")]
    if not scales:
        text = f"expected a network with layers of scales, got {graph.name}, whose batch norms were folded into weights"
        raise InputError.one("scheme", f"{text}; put them in with with_scales, or train `bias`")
    parts = [Trained(op=part.op, channels=part.channels) for part in scales]
    parts += [Trained(op=part.op, bias=True) for part in view.layers]
    return scheme_of_parts(graph, "bn", parts, recipe)


def _with_scale(graph: Graph, name: str) -> Graph:
    op = graph.op(name)
    assert isinstance(op, Conv2d | Depthwise | FullyConnected), "below the head every layer makes an int8 map"
    y = graph.tensor(op.y)
    channels = y.shape[2]
    made = Tensor(name=f"{name}.{SCALE}", shape=y.shape, scale=y.scale, zero_point=y.zero_point)
    scales = Depthwise(
        name=made.name, x=y.name, y=made.name, weight=np.full((1, 1, channels), UNIT, dtype=np.int8),
        bias=np.zeros(channels, dtype=np.int32), weight_scale=np.full(channels, 1 / UNIT, dtype=np.float32),
        clip=op.clip,
    )  # fmt: skip
    return inserted(graph, name, [scales], [made], {y.name: made.name})
