"""Whatever the effort: what is placed can be run, is no smaller than its bound, and comes out the same each time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.node.plan.placement import Block, Effort, Part, place_blocks
from tests.node.plan.placement.blocks import clashes, highest, live_bytes, lowest, rectangles, simple, staircases


@settings(max_examples=120)
@given(blocks=staircases(), align=st.sampled_from([1, 4, 16]))
def test_no_byte_is_held_twice_and_the_peak_is_what_is_used(blocks: list[Block], align: int) -> None:
    placement = place_blocks(blocks, align=align)
    assert clashes(blocks, placement) == []
    assert set(placement.offsets) == {block.name for block in blocks}
    assert lowest(blocks, placement) >= 0
    assert all(offset >= 0 and offset % align == 0 for offset in placement.offsets.values())
    assert placement.peak_bytes - align < highest(blocks, placement) <= placement.peak_bytes
    assert live_bytes(blocks) <= placement.bound_bytes <= placement.peak_bytes


@given(blocks=rectangles())
def test_the_bound_of_aligned_blocks_is_the_fullest_step(blocks: list[Block]) -> None:
    assert place_blocks(blocks, align=1).bound_bytes == live_bytes(blocks)


@settings(max_examples=40)
@given(blocks=staircases())
def test_the_same_blocks_get_the_same_bases(blocks: list[Block]) -> None:
    assert place_blocks(blocks) == place_blocks(blocks)


def test_a_life_includes_both_its_ends() -> None:
    ends_as_other_begins = [simple(0, 3, 8, "a"), simple(3, 5, 8, "b")]
    apart = [simple(0, 3, 8, "a"), simple(4, 5, 8, "b")]
    assert place_blocks(ends_as_other_begins).peak_bytes == 16
    assert place_blocks(apart).peak_bytes == 8


def test_a_chain_that_shrinks_leaves_its_upper_bytes_to_others() -> None:
    chain = Block(name="chain", parts=(Part(first=0, last=1, size_bytes=64), Part(first=1, last=3, size_bytes=16)))
    placement = place_blocks([chain, simple(2, 3, 48, "late")])
    assert placement.peak_bytes == placement.bound_bytes == 64
    assert placement.proved


def test_what_cannot_be_placed_is_refused_with_every_fault() -> None:
    blocks = [simple(0, 1, 4, "a"), simple(2, 1, 4, "a"), Block(name="none", parts=()), simple(0, 1, -4, "less")]
    with pytest.raises(InputError) as refused:
        place_blocks(blocks)
    assert len(refused.value.faults) == 4


@settings(max_examples=60)
@given(blocks=staircases())
def test_a_glance_is_a_placement_and_no_better_than_a_longer_look(blocks: list[Block]) -> None:
    glance = place_blocks(blocks, effort=Effort.GLANCE)
    assert clashes(blocks, glance) == []
    assert lowest(blocks, glance) >= 0
    assert glance.peak_bytes >= place_blocks(blocks).bound_bytes == glance.bound_bytes


def test_progress_hears_of_the_peak_and_the_bound() -> None:
    heard = []
    placement = place_blocks([simple(0, 1, 8, "a")], effort=Effort.QUICK, progress=lambda *now: heard.append(now))
    assert heard[-1][1:] == (placement.peak_bytes, placement.bound_bytes) == (8, 8)
