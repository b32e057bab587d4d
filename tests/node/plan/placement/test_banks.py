"""Blocks over several banks: every block in one of them, no bank too full, and an answer where there is one."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base.errors import DoesNotFit, InputError
from fleet.node.plan.placement import Block, Effort, Placement, place_blocks, place_in_banks
from tests.node.plan.placement.blocks import clashes, highest, rectangles, simple, staircases


def check(blocks: list[Block], banks: dict[str, int], parts: dict[str, Placement]) -> None:
    assert list(parts) == list(banks)
    assert sorted(name for part in parts.values() for name in part.offsets) == sorted(b.name for b in blocks)
    for name, part in parts.items():
        members = [block for block in blocks if block.name in part.offsets]
        assert clashes(members, part) == []
        assert highest(members, part) <= part.peak_bytes <= banks[name]


@settings(max_examples=150)
@given(blocks=staircases(), sizes=st.lists(st.integers(0, 200), min_size=1, max_size=3))
def test_every_block_lies_in_a_bank_that_holds_it(blocks: list[Block], sizes: list[int]) -> None:
    banks = {f"bank {i}": size for i, size in enumerate(sizes)}
    try:
        parts = place_in_banks(blocks, banks)
    except DoesNotFit:
        return
    check(blocks, banks, parts)


def fits_somehow(blocks: list[Block], banks: dict[str, int]) -> bool:
    """Whether one of all divisions has every bank placed with proof within its size."""
    for choice in product(banks, repeat=len(blocks)):
        divided = {name: [b for b, of in zip(blocks, choice, strict=True) if of == name] for name in banks}
        peaks = {name: place_blocks(of, align=1, effort=Effort.PROVE).peak_bytes for name, of in divided.items()}
        if all(peaks[name] <= size for name, size in banks.items()):
            return True
    return False


@settings(max_examples=40)
@given(blocks=rectangles(5), share=st.integers(1, 9), spare=st.integers(-3, 3))
def test_two_banks_are_filled_whenever_any_division_fills_them(blocks: list[Block], share: int, spare: int) -> None:
    """The smallest of sizes: what lives at once, cut in two, and a few bytes more or less."""
    bound = max(place_blocks(blocks, align=1).bound_bytes + spare, 0)
    banks = {"fast": bound * share // 10, "slow": bound - bound * share // 10}
    try:
        check(blocks, banks, place_in_banks(blocks, banks, align=1))
    except DoesNotFit:
        assert not fits_somehow(blocks, banks)
    else:
        assert fits_somehow(blocks, banks)


def test_what_largest_first_leaves_over_is_divided_anew() -> None:
    """Largest first makes 5 + 4 and 4 + 3 + 2, with no room for the second 2; 5 + 3 + 2 and 4 + 4 + 2 fill both."""
    blocks = [simple(0, 1, size, name) for name, size in zip("abcdef", [5, 4, 4, 3, 2, 2], strict=True)]
    parts = place_in_banks(blocks, {"one": 10, "two": 10}, align=1)
    assert [part.peak_bytes for part in parts.values()] == [10, 10]


def test_what_fits_the_first_bank_lies_there() -> None:
    blocks = [simple(0, 3, 8, "a"), simple(2, 3, 8, "b"), simple(4, 5, 16, "c")]
    parts = place_in_banks(blocks, {"fast": 16, "slow": 100})
    assert parts["fast"].peak_bytes == 16
    assert parts["slow"].offsets == {}


def test_what_does_not_fit_is_refused_with_the_arithmetic() -> None:
    with pytest.raises(DoesNotFit, match=r"room for 1,032 B .* fast 512 B \+ slow 512 B \(8 over\)"):
        place_in_banks([simple(0, 1, 516, "a"), simple(1, 2, 516, "b")], {"fast": 512, "slow": 512})
    with pytest.raises(DoesNotFit, match="no division of the blocks was found"):
        place_in_banks([simple(0, 1, 516, "a"), simple(1, 2, 16, "b")], {"fast": 512, "slow": 512})
    with pytest.raises(InputError, match="expected a bank, got none"):
        place_in_banks([], {})
