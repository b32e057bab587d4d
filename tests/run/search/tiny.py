"""A small network with a task on it, for tests of the search."""

import numpy as np

from fleet.node.model.graph import Graph
from fleet.node.model.recipe import Recipe
from fleet.run.search import Sample, Task
from tests.node.model.nets import residual_net, windows


def tiny_net(seed: int = 0) -> Graph:
    """Eleven layers below a head of five classes."""
    return residual_net(seed)


def tiny_task(graph: Graph, *, seed: int = 0, steps: int = 30) -> Task:
    """Windows of noise whose label is the fifth of the range that their mean lies in: few steps learn some of it."""
    train, validation = (_sample(graph, count, 2 * seed + part) for part, count in enumerate((40, 30)))
    return Task(name="tiny", train=train, validation=validation, steps=steps, rate=0.01, recipe=Recipe())


def _sample(graph: Graph, count: int, seed: int) -> Sample:
    x = windows(graph, count, seed)
    order = x.reshape(count, -1).mean(axis=1).argsort().argsort()
    return Sample(windows=x, labels=(order * graph.classes // count).astype(np.uint8))
