"""Counting what a model recognises on one node: whole numbers, by part and by group of classes."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.learning.data.shards import Shard


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """correct of total windows. part: 'val' or 'test'. classes: 'old' or 'new'."""

    node: int
    part: str
    classes: str
    correct: int
    total: int


def count(shard: Shard, part: str, logits: NDArray[np.int16], new: Collection[int]) -> tuple[Score, ...]:
    """Scores of one part. logits: int16 [n, classes]; the largest wins, the first of equals."""
    truth = getattr(shard, part).y
    right = logits.argmax(axis=1) == truth
    is_new = np.isin(truth, list(new))
    groups = (("old", ~is_new), ("new", is_new))
    return tuple(
        Score(node=shard.node, part=part, classes=name, correct=int(right[at].sum()), total=int(at.sum()))
        for name, at in groups
    )


def accuracy(scores: Collection[Score]) -> float:
    """Share recognised over all scores given, 0 to 1; nan for none."""
    total = sum(s.total for s in scores)
    return sum(s.correct for s in scores) / total if total else float("nan")
