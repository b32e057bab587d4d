"""Windows as a user's network reads them."""

from dataclasses import replace

import numpy as np

from fleet.learning.data import as_read_by, load_set, same_but_for_ones
from fleet.node.model.graph import Tensor

WATCH = load_set("seglearn-watch")


def read(shape: tuple[int, int, int], scale: float, zero_point: int) -> Tensor:
    return Tensor(name="input", shape=shape, scale=scale, zero_point=zero_point)


def test_sides_of_one_do_not_make_another_window() -> None:
    assert same_but_for_ones((50, 1, 6), (1, 50, 6))
    assert not same_but_for_ones((50, 1, 6), (6, 50, 1))
    assert not same_but_for_ones((50, 1, 6), (1, 1, 300))


def test_an_input_of_the_sets_own_scale_reads_every_byte_as_it_is() -> None:
    found = as_read_by(read((1, 50, 6), 1 / 64, 0), WATCH)
    assert found.x.shape == (4677, 1, 50, 6)
    assert found.x.tobytes() == WATCH.x.tobytes()


def test_windows_that_ship_are_brought_to_the_nearest_step_of_the_input() -> None:
    found = as_read_by(read((50, 1, 6), 1 / 32, -1), WATCH)
    assert (found.input_scale, found.input_zero) == (1 / 32, -1)
    assert np.array_equal(found.x, np.rint(WATCH.x / 2).astype(int) - 1)
    finer = as_read_by(read((50, 1, 6), 1 / 128, 0), WATCH)
    assert np.array_equal(finer.x, np.clip(WATCH.x.astype(int) * 2, -128, 127))


def test_windows_of_a_users_file_are_at_the_inputs_scale_already() -> None:
    mine = replace(WATCH, source="mine")
    assert as_read_by(read((50, 1, 6), 0.5, 83), mine).x.tobytes() == WATCH.x.tobytes()
