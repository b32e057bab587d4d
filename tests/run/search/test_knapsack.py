"""The table finds what trying everything finds."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from fleet.run.search.knapsack import CELLS, Item, best_choice

ITEMS = st.builds(lambda w, v: Item(weight=w, value=v), st.integers(0, 12), st.integers(-5, 20))
GROUPS = st.lists(st.lists(ITEMS, max_size=3), max_size=4)


def taken(groups: list[list[Item]], chosen: tuple[int, ...]) -> tuple[int, int]:
    """Weight and value of a choice."""
    items = [group[index] for group, index in zip(groups, chosen, strict=True) if index >= 0]
    return sum(item.weight for item in items), sum(item.value for item in items)


@given(GROUPS, st.integers(0, 30))
def test_the_best_choice_is_the_best_of_all(groups: list[list[Item]], room: int) -> None:
    every = (taken(groups, chosen) for chosen in product(*(range(-1, len(group)) for group in groups)))
    weight, value = taken(groups, best_choice(groups, room))
    assert weight <= room
    assert value == max(value for weight, value in every if weight <= room)


@given(GROUPS, st.integers(1, 9))
def test_rounded_weights_never_leave_the_room(groups: list[list[Item]], factor: int) -> None:
    """Weights of thousands of bytes in a room of more bytes than the table has cells."""
    large = [[Item(weight=item.weight * 10_007 * factor, value=item.value) for item in group] for group in groups]
    room = 3 * CELLS * factor
    assert taken(large, best_choice(large, room))[0] <= room
