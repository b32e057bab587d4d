"""The end of every recording is held out, and nothing leaks over a cut."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.learning.data import DataSet, Parts, by_recording, check_split, split_within_recording
from tests.learning.data.conftest import made_up

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=12)
SHARES = st.tuples(st.floats(0.05, 0.6), st.floats(0, 0.35), st.integers(0, 3))


def parts_of(parts: Parts) -> tuple[np.ndarray, ...]:
    return parts.train, parts.val, parts.test


def test_the_parts_of_the_shipped_set_have_the_published_sizes(watch: DataSet) -> None:
    parts = split_within_recording(watch)
    nodes = [(p, s) for p in watch.people for s in (0, 1)]
    sizes = [[int(((watch.subject[i] == p) & (watch.side[i] == s)).sum()) for p, s in nodes] for i in parts_of(parts)]
    assert [(min(part), max(part)) for part in sizes] == [(66, 152), (21, 46), (34, 91)]


def test_the_shipped_set_keeps_every_class_in_every_part(watch: DataSet) -> None:
    parts = split_within_recording(watch)
    assert check_split(watch, parts) == []
    assert min(Counter(watch.recording[parts.train].tolist()).values()) == 8


def test_no_training_window_shares_a_sample_with_a_held_out_one(watch: DataSet) -> None:
    """Half a window is compared: neighbours in time share exactly that."""
    parts = split_within_recording(watch)
    train_ends = {watch.x[i, 25:].tobytes() for i in parts.train}
    val_ends = {watch.x[i, 25:].tobytes() for i in parts.val}
    assert not any(watch.x[i, :25].tobytes() in train_ends for i in parts.val)
    assert not any(watch.x[i, :25].tobytes() in train_ends | val_ends for i in parts.test)


@given(lengths=LENGTHS, shares=SHARES)
def test_no_window_is_in_two_parts_and_each_cut_drops_the_gap(
    lengths: list[int], shares: tuple[float, float, int]
) -> None:
    train, val, gap = shares
    dataset = made_up([(1, 0, c, n) for c, n in enumerate(lengths)])
    parts = split_within_recording(dataset, train, val, gap)
    together = np.concatenate(parts_of(parts))
    assert len(np.unique(together)) == len(together)
    for recording, n in enumerate(lengths):
        kept = int((dataset.recording[together] == recording).sum())
        room = n - round(n * train) - round(n * val)
        assert n - kept == min(2 * gap, room) or room < 2 * gap


@given(lengths=LENGTHS, shares=SHARES)
def test_within_a_recording_training_is_first_and_the_test_last(
    lengths: list[int], shares: tuple[float, float, int]
) -> None:
    dataset = made_up([(1, 0, c, n) for c, n in enumerate(lengths)])
    parts = split_within_recording(dataset, *shares)
    for recording in range(len(lengths)):
        train, val, test = (part[dataset.recording[part] == recording] for part in parts_of(parts))
        gap = shares[2]
        assert not (train.size and val.size) or val.min() - train.max() == gap + 1
        assert not (val.size and test.size) or test.min() - val.max() == gap + 1
        assert not (train.size and test.size) or test.min() - train.max() >= gap + 1


def test_holding_out_whole_recordings_is_refused_where_a_class_has_one(watch: DataSet) -> None:
    (fault,) = check_split(watch, by_recording(watch))
    assert fault.where == "data.hold_out"
    assert "training part, got by_recording, which takes PEN, IR, ER from person 1 side 0" in fault.text
    assert "and classes of 19 more nodes; hold out the end of each recording" in fault.text


def test_holding_out_whole_recordings_is_fine_where_a_class_has_several() -> None:
    dataset = made_up([(p, 0, c, 5) for p in (1, 2) for _ in range(4) for c in (0, 1)])
    parts = by_recording(dataset, train=0.5, val=0.25)
    assert check_split(dataset, parts) == []
    assert [part.size for part in parts_of(parts)] == [40, 20, 20]


def test_a_recording_too_short_for_a_test_window_is_refused() -> None:
    dataset = made_up([(1, 0, 0, 20), (1, 0, 1, 3)])
    (fault,) = check_split(dataset, split_within_recording(dataset))
    assert "every node's test part, got within_recording, which takes class 1 from person 1 side 0;" in fault.text


@pytest.mark.parametrize("shares", [(0.0, 0.2, 1), (0.5, 0.5, 1), (0.5, -0.1, 1), (0.5, 0.2, -1)])
def test_shares_that_leave_no_test_are_refused(watch: DataSet, shares: tuple[float, float, int]) -> None:
    with pytest.raises(InputError, match=r"data.hold_out: expected train > 0"):
        split_within_recording(watch, *shares)
