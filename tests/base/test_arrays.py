"""Files of arrays are read without pickle, or refused in one sentence."""

from pathlib import Path

import numpy as np
import pytest

from fleet.base.arrays import read_arrays
from fleet.base.errors import InputError


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_arrays(path, ("a", "b"), remedy="make it again")
    (fault,) = caught.value.faults
    assert fault.where == str(path)
    assert fault.text.endswith("; make it again")
    return fault.text


def test_the_named_arrays_come_back_and_no_others(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.arange(3), b=np.ones(2), c=np.zeros(1))
    found = read_arrays(tmp_path / "x.npz", ("a", "b"), remedy="make it again")
    assert sorted(found) == ["a", "b"]
    np.testing.assert_array_equal(found["a"], np.arange(3))


def test_nothing_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    assert "got nothing" in refusal(tmp_path / "x.npz")
    assert "got a folder" in refusal(tmp_path)


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.arange(3))
    assert "got none named b" in refusal(tmp_path / "x.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not an archive", b"\x93NUMPY\x01\x00v\x00{'descr'"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    assert "got a damaged or other file" in refusal(tmp_path / "x.npz")


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(3))
    assert "a single array, not an archive" in refusal(tmp_path / "x.npy")


def test_a_pickled_object_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.array([{}], dtype=object), b=np.ones(1))
    assert "got a damaged or other file" in refusal(tmp_path / "x.npz")
