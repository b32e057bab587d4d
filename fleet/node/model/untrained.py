"""A zoo's network before it learnt anything: enough to plan it, since no byte of a plan depends on a weight."""

from typing import Final

import numpy as np

from fleet.node.model.float_net import Float64, FloatNet
from fleet.node.model.graph import Graph
from fleet.node.model.quantize import with_ranges
from fleet.node.model.ranges import Encoding, Range
from fleet.node.model.zoo.structure import Clip, Kind, Layer, NetSpec

_INPUT: Final = Encoding(scale=1 / 128, zero_point=0)
_TOP: Final = 6.0  # of every map: where ReLU6 ends
_PERIOD: Final = 17  # of the weights, coprime to the channels of every net of the zoo
_HALF: Final = _PERIOD // 2


def untrained_graph(spec: NetSpec) -> Graph:
    """The int8 network of a structure, with small weights that repeat and biases of zero."""
    net = FloatNet(
        spec=spec,
        weights={layer.name: _weights(layer) for layer in spec.weighted},
        biases={layer.name: np.zeros(layer.outputs) for layer in spec.weighted},
    )
    return with_ranges(net, {layer.name: _range(layer) for layer in spec.layers}, _INPUT)


def _weights(layer: Layer) -> Float64:
    count = int(np.prod(layer.weight_shape))
    return (np.arange(count) % _PERIOD - _HALF).reshape(layer.weight_shape) / (_HALF * layer.inputs)


def _range(layer: Layer) -> Range:
    if layer.kind is Kind.CONSTANT:
        return min(layer.value, 0.0), max(layer.value, 0.0)
    return (0.0, _TOP) if layer.clip is not Clip.NONE else (-_TOP, _TOP)
