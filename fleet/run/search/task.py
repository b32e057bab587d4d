"""What a search learns from: windows to train on, others to be asked about, and how training goes."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import Fault, InputError
from fleet.learning.data import Shard
from fleet.node.engine.binding import Pieces
from fleet.node.model.fixed import real
from fleet.node.model.graph import Graph, Int8
from fleet.node.model.recipe import Recipe
from fleet.node.model.scheme import build_scheme
from fleet.run.prepare import node_data, starting_model, with_recipe
from fleet.scenario import personal_rate, round_rate

if TYPE_CHECKING:
    from fleet.scenario import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """windows: int8 [n, H, W, C]. labels: uint8 [n]."""

    windows: Int8
    labels: NDArray[np.uint8]

    def __len__(self) -> int:
        return int(self.labels.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """steps: of every training, one window each. rate: one, or pieces as a Course of the engine takes them.

    recipe: with shifts for every map, if static.
    """

    name: str
    train: Sample
    validation: Sample
    steps: int
    rate: float | Pieces
    recipe: Recipe

    def __post_init__(self) -> None:
        given = {"train": len(self.train), "validation": len(self.validation), "steps": self.steps}
        faults = [
            Fault(f"{self.name}: {name}", "expected one at least, got none; a search needs data to learn from")
            for name, count in given.items()
            if count < 1
        ]
        if faults:
            raise InputError(faults)

    @property
    def digest(self) -> str:
        """SHA-256 of the windows, the labels and all that decides how they train, hexadecimal."""
        found = hashlib.sha256(repr((self.steps, self.rate, self.recipe)).encode())
        for sample in (self.train, self.validation):
            found.update(repr(sample.windows.shape).encode() + sample.windows.tobytes() + sample.labels.tobytes())
        return found.hexdigest()


def task_of(scenario: "Scenario") -> tuple[Graph, Task]:
    """The starting model of a scenario, and its fleet's windows as one task: trained as long as one node trains.

    The windows of all nodes are pooled: to train on, and those of validation to be asked about. Test windows are not
    looked at. Such a search is made before a fleet is sent out, with recordings of people like those who will wear it.
    """
    data = node_data(scenario)
    graph = starting_model(scenario, data.dataset)
    training = scenario.training
    recipe = with_recipe(graph, build_scheme(graph, "full"), scenario, data).recipe
    return graph, Task(
        name=scenario.name,
        train=_pooled(data.shards, "train"),
        validation=_pooled(data.shards, "val"),
        steps=scenario.server.rounds * training.steps_per_round + training.personal_steps,
        rate=_rates(scenario),
        recipe=recipe,
    )


def _rates(scenario: "Scenario") -> Pieces:
    """The rate of every round, then that of the personal steps."""
    training, rounds = scenario.training, scenario.server.rounds
    rates = [round_rate(scenario, number) for number in range(1, rounds + 1)]
    pieces = [(number * training.steps_per_round, rate) for number, rate in enumerate(rates)]
    pieces.append((rounds * training.steps_per_round, personal_rate(training)))
    return tuple((first, real(rate)) for first, rate in pieces)


def _pooled(shards: tuple[Shard, ...], part: str) -> Sample:
    parts = [getattr(shard, part) for shard in shards]
    return Sample(
        windows=np.concatenate([windows.x for windows in parts]), labels=np.concatenate([one.y for one in parts])
    )
