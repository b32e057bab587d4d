"""Numbers as mantissa and exponent. The other primitives are held to the C headers in engine/test_primitives.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.node.model import fixed
from fleet.node.model.fixed import Real


@given(value=st.floats(2**-31, 2**31, exclude_min=True))
def test_a_real_is_the_nearest_with_31_bits(value: float) -> None:
    got = fixed.real(value)
    assert 2**30 <= got.mant < 2**31
    assert abs(got.mant * 2.0 ** (got.exp - 31) - value) <= value * 2**-31


@pytest.mark.parametrize("value", [0.0, 2.0**-33, 1e-30])
def test_a_real_too_small_to_matter_is_zero(value: float) -> None:
    assert fixed.real(value) == Real(0, 0)


@given(value=st.floats(1e-6, 1e6), halvings=st.integers(0, 4))
def test_halving_a_rate_moves_its_exponent_only(value: float, halvings: int) -> None:
    """A power of two is exact, so a schedule of halvings gives the same roundings whatever the rate."""
    whole, part = fixed.real(value), fixed.real(value / 2**halvings)
    assert (part.mant, part.exp) == (whole.mant, whole.exp - halvings)


def test_a_mantissa_that_rounds_up_to_two_moves_on_to_the_next_exponent() -> None:
    assert fixed.real(1 - 2**-40) == Real(2**30, 1)


@given(value=st.floats(1e-30, 1e30))
def test_an_exponent_is_the_power_of_two_above_a_number(value: float) -> None:
    e = fixed.exponent(value)
    assert 2.0 ** (e - 1) <= value < 2.0**e
