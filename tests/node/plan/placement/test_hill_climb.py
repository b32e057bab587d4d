"""The hill climb: never above where it began, within its work, and the same each time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.node.plan.placement import Block
from fleet.node.plan.placement.cells import cells_of
from fleet.node.plan.placement.first_fit import ORDERS, first_fit
from fleet.node.plan.placement.hill_climb import hill_climb
from tests.node.plan.placement.blocks import clashes, staircases
from tests.node.plan.placement.published import NETS, map_blocks, net


@settings(max_examples=100)
@given(blocks=staircases(20), name=st.sampled_from(sorted(ORDERS)), rounds=st.integers(0, 60))
def test_it_ends_no_higher_than_it_began(blocks: list[Block], name: str, rounds: int) -> None:
    cells = cells_of(blocks, 4)
    order = ORDERS[name](cells)
    assert sorted(order) == list(range(cells.count))
    bases = hill_climb(cells, order, rounds, 100_000)
    assert cells.peak(bases) <= cells.peak(first_fit(cells, order))
    assert clashes(blocks, cells.placement(bases, "hill climb")) == []
    assert bases == hill_climb(cells, order, rounds, 100_000)


@given(blocks=staircases(20))
def test_without_rounds_or_work_it_is_first_fit(blocks: list[Block]) -> None:
    cells = cells_of(blocks, 4)
    order = ORDERS["life"](cells)
    assert hill_climb(cells, order, 0, 100) == hill_climb(cells, order, 100, 0) == first_fit(cells, order)


@pytest.mark.parametrize("name", NETS)
def test_it_finds_the_bound_of_a_published_net_from_the_worst_order(name: str) -> None:
    """Maps in the order in which they are made, where first fit misses the bound of all five."""
    cells = cells_of(map_blocks(net(name)), 4)
    order = list(range(cells.count))
    assert cells.peak(first_fit(cells, order)) > cells.bound
    assert cells.peak(hill_climb(cells, order, 500, 1_000_000)) == cells.bound
