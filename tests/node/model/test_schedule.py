"""Rates over a course: where pieces begin, what they are, and how a run of steps is cut along them."""

from math import cos, pi

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.node.model.fixed import real
from fleet.node.model.schedule import Piece, Schedule, constant, cosine, stepped, warmed_up


def test_a_constant_rate_is_one_piece() -> None:
    assert constant(0.06).pieces == (Piece(0, 0.06),)
    assert constant(0.06).at(10**6) == real(0.06)


def test_steps_fall_by_a_factor() -> None:
    schedule = stepped(0.08, every=100, factor=0.5, steps=250)
    assert [(p.first, p.rate) for p in schedule.pieces] == [(0, 0.08), (100, 0.04), (200, 0.02)]
    assert schedule.reals == ((0, real(0.08)), (100, real(0.04)), (200, real(0.02)))
    assert schedule.at(99) == real(0.08)
    assert schedule.at(100) == real(0.04)
    assert schedule.at(5000) == real(0.02)


@given(steps=st.integers(1, 2000), pieces=st.integers(1, 40))
def test_a_cosine_falls_from_piece_to_piece_and_stays_near_the_curve(steps: int, pieces: int) -> None:
    schedule = cosine(0.1, steps=steps, pieces=pieces)
    rates = [p.rate for p in schedule.pieces]
    assert rates == sorted(rates, reverse=True)
    assert len(rates) == min(steps, pieces)
    steepest = pi / 2 / steps * 0.1  # per step
    ends = [p.first for p in schedule.pieces[1:]] + [steps]
    for piece, end in zip(schedule.pieces, ends, strict=True):
        for step in (piece.first, end):
            off = abs(piece.rate - 0.05 * (1 + cos(pi * step / steps)))
            assert off <= steepest * (end - piece.first) / 2 + 1e-12


def test_a_warm_up_climbs_to_the_first_rate_and_then_lets_the_schedule_begin() -> None:
    schedule = warmed_up(stepped(0.4, every=10, factor=0.5, steps=20), steps=8, pieces=4)
    assert [p.first for p in schedule.pieces] == [0, 2, 4, 6, 8, 18]
    assert [p.rate for p in schedule.pieces] == pytest.approx([0.05, 0.15, 0.25, 0.35, 0.4, 0.2])


def test_no_warm_up_is_the_schedule() -> None:
    assert warmed_up(constant(0.1), steps=0) == constant(0.1)


@given(first=st.integers(0, 300), count=st.integers(0, 300))
def test_runs_cover_all_steps_each_with_its_rate(first: int, count: int) -> None:
    schedule = warmed_up(cosine(0.1, steps=200, pieces=7), steps=30, pieces=5)
    covered = [(n, rate) for start, length, rate in schedule.runs(first, count) for n in range(start, start + length)]
    assert [n for n, _ in covered] == list(range(first, first + count))
    assert all(rate == schedule.at(n) for n, rate in covered)


@pytest.mark.parametrize("starts", [[], [1], [0, 0], [0, 5, 3]])
def test_pieces_out_of_order_are_refused(starts: list[int]) -> None:
    with pytest.raises(InputError, match="expected pieces from step 0 on"):
        Schedule(tuple(Piece(first, 0.1) for first in starts))


def test_a_rate_below_zero_is_refused() -> None:
    with pytest.raises(InputError, match="expected rates of 0 or more"):
        constant(-0.1)
    with pytest.raises(InputError, match="expected rates of 0 or more"):
        constant(float("nan"))
    with pytest.raises(InputError, match="none infinite, got inf;"):
        constant(float("inf"))


def test_no_steps_is_refused() -> None:
    with pytest.raises(InputError, match="expected at least 1, got 0"):
        cosine(0.1, steps=0)
