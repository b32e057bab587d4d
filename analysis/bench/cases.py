"""What is timed: a net, what trains of it, and windows to train on.

The quickstart's first node with the shipped model, and MLPerf Tiny's keyword spotter on random windows: its time does
not depend on its weights, which are random as well.
"""

from dataclasses import dataclass
from math import prod, sqrt

import numpy as np
from numpy.typing import NDArray

from fleet.base.places import scenarios_dir
from fleet.base.rng import draws32, key
from fleet.node.model.float_net import FloatNet
from fleet.node.model.graph import Graph, Int8
from fleet.node.model.quantize import quantize
from fleet.node.model.scheme import Scheme, build_scheme
from fleet.node.model.zoo import Kind, Layer, NetSpec, zoo_net
from fleet.run.assemble import assemble
from fleet.scenario import load

WINDOWS = 64
RATE = 2.0**-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """remembers: our engine keeps what the frozen beginning makes of each window."""

    name: str
    graph: Graph
    scheme: Scheme
    windows: Int8
    labels: NDArray[np.uint8]
    own: tuple[int, ...]
    rate: float
    remembers: bool


def quickstart_case() -> Case:
    """The quickstart's `sparse` on its first node, nothing remembered."""
    party = assemble(load(scenarios_dir() / "quickstart.yaml"))
    shard = party.clients[0].shard
    return Case(
        name=f"{party.graph.name} {party.plan.scheme.name}",
        graph=party.graph,
        scheme=party.plan.scheme,
        windows=shard.train.x,
        labels=shard.train.y,
        own=tuple(sorted(shard.classes)),
        rate=float(party.scenario.training.rate),
        remembers=False,
    )


def keyword_case(kind: str) -> Case:
    """The keyword net under a scheme; prefixes are remembered where there is one."""
    spec = zoo_net("ds-cnn")
    windows = random_windows(spec)
    graph = quantize(random_net(spec), windows, input_scale=1 / 64, input_zero=0)
    return Case(
        name=f"{graph.name} {kind}",
        graph=graph,
        scheme=build_scheme(graph, kind),
        windows=windows,
        labels=(np.arange(WINDOWS) % spec.classes).astype(np.uint8),
        own=tuple(range(spec.classes)),
        rate=RATE,
        remembers=kind != "full",
    )


def random_windows(spec: NetSpec) -> Int8:
    """int8 [WINDOWS, H, W, C] over the whole range."""
    draws = draws32(key(0, 0), 0, WINDOWS * prod(spec.input_shape))
    return (draws >> np.uint32(24)).astype(np.uint8).view(np.int8).reshape(WINDOWS, *spec.input_shape)


def random_net(spec: NetSpec) -> FloatNet:
    """Weights that keep maps of about one size through ReLUs.

    Source: K. He et al., "Delving Deep into Rectifiers", ICCV 2015.
    """
    weights = {layer.name: _weights(layer, number) for number, layer in enumerate(spec.weighted, start=1)}
    return FloatNet(spec=spec, weights=weights, biases={x.name: np.zeros(x.outputs) for x in spec.weighted})


def _weights(layer: Layer, number: int) -> NDArray[np.float64]:
    inputs = prod(layer.kernel) * (1 if layer.kind is Kind.DEPTHWISE else layer.inputs)
    unit = draws32(key(0, number), 0, prod(layer.weight_shape)) / 2**32
    return ((2 * unit - 1) * sqrt(6 / inputs)).reshape(layer.weight_shape)
