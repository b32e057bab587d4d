"""Shards: what lies on each node. A person's two wrists are two nodes; nothing of a shard leaves its node."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.learning.data.dataset import DataSet
from fleet.learning.data.draws import Draw, old_classes
from fleet.learning.data.split import Indices, Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """x: int8 [n, H, W, C]. y: uint8 [n]. index: their numbers in the data set, int64 [n]."""

    x: NDArray[np.int8]
    y: NDArray[np.uint8]
    index: Indices

    @property
    def size(self) -> int:
        return int(self.y.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One node's data. classes: those it may train on, ascending. did_new: whether it has the new ones.

    train holds these classes only. val and test hold all classes: they are observed, never trained on, and a node
    that never did an exercise is asked whether it recognises it.
    """

    node: int
    subject: int
    side: int
    did_new: bool
    classes: tuple[int, ...]
    train: Windows
    val: Windows
    test: Windows


def node_shards(dataset: DataSet, parts: Parts, drawn: Draw) -> tuple[Shard, ...]:
    """One shard per fleet person and side, in the order of the draw's fleet people, sides ascending."""
    places = [(person, side) for person in drawn.fleet_people for side in _sides(dataset, person)]
    return tuple(_shard(dataset, parts, drawn, node, place) for node, place in enumerate(places))


def pretraining_windows(dataset: DataSet, drawn: Draw) -> Windows:
    """All windows of the people who pretrain, new classes left out.

    Nothing is held out: these people are in no node, so all that is measured later is on others.
    """
    wanted = np.isin(dataset.subject, drawn.pretrain_people) & np.isin(dataset.y, old_classes(dataset, drawn))
    return _windows(dataset, np.flatnonzero(wanted))


def _shard(dataset: DataSet, parts: Parts, drawn: Draw, node: int, place: tuple[int, int]) -> Shard:
    person, side = place
    did_new = person in drawn.holders
    classes = tuple(range(dataset.classes)) if did_new else old_classes(dataset, drawn)
    own = np.flatnonzero((dataset.subject == person) & (dataset.side == side))
    trainable = own[np.isin(dataset.y[own], classes)]
    train = _windows(dataset, np.intersect1d(trainable, parts.train))
    return Shard(
        node=node,
        subject=person,
        side=side,
        did_new=did_new,
        classes=tuple(int(c) for c in np.unique(train.y)),
        train=train,
        val=_windows(dataset, np.intersect1d(own, parts.val)),
        test=_windows(dataset, np.intersect1d(own, parts.test)),
    )


def _windows(dataset: DataSet, index: Indices) -> Windows:
    return Windows(x=dataset.x[index], y=dataset.y[index], index=index)


def _sides(dataset: DataSet, person: int) -> list[int]:
    return [int(side) for side in np.unique(dataset.side[dataset.subject == person])]
