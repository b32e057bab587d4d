"""Exact averaging: worked examples, order, holders, and nothing lost to rounding."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.learning.aggregate import FRACTION_BITS, Contribution, holder_averaged, master_of, pushed

ONE = 1 << FRACTION_BITS


def part(windows: int, deltas: list[int], held: list[bool] | None = None) -> Contribution:
    mask = [True] * len(deltas) if held is None else held
    return Contribution(windows=windows, deltas=np.array(deltas, dtype=np.int32), held=np.array(mask, dtype=np.bool_))


def values(*numbers: int) -> NDArray[np.int32]:
    return np.array(numbers, dtype=np.int32)


def test_two_holders_of_four_and_a_node_that_does_not_hold_it_give_four_not_less() -> None:
    parts = [part(10, [4]), part(30, [4]), part(60, [0], [False])]
    assert holder_averaged(master_of(values(0)), parts).tolist() == [4 * ONE]


def test_the_mean_is_weighted_by_windows() -> None:
    assert holder_averaged(master_of(values(1)), [part(1, [0]), part(3, [8])]).tolist() == [7 * ONE]


def test_a_value_that_nobody_holds_does_not_change() -> None:
    parts = [part(5, [9, 9], [True, False])]
    assert holder_averaged(master_of(values(1, 2)), parts).tolist() == [10 * ONE, 2 * ONE]


def test_disjoint_holders_are_put_side_by_side() -> None:
    parts = [part(7, [5, 0], [True, False]), part(2, [0, -3], [False, True])]
    assert holder_averaged(master_of(values(0, 0)), parts).tolist() == [5 * ONE, -3 * ONE]


def test_without_any_answer_the_master_stays() -> None:
    master = master_of(values(3, -4))
    assert (holder_averaged(master, []) == master).all()


def test_a_push_rounds_to_nearest_and_clips_weights_but_not_biases() -> None:
    master = np.array([ONE // 2, ONE // 2 - 1, -ONE // 2, 300 * ONE, 300 * ONE], dtype=np.int64)
    assert pushed(master, weights=4).tolist() == [1, 0, 0, 127, 300]


PARTS = st.lists(
    st.tuples(
        st.integers(1, 500),
        st.lists(st.integers(-127, 127), min_size=6, max_size=6),
        st.lists(st.booleans(), min_size=6, max_size=6),
    ),
    min_size=1,
    max_size=8,
)


@given(drawn=PARTS, order=st.randoms(use_true_random=False))
def test_the_order_of_the_nodes_never_matters(drawn: list[tuple[int, list[int], list[bool]]], order: object) -> None:
    parts = [part(w, d, h) for w, d, h in drawn]
    shuffled = list(parts)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    master = master_of(values(*range(6)))
    assert (holder_averaged(master, parts) == holder_averaged(master, shuffled)).all()


@given(drawn=PARTS)
def test_every_step_is_the_exact_mean_to_the_nearest_fraction(drawn: list[tuple[int, list[int], list[bool]]]) -> None:
    parts = [part(w, d, h) for w, d, h in drawn]
    steps = holder_averaged(np.zeros(6, dtype=np.int64), parts).tolist()
    for i, step in enumerate(steps):
        holders = [(w, d[i]) for w, d, h in drawn if h[i]]
        exact = Fraction(sum(w * d for w, d in holders), sum(w for w, _ in holders)) if holders else Fraction(0)
        assert abs(step - exact * ONE) <= Fraction(1, 2)


@pytest.mark.parametrize("rounds", [40])
def test_small_means_do_not_stall_because_the_master_keeps_what_a_push_drops(rounds: int) -> None:
    # One node of four moves by one step a round: a server that rounds each time would never move.
    master = master_of(values(0))
    for _ in range(rounds):
        master = holder_averaged(master, [part(1, [1]), part(1, [0]), part(1, [0]), part(1, [0])])
    assert pushed(master, weights=1).tolist() == [rounds // 4]
