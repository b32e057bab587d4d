"""Patches on the host: detools makes them, our reading of them gives the same, and what is none is refused."""

from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base.errors import DoesNotFit
from fleet.node.protocol.delta import PatchError, check_patch, read_head, read_size
from fleet.node.protocol.manifest import Compression, Format
from fleet.node.protocol.patch import apply_sequential, in_place_patch, sequential_patch

detools: Any = pytest.importorskip("detools", reason="patches: pip install 'mcufleet[ota]'")


@given(old=st.binary(max_size=500), new=st.binary(max_size=700), compression=st.sampled_from(Compression))
@settings(max_examples=80)
def test_a_sequential_patch_gives_the_new_image_here_and_by_detools(
    old: bytes, new: bytes, compression: Compression
) -> None:
    patch = sequential_patch(old, new, compression=compression)
    out = BytesIO()
    detools.apply_patch(BytesIO(old), BytesIO(patch), out)
    assert apply_sequential(old, patch) == out.getvalue() == new


def test_a_head_says_what_detools_says_of_it() -> None:
    patch = in_place_patch(b"a" * 900, b"b" * 1000, memory_bytes=2048, segment_bytes=256, shift_bytes=512)
    head = check_patch(patch)
    name, info = detools.patch_info(BytesIO(patch))
    assert name == "in-place"
    assert (head.format, head.compression) == (Format.DELTA_IN_PLACE, Compression.CRLE)
    assert info[0] == len(patch)
    assert info[1] == "crle"
    sizes = (head.memory_bytes, head.segment_bytes, head.shift_bytes, head.from_bytes, head.to_bytes)
    assert sizes == tuple(info[3:8])
    assert (head.shifts, head.segments) == (4, 4)


@pytest.mark.parametrize("memory, word", [(1000, "1,536 B"), (1280, "1,536 B"), (1500, "1,536 B")])
def test_a_memory_without_room_for_the_shift_is_refused(memory: int, word: str) -> None:
    with pytest.raises(DoesNotFit, match=word):
        in_place_patch(b"a" * 1000, b"b" * 100, memory_bytes=memory, segment_bytes=256)


@pytest.mark.parametrize(
    "content, value",
    [(b"\x00", 0), (b"\x3f", 63), (b"\x80\x01", 64), (b"\x41", -1), (b"\xff\x7f", -8191),
     (b"\xbf\xff\xff\xff\x0f", 2**31 - 1)],
)  # fmt: skip
def test_numbers_are_those_of_detools(content: bytes, value: int) -> None:
    source = BytesIO(content)
    assert read_size(source.read) == value
    assert detools.common.unpack_size(BytesIO(content)) == value


@pytest.mark.parametrize("content", [b"", b"\x80", b"\xbf\xff\xff\xff\x1f", b"\x80\x80\x80\x80\x80\x00"])
def test_numbers_without_end_or_beyond_31_bits_are_refused(content: bytes) -> None:
    with pytest.raises(PatchError, match="expected a number"):
        read_size(BytesIO(content).read)


@pytest.mark.parametrize("patch", [b"", b"\x20\x00", b"\x11\x01", b"\x90\x00", b"\x10\x01\x01\x01\x01"])
def test_what_is_no_patch_is_refused(patch: bytes) -> None:
    with pytest.raises(PatchError, match="patch: expected"):
        read_head(patch)


def test_a_patch_for_another_image_is_refused_where_it_reads_what_is_not_there() -> None:
    old = bytes(range(256)) * 8
    patch = sequential_patch(old, old[1000:] + old[:1000])
    with pytest.raises(PatchError, match="old bytes"):
        apply_sequential(old[:100], patch)
    with pytest.raises(PatchError, match="expected a sequential one"):
        apply_sequential(old, in_place_patch(old, old, memory_bytes=4096, segment_bytes=256))
