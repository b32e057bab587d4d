"""The shares of gradients that the cost model assumes are those of real windows, as far as they decide its cost."""

from fractions import Fraction

from analysis.gradient_shares import found


def test_the_quickstarts_step_costs_with_counted_shares_what_it_does_with_assumed_ones() -> None:
    made = found("imu-ds-cnn", "sparse")
    assert made.clipped is not None
    assert made.linear is not None
    assert Fraction(30, 100) < made.clipped < Fraction(50, 100)
    assert Fraction(80, 100) < made.linear <= 1
    assert Fraction(97, 100) < made.least <= made.ratio <= made.most < Fraction(106, 100)
    assert str(made).startswith("imu-ds-cnn    sparse")
