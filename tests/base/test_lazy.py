import pytest

from fleet.base.lazy import Derived, in_runs, repeated


def test_items_repeat_in_order():
    assert list(repeated("abc", 7)) == list("abcabca")
    assert list(repeated("abc", 2)) == ["a", "b"]


def test_runs_follow_each_other():
    assert list(in_runs([("x", 2), ("y", 1), ("z", 3)])) == list("xxyzzz")


def test_a_million_are_as_cheap_as_three():
    nodes = repeated((1, 2, 3), 1_000_000)
    assert (len(nodes), nodes[999_999], nodes[-1]) == (1_000_000, 1, 1)


def test_slices_and_ends_are_those_of_a_list():
    numbers = Derived(5, lambda n: n * n)
    assert numbers[1:4] == [1, 4, 9]
    with pytest.raises(IndexError, match="below 5, got 5"):
        numbers[5]
