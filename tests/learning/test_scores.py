"""Counting: largest logit, first of equals, old and new apart."""

import numpy as np

from fleet.learning import scores
from fleet.learning.scores import Score
from tests.run.quickstart import Party


def test_every_window_is_counted_once_in_its_group(party: Party) -> None:
    shard, new = party.clients[0].shard, party.draw.new_classes
    truth = np.eye(party.graph.classes, dtype=np.int16)[shard.test.y]
    old, fresh = scores.count(shard, "test", truth, new)
    assert (old.correct, fresh.correct) == (old.total, fresh.total)
    assert old.total + fresh.total == shard.test.size
    assert fresh.total == int(np.isin(shard.test.y, new).sum())


def test_equal_logits_count_as_the_first_class(party: Party) -> None:
    shard = party.clients[0].shard
    flat = np.zeros((shard.val.size, party.graph.classes), dtype=np.int16)
    counted = scores.count(shard, "val", flat, party.draw.new_classes)
    assert sum(s.correct for s in counted) == int((shard.val.y == 0).sum())


def test_accuracy_is_over_all_windows_given() -> None:
    parts = [
        Score(node=0, part="test", classes="old", correct=3, total=4),
        Score(node=0, part="test", classes="new", correct=0, total=2),
    ]
    assert scores.accuracy(parts) == 0.5
    assert np.isnan(scores.accuracy([]))
