"""The exact search against every order of first fit, which for blocks of one part reaches the least arena there is."""

from itertools import permutations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.node.plan.placement import Block, Effort, Part, place_blocks
from fleet.node.plan.placement.cells import Cells, cells_of
from fleet.node.plan.placement.exact import exact
from fleet.node.plan.placement.first_fit import ORDERS, first_fit
from fleet.node.plan.placement.hill_climb import hill_climb
from tests.node.plan.placement.blocks import clashes, flat_staircases, rectangles, simple, staircases


def worst_start(cells: Cells) -> list[int]:
    """Every block above the one before: what a search starts from that knows nothing."""
    return [sum(cells.top[:i]) for i in range(cells.count)]


# No placement reaches the five bytes that live at once: all 40 320 orders of first fit need six.
ABOVE_ITS_BOUND = [
    simple(first, last, size, name)
    for name, (first, last, size) in zip(
        "abcdefgh",
        [(1, 2, 1), (3, 4, 3), (1, 3, 1), (0, 0, 2), (4, 4, 2), (2, 2, 2), (0, 1, 3), (2, 3, 1)],
        strict=True,
    )
]


@settings(max_examples=200)
@given(blocks=rectangles(6))
def test_it_finds_what_the_best_of_all_orders_finds_and_proves_it(blocks: list[Block]) -> None:
    cells = cells_of(blocks, 1)
    least = min(cells.peak(first_fit(cells, order)) for order in permutations(range(cells.count)))
    found = exact(cells, worst_start(cells), 100_000)
    assert cells.peak(found.bases) == least
    assert found.exhausted


@settings(max_examples=200)
@given(blocks=flat_staircases(6))
def test_it_does_so_for_blocks_that_shrink_and_grow(blocks: list[Block]) -> None:
    cells = cells_of(blocks, 1)
    least = min(cells.peak(first_fit(cells, order)) for order in permutations(range(cells.count)))
    found = exact(cells, worst_start(cells), 100_000)
    assert cells.peak(found.bases) == least
    assert found.exhausted


@settings(max_examples=200)
@given(blocks=staircases())
def test_it_is_no_higher_than_any_other(blocks: list[Block]) -> None:
    cells = cells_of(blocks, 4)
    others = [first_fit(cells, of(cells)) for of in ORDERS.values()]
    others.append(hill_climb(cells, ORDERS["size"](cells), 100, 100_000))
    best = min(others, key=cells.peak)
    found = exact(cells, best, 2_000)
    assert cells.bound <= cells.peak(found.bases) <= cells.peak(best)
    assert clashes(blocks, cells.placement(found.bases, "exact")) == []


@given(blocks=rectangles(40), nodes=st.integers(0, 300))
def test_it_looks_at_no_more_than_it_may(blocks: list[Block], nodes: int) -> None:
    cells = cells_of(blocks, 1)
    found = exact(cells, worst_start(cells), nodes)
    assert found.nodes <= nodes
    assert clashes(blocks, cells.placement(found.bases, "exact")) == []


def test_an_arena_above_the_bound_is_proved_only_by_a_search_that_ends() -> None:
    cells = cells_of(ABOVE_ITS_BOUND, 1)
    few, many = exact(cells, worst_start(cells), 2), exact(cells, worst_start(cells), 1_000)
    assert not few.exhausted
    assert many.exhausted
    assert (cells.peak(many.bases), cells.bound) == (6, 5)
    placement = place_blocks(ABOVE_ITS_BOUND, align=1, effort=Effort.PROVE)
    assert placement.proved
    assert (placement.peak_bytes, placement.bound_bytes) == (6, 5)


@st.composite
def bridges(draw: st.DrawFn) -> list[Block]:
    """Up to four small blocks of one or two parts, some above their base."""
    found = []
    for i in range(draw(st.integers(1, 4))):
        shapes = draw(
            st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(1, 3)), min_size=1, max_size=2)
        )
        deltas = draw(st.lists(st.integers(0, 3), min_size=2, max_size=2))
        found.append(
            Block(
                name=f"b{i}",
                parts=tuple(
                    Part(first=first, last=first + more, size_bytes=size, delta=delta)
                    for (first, more, size), delta in zip(shapes, deltas, strict=False)
                ),
            )
        )
    return found


@settings(max_examples=150)
@given(blocks=bridges())
def test_what_it_claims_of_blocks_that_bridge_others_holds_for_all_bases(blocks: list[Block]) -> None:
    cells = cells_of(blocks, 1)
    found = exact(cells, worst_start(cells), 2_000)
    peak = cells.peak(found.bases)
    below = (bases for bases in product(range(peak), repeat=cells.count) if cells.peak(bases) < peak)
    free = (bases for bases in below if not clashes(blocks, cells.placement(bases, "any")))
    if found.exhausted:
        assert next(free, None) is None
    assert peak >= cells.bound


def test_a_bridge_beside_blocks_above_their_bound_is_proved_with_them() -> None:
    bridge = Block(
        name="bridge", parts=(Part(first=0, last=5, size_bytes=1), Part(first=9, last=9, size_bytes=1, delta=4))
    )
    placement = place_blocks([*ABOVE_ITS_BOUND, bridge], align=1, effort=Effort.PROVE)
    assert placement.proved
    assert (placement.peak_bytes, placement.bound_bytes) == (7, 6)


def test_every_question_is_heard() -> None:
    heard: list[tuple[str, int, int]] = []
    cells = cells_of(ABOVE_ITS_BOUND, 1)
    exact(cells, worst_start(cells), 1_000, lambda *now: heard.append(now))
    assert heard[0] == ("start", 15, 5)
    assert heard[-1] == ("exact", 6, 6)
    assert heard[1:] == sorted(heard[1:], key=lambda now: (-now[1], now[2]))
