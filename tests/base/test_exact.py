"""Our logarithm, exponential and quantile against the standard library's."""

from math import exp as true_exp
from math import log10 as true_log10
from statistics import NormalDist

import numpy as np
import pytest

from fleet.base.exact import exp, log10, quantile


def test_the_logarithm_is_the_standard_librarys_to_the_last_digits() -> None:
    x = np.array([1.0, 1e-9, 2.0, 0.7071067811865475, 0.7071067811865476, 3.5, 10.0, 1e6, 123_456.789])
    assert log10(x) == pytest.approx([true_log10(value) for value in x], rel=1e-14, abs=1e-15)


def test_the_quantile_is_the_standard_librarys_to_nine_digits() -> None:
    share = np.array([2**-33, 1e-6, 0.01, 0.02425, 0.3, 0.5, 0.7, 0.97575, 0.999, 1 - 2**-33])
    expected = [NormalDist().inv_cdf(value) for value in share]
    assert quantile(share) == pytest.approx(expected, rel=1.2e-9, abs=1.2e-9)


def test_the_exponential_is_the_standard_librarys_to_the_last_digits() -> None:
    x = np.array([0.0, 1.0, -1.0, -0.3465735902799726, 0.3465735902799727, -1e-9, -30.5, -700.0, 12.25])
    assert exp(x) == pytest.approx([true_exp(value) for value in x], rel=1e-14)
    assert exp(np.zeros(0)).size == 0
