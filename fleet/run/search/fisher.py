"""The second selector: layers by what one look at squared gradients says of them, per parameter and per computation.

A layer's potential is the mean, over windows, of the squared gradients of its weights: the diagonal of the empirical
Fisher information, halved. Its score is that potential over its share of the parameters and its share of the
multiplications, each relative to the largest layer's. Layers are taken in order of their score, each with the
largest share that still fits; the first channels of a layer train, so a share counts what these channels say.
Source: Kwon et al., "TinyTrain: resource-aware task-adaptive sparse training of DNNs at the data-scarce edge", 2024.
It differs from it in where gradients are squared: TinyTrain squares those of activations, by output channel; here
channels are inputs, because a node saves memory by not keeping inputs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from math import floor
from typing import Final

import numpy as np

from fleet.base import rng
from fleet.base.rng import Stream
from fleet.node.model.graph import Weighted, macs
from fleet.node.model.recipe import Exponents, Gradients, Recipe
from fleet.node.model.reference import FloatBackward, ReferenceNode
from fleet.node.model.scheme import build_scheme
from fleet.run.progress import Progress
from fleet.run.search.memory import Memory
from fleet.run.search.results import Results
from fleet.run.search.space import Genes, Space
from fleet.run.search.task import Task

WINDOWS: Final = 32  # looked at; one pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Potential:
    """Of one layer. channels: of each input channel of its weights. parameters, macs: of the whole layer."""

    layer: int
    channels: tuple[float, ...]
    parameters: int
    macs: int

    def of(self, share: Fraction) -> float:
        """What the first channels say."""
        return sum(self.channels[: floor(len(self.channels) * share)])


def potentials(space: Space, task: Task, results: Results, *, seed: int, progress: Progress) -> list[Potential]:
    """One pass over windows drawn by the seed; each window's answer is written down as it is found."""
    count = min(WINDOWS, len(task.train))
    drawn = rng.permutation(rng.key(seed, Stream.ORDER, 0), len(task.train))[:count]
    recipe = Recipe(gradients=Gradients.FP32, exponents=Exponents.DYNAMIC, loss=task.recipe.loss)
    node = ReferenceNode(space.graph, replace(build_scheme(space.graph, "full"), recipe=recipe))
    progress.line("fisher", count)
    squares = [results.get(f"squares {index}", partial(_squares, space, node, task, index)) for index in drawn.tolist()]
    means = [[sum(values) / (2 * count) for values in zip(*layer, strict=True)] for layer in zip(*squares, strict=True)]
    return [
        Potential(layer=n, channels=tuple(mean), parameters=op.weight.size, macs=macs(space.graph, op))
        for n, (op, mean) in enumerate(zip(_operators(space), means, strict=True))
    ]


def _operators(space: Space) -> Iterator[Weighted]:
    for part in space.view.layers:
        op = space.graph.op(part.op)
        assert isinstance(op, Weighted)
        yield op


def _squares(space: Space, node: ReferenceNode, task: Task, index: int) -> list[list[float]]:
    """Of each layer and input channel the sum of squared gradients of its real weights, on one window."""
    trace = node.forward(task.train.windows[index])
    found = node.gradients(trace, int(task.train.labels[index]), range(space.graph.classes))
    assert found is None or isinstance(found, FloatBackward)
    return [
        [0.0] * op.weight.shape[-1]
        if found is None
        else _by_channel(found.weights[op.name] * np.float32(space.graph.tensor(op.x).scale), op)
        for op in _operators(space)
    ]


def _by_channel(gradient: np.ndarray[tuple[int, ...], np.dtype[np.float32]], op: Weighted) -> list[float]:
    squared = gradient.reshape(-1, op.weight.shape[-1]).astype(np.float64) ** 2
    return [float(total) for total in squared.sum(axis=0)]


def ranked(found: list[Potential]) -> list[Potential]:
    """By score, the largest first; of equals the earlier layer."""
    most_parameters = max((one.parameters for one in found), default=1)
    most_macs = max((one.macs for one in found), default=1)

    def score(one: Potential) -> float:
        return sum(one.channels) / (one.parameters / most_parameters * one.macs / most_macs)

    return sorted(found, key=lambda one: (-score(one), one.layer))


def selected(space: Space, memory: Memory, found: list[Potential]) -> Genes:
    """Layers in order of their score, each with the largest share that fits beside those taken before."""
    genes = space.biases(0)
    for one in ranked(found):
        wider = (genes.with_share(one.layer, share) for share in reversed(space.options[one.layer]))
        genes = next((way for way in wider if memory.fits(way)), genes)
    return genes
