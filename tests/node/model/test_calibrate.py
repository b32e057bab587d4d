"""Static exponents: the shifts that lose least of the gradients seen, found exactly."""

from dataclasses import replace

import numpy as np
import pytest

from fleet.node.model import reference as ref
from fleet.node.model.fixed import Int64
from fleet.node.model.reference import calibrate
from fleet.node.model.scheme import build_scheme
from tests.node.model.nets import residual_net, windows


def squared_error(acc: Int64, shift: int) -> int:
    """Of int8 mantissas after a shift, by the definition."""
    half = (1 << shift) >> 1
    mantissas = [max(-127, min(127, (int(v) + half) >> shift)) for v in acc.ravel()]
    return sum((int(v) - (e << shift)) ** 2 for v, e in zip(acc.ravel(), mantissas, strict=True))


def chosen(*seen: tuple[Int64, int], rise: int = 0) -> int:
    """The shift of a map after these sums, each with the loss gradient's exponent."""
    depths = calibrate._Depths()
    for acc, unit in seen:
        depths.observe(unit, "map", acc, rise)
    return depths.fix("map", seen[0][0], rise)


@pytest.mark.parametrize("seed", range(6))
def test_the_shift_loses_least_of_what_one_step_saw(seed: int) -> None:
    random = np.random.default_rng(seed)
    acc = np.rint(random.standard_t(3, size=(9, 8, 5)) * 10 ** random.uniform(1, 5)).astype(np.int64)
    least = min(range(31), key=lambda shift: squared_error(acc, shift))
    assert chosen((acc, 7)) == least


def test_one_large_value_saturates_where_many_small_ones_gain() -> None:
    small = np.tile(np.arange(-40, 41), 60)
    assert chosen((np.append(small, 130), 7)) == 0
    assert chosen((np.append(small, 4000), 7)) == 5


def test_large_gradients_count_more_than_small_ones_and_their_unit_is_told() -> None:
    acc = np.arange(-2000, 2001)
    assert chosen((acc, 7)) == chosen((acc, 7), (acc >> 4, 7), (acc >> 4, 7), (acc >> 4, 7))
    far = chosen((acc, 20), (acc >> 3, 7))  # larger numbers, smaller values: the other step decides
    assert far == chosen((acc >> 3, 7)) < chosen((acc, 7))


def test_what_training_makes_large_later_has_room() -> None:
    """Runs of four steps are judged apart: many small gradients before, or after, do not outweigh them."""
    acc = np.arange(-2000, 2001)
    little = [(acc >> 6, 7)] * 28
    assert chosen(*little, *[(acc, 7)] * 4) == chosen(*[(acc, 7)] * 4, *little) == chosen((acc, 7))


def test_a_map_without_gradients_is_not_shifted() -> None:
    depths = calibrate._Depths()
    depths.observe(7, "map", np.zeros(4, np.int64), 3)
    assert depths.fix("map", np.zeros(4, np.int64), 3) == 0
    graph = residual_net()
    silent = replace(graph.head, weight=np.zeros_like(graph.head.weight))
    graph = replace(graph, ops=(*graph.ops[:-1], silent))
    scheme = ref.calibrated(graph, build_scheme(graph, "full"), windows(graph, 1), [0], rate=0.01)
    assert {shift for _, shift in scheme.recipe.shifts} == {0}
