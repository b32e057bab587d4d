"""The set that ships, and small made-up ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fleet.learning.data import DataSet, load_set


@pytest.fixture(scope="session")
def watch() -> DataSet:
    return load_set("seglearn-watch")


@pytest.fixture
def small_file(tmp_path: Path) -> Any:
    """Writes an .npz of three recordings, with arrays replaced or (None) left out; returns its path."""

    def write(**changed: Any) -> Path:
        arrays: dict[str, Any] = {
            "x": np.zeros((6, 4, 2), np.int8),
            "y": np.array([0, 0, 1, 1, 0, 0], np.uint8),
            "subject": np.array([1, 1, 1, 1, 2, 2], np.uint8),
            "side": np.zeros(6, np.uint8),
            "recording": np.array([0, 0, 1, 1, 2, 2], np.uint8),
            "labels": np.array(["rest", "work"]),
        }
        arrays |= changed
        path = tmp_path / "small.npz"
        np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
        return path

    return write


def made_up(lengths: list[tuple[int, int, int, int]]) -> DataSet:
    """A set of recordings, each (person, side, class, windows). The window's number is in its first two bytes."""
    columns = [np.repeat([r[i] for r in lengths], [r[3] for r in lengths]).astype(np.uint8) for i in range(3)]
    recording = np.repeat(np.arange(len(lengths)), [r[3] for r in lengths]).astype(np.uint8)
    x = np.zeros((len(recording), 1, 1, 2), np.int8)
    return DataSet(
        source="made-up",
        x=x,
        y=columns[2],
        subject=columns[0],
        side=columns[1],
        recording=recording,
        labels=tuple(f"class {c}" for c in range(int(columns[2].max()) + 1)),
    )
