"""Draws are part of the format: a shipped model belongs to its draw for ever."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.learning.data import DataSet, Draw, draw, old_classes

HALF = Fraction(1, 2)

# pretraining people, fleet people in order, new classes
GOLDEN = [
    ((6, 8, 9, 10), (3, 1, 4, 7, 5, 2), (3, 4)),
    ((2, 5, 7, 10), (4, 3, 9, 6, 8, 1), (0, 4)),
    ((1, 3, 4, 9), (5, 8, 6, 7, 10, 2), (0, 2)),
    ((2, 3, 6, 9), (8, 5, 10, 1, 4, 7), (1, 4)),
    ((2, 5, 8, 10), (6, 3, 9, 4, 7, 1), (0, 2)),
    ((1, 2, 3, 9), (4, 5, 10, 6, 8, 7), (4, 6)),
    ((3, 7, 8, 9), (6, 2, 10, 1, 4, 5), (2, 5)),
    ((1, 2, 7, 8), (10, 4, 3, 6, 9, 5), (2, 3)),
    ((4, 5, 6, 7), (8, 10, 9, 3, 2, 1), (0, 6)),
    ((2, 3, 4, 7), (5, 8, 6, 10, 9, 1), (0, 2)),
]


@pytest.mark.parametrize("number", range(10))
def test_the_ten_draws_never_change(watch: DataSet, number: int) -> None:
    drawn = draw(watch, number, 4, 2, HALF)
    assert (drawn.pretrain_people, drawn.fleet_people, drawn.new_classes) == GOLDEN[number]


def test_half_of_six_people_are_the_first_third_and_fifth(watch: DataSet) -> None:
    drawn = draw(watch, 0, 4, 2, HALF)
    assert drawn.holders == drawn.fleet_people[::2]


@given(number=st.integers(0, 10**6), people=st.integers(1, 9), new=st.integers(0, 6), share=st.fractions(0, 1))
def test_a_draw_gives_everybody_one_role(watch: DataSet, number: int, people: int, new: int, share: Fraction) -> None:
    drawn = draw(watch, number, people, new, share)
    assert len(drawn.pretrain_people) == people
    assert sorted(drawn.pretrain_people + drawn.fleet_people) == list(watch.people)
    assert set(drawn.holders) <= set(drawn.fleet_people)
    assert sorted(drawn.new_classes + old_classes(watch, drawn)) == list(range(7))
    assert len(drawn.new_classes) == new


@given(share=st.fractions(0, 1))
def test_holders_are_the_share_of_the_fleet_rounded_up(watch: DataSet, share: Fraction) -> None:
    """At least one person where the share is not zero: somebody must have done the exercise."""
    assert len(draw(watch, 0, 4, 2, share).holders) == -(-6 * share // 1)


def test_who_holds_what_does_not_change_who_pretrains(watch: DataSet) -> None:
    """A shipped model stays right when only the holders of a scenario are changed."""

    def pretraining(drawn: Draw) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return drawn.pretrain_people, drawn.new_classes

    assert pretraining(draw(watch, 3, 4, 2, HALF)) == pretraining(draw(watch, 3, 4, 2, Fraction(1, 3)))


def test_an_impossible_draw_is_refused_with_all_faults(watch: DataSet) -> None:
    with pytest.raises(InputError) as caught:
        draw(watch, -1, 10, 7, Fraction(3, 2))
    wheres = [fault.where for fault in caught.value.faults]
    assert wheres == ["data.draw", "data.pretrain_people", "data.new_classes", "data.holders"]
    assert "expected 1 to 9 of 10 people, got 10" in str(caught.value)
