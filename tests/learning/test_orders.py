"""The order of windows: whole passes, in pieces or at once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.rng import Stream
from fleet.learning.orders import sample_order


@given(windows=st.integers(1, 40), first=st.integers(0, 100), count=st.integers(0, 100), cut=st.integers(0, 100))
def test_steps_taken_in_two_pieces_are_the_same_steps(windows: int, first: int, count: int, cut: int) -> None:
    cut = min(cut, count)
    whole = sample_order(3, Stream.ORDER, 1, windows, first, count)
    pieces = [
        sample_order(3, Stream.ORDER, 1, windows, first, cut),
        sample_order(3, Stream.ORDER, 1, windows, first + cut, count - cut),
    ]
    assert whole.tolist() == np.concatenate(pieces).tolist()


@given(windows=st.integers(1, 60), passes=st.integers(0, 4))
def test_a_pass_shows_every_window_once(windows: int, passes: int) -> None:
    order = sample_order(0, Stream.ORDER, 0, windows, passes * windows, windows)
    assert sorted(order.tolist()) == list(range(windows))


def test_nodes_seeds_streams_and_passes_shuffle_differently() -> None:
    base = sample_order(0, Stream.ORDER, 0, 50, 0, 50).tolist()
    others = [
        sample_order(1, Stream.ORDER, 0, 50, 0, 50).tolist(),
        sample_order(0, Stream.PERSONAL_ORDER, 0, 50, 0, 50).tolist(),
        sample_order(0, Stream.ORDER, 1, 50, 0, 50).tolist(),
        sample_order(0, Stream.ORDER, 0, 50, 50, 50).tolist(),
    ]
    assert all(base != other for other in others)
