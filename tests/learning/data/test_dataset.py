"""What the shipped set is, and how files that are not one are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fleet.base.errors import InputError
from fleet.base.places import package_data
from fleet.learning.data import DataSet, load_set


def test_the_shipped_set_has_the_published_size(watch: DataSet) -> None:
    assert watch.x.shape == (4677, 50, 1, 6)
    assert watch.x.dtype == np.int8
    assert watch.people == tuple(range(1, 11))
    assert watch.labels == ("PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW")


def test_each_person_side_and_exercise_is_exactly_one_recording(watch: DataSet) -> None:
    groups = set(zip(watch.subject, watch.side, watch.y, strict=True))
    with_recording = set(zip(watch.subject, watch.side, watch.y, watch.recording, strict=True))
    assert len(groups) == len(with_recording) == len(np.unique(watch.recording)) == 140


def test_a_window_shares_samples_with_the_next_one_of_its_recording_only(watch: DataSet) -> None:
    """Why one window dropped at a cut is enough."""
    one_apart = watch.recording[1:] == watch.recording[:-1]
    shared = (watch.x[:-1, 25:] == watch.x[1:, :25]).all(axis=(1, 2, 3))
    assert shared[one_apart].all()
    two_apart = watch.recording[2:] == watch.recording[:-2]
    assert not (watch.x[:-2, 25:] == watch.x[2:, :25]).all(axis=(1, 2, 3))[two_apart].any()


def test_the_licence_lies_beside_the_data() -> None:
    folder = package_data("learning", "data", "sets", "seglearn-watch")
    assert "Redistribution and use" in (folder / "LICENSE").read_text(encoding="utf-8")
    assert "BSD-3-Clause" in (folder / "ORIGIN.txt").read_text(encoding="utf-8")


def test_windows_without_a_width_get_width_one(small_file: Any) -> None:
    assert load_set("mine", small_file()).x.shape == (6, 4, 1, 2)


def test_an_unknown_set_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"data.source: expected one of seglearn-watch, got 'seglearn-wach'; did you"):
        load_set("seglearn-wach")


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.npz: expected a file, got nothing; name an"):
        load_set("mine", tmp_path / "nowhere.npz")


def test_more_names_than_a_byte_tells_apart_are_refused(small_file: Any) -> None:
    names = np.array([f"word{i}" for i in range(257)])
    with pytest.raises(InputError, match="labels: expected at most 256 names, since a class is one byte, got 257"):
        load_set("mine", small_file(labels=names))
    assert load_set("mine", small_file(labels=names[:256])).classes == 256


def test_a_pickled_array_is_never_opened(small_file: Any) -> None:
    with pytest.raises(InputError, match="got a damaged or other file"):
        load_set("mine", small_file(labels=np.array(["rest", 1], dtype=object)))


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"y": None}, "got none named y"),
        ({"x": np.zeros((6, 4, 2), np.float32)}, "x: expected int8 windows"),
        ({"x": np.zeros((5, 4, 2), np.int8)}, "x: expected 6 windows as in y, got 5"),
        ({"side": np.zeros(6, np.int64)}, r"side: expected uint8 \[6\], got int64"),
        ({"labels": np.array([1, 2])}, "labels: expected a list of names"),
        ({"labels": np.array(["rest"])}, "y: expected classes below 1, got 1"),
        ({"recording": np.array([0, 0, 1, 1, 0, 0], np.uint8)}, "recording: expected each recording in one piece"),
        ({"recording": np.array([0, 0, 0, 0, 2, 2], np.uint8)}, "y: expected one value per recording"),
        ({"x": np.zeros((0, 4, 2), np.int8), "y": np.zeros(0, np.uint8)}, "x: expected int8 windows"),
    ],
)
def test_an_odd_file_is_refused_with_what_is_odd(small_file: Any, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_set("mine", small_file(**changed))


def test_all_faults_of_a_file_come_at_once(small_file: Any) -> None:
    with pytest.raises(InputError) as caught:
        load_set("mine", small_file(side=np.zeros(6), subject=np.zeros(3, np.uint8)))
    assert len(caught.value.faults) == 2
