"""What lies on which node, and what must not."""

from fractions import Fraction

import numpy as np
import pytest

from fleet.learning.data import (
    DataSet,
    Draw,
    Parts,
    Shard,
    draw,
    node_shards,
    old_classes,
    pretraining_windows,
    split_within_recording,
)


@pytest.fixture(scope="module")
def parts(watch: DataSet) -> Parts:
    return split_within_recording(watch)


@pytest.fixture(scope="module", params=range(10))
def drawn(watch: DataSet, request: pytest.FixtureRequest) -> Draw:
    return draw(watch, request.param, 4, 2, Fraction(1, 2))


@pytest.fixture(scope="module")
def shards(watch: DataSet, parts: Parts, drawn: Draw) -> tuple[Shard, ...]:
    return node_shards(watch, parts, drawn)


def test_twelve_nodes_are_six_people_with_two_wrists_in_order(shards: tuple[Shard, ...], drawn: Draw) -> None:
    assert [shard.node for shard in shards] == list(range(12))
    assert [(s.subject, s.side) for s in shards] == [(p, side) for p in drawn.fleet_people for side in (0, 1)]


def test_only_holders_train_on_the_new_classes(watch: DataSet, shards: tuple[Shard, ...], drawn: Draw) -> None:
    for shard in shards:
        assert shard.did_new == (shard.subject in drawn.holders)
        assert shard.classes == (tuple(range(7)) if shard.did_new else old_classes(watch, drawn))
        assert tuple(np.unique(shard.train.y)) == shard.classes


def test_every_node_is_observed_on_all_classes(shards: tuple[Shard, ...]) -> None:
    for shard in shards:
        assert tuple(np.unique(shard.val.y)) == tuple(np.unique(shard.test.y)) == tuple(range(7))


def test_node_sizes_are_in_the_published_range(shards: tuple[Shard, ...]) -> None:
    for shard in shards:
        assert not shard.did_new or 66 <= shard.train.size <= 152
        assert 21 <= shard.val.size <= 46
        assert 34 <= shard.test.size <= 91


def test_no_window_lies_on_two_nodes_or_in_pretraining(watch: DataSet, shards: tuple[Shard, ...], drawn: Draw) -> None:
    indices = [part.index for shard in shards for part in (shard.train, shard.val, shard.test)]
    together = np.concatenate([*indices, pretraining_windows(watch, drawn).index])
    assert len(np.unique(together)) == len(together)


def test_a_shard_holds_the_windows_of_its_person_and_side_as_they_are(
    watch: DataSet, shards: tuple[Shard, ...]
) -> None:
    for shard in shards:
        for part in (shard.train, shard.val, shard.test):
            np.testing.assert_array_equal(part.x, watch.x[part.index])
            assert set(watch.subject[part.index]) == {shard.subject}
            assert set(watch.side[part.index]) == {shard.side}


def test_pretraining_knows_neither_the_fleet_nor_the_new_classes(watch: DataSet, drawn: Draw) -> None:
    windows = pretraining_windows(watch, drawn)
    assert tuple(np.unique(watch.subject[windows.index])) == drawn.pretrain_people
    assert tuple(np.unique(windows.y)) == old_classes(watch, drawn)
