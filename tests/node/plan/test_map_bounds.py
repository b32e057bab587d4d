"""Operators without weights whose sums could leave 32 bits are refused by name; at the limit the sums fit."""

import numpy as np
import pytest

from fleet.base.errors import InputError
from fleet.node.model.graph import AveragePool, Graph, Softmax, Tensor
from fleet.node.model.scheme import build_scheme
from fleet.node.plan import inference_plan, plan_of
from fleet.node.plan.map_bounds import MOST_AVERAGED, MOST_COPIES, MOST_SHARES, MOST_SOFTMAX
from tests.node.model.map_nets import MapBuilder

LARGEST = 2**31 - 1
WAITING = 127 << 22  # a gradient that is merged with the sums


def refused(graph: Graph) -> str:
    with pytest.raises(InputError) as found:
        plan_of(graph, build_scheme(graph, "full"))
    return str(found.value)


def softmax(channels: int) -> Graph:
    x = Tensor(name="x", shape=(1, 1, channels), scale=0.5, zero_point=0)
    y = Tensor(name="y", shape=(1, 1, channels), scale=1 / 256, zero_point=-128)
    return Graph(name="softmax", tensors=(x, y), ops=(Softmax(name="answers", x="x", y="y"),))


def test_a_softmax_over_too_many_channels_is_refused() -> None:
    assert inference_plan(softmax(MOST_SOFTMAX)).arena_bytes > 0
    with pytest.raises(InputError, match="answers: expected a softmax over at most 4095 channels, got 4096"):
        inference_plan(softmax(MOST_SOFTMAX + 1))


def test_windows_that_meet_too_often_are_refused_where_something_trains() -> None:
    build = MapBuilder(0)
    x = build.conv(build.input((40, 30, 1)), 2, (1, 1))
    build.window(AveragePool, x, (20, 20), (1, 1), (0, 0, 0, 0))
    graph = build.head(build.pool(build.conv(x, 2, (1, 1))), 2)
    text = "op1: expected at most 388 windows over one place, got 400; use a larger stride"
    assert text in refused(graph)
    assert inference_plan(graph).arena_bytes > 0


def test_a_value_repeated_too_often_is_refused_where_something_trains() -> None:
    build = MapBuilder(0)
    x = build.conv(build.input((300, 222, 1)), 1, (1, 1))
    graph = build.head(build.pool(build.mul(x, build.mean(x, (0, 1)))), 2)
    assert "op2: expected a value to be repeated at most 66311 times, got 66600; make the map smaller" in refused(graph)


def test_a_map_that_is_joined_to_itself_is_refused_where_something_trains() -> None:
    build = MapBuilder(0)
    x = build.conv(build.input((3, 3, 1)), 2, (1, 1))
    graph = build.head(build.concat([x, x]), 2)
    assert "op1: expected different maps, got one twice; put an operator between" in refused(graph)


def test_sums_at_the_limits_fit_32_bits_and_those_beyond_need_not() -> None:
    assert 255 * MOST_AVERAGED <= LARGEST < 255 * (MOST_AVERAGED + 1)
    assert 127 * 2**15 * MOST_SHARES + WAITING <= LARGEST < 127 * 2**15 * (MOST_SHARES + 1) + WAITING
    assert 127 * 255 * MOST_COPIES <= LARGEST < 127 * 255 * (MOST_COPIES + 1)
    assert MOST_SOFTMAX * 2**19 <= LARGEST < (MOST_SOFTMAX + 1) * 2**19
    assert 127 * 255 * 2**15 + WAITING <= LARGEST  # a product that nothing repeats
    assert 2**30 + WAITING <= LARGEST  # one that something repeats, after its shift
    assert 127 * 32767 + WAITING <= LARGEST  # a curve
    assert np.int64(127) * 255 * MOST_COPIES * 2**15 < 2**62
