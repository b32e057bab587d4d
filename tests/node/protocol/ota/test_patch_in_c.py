"""fe_patch.c against detools: the same image from the same patch, resumed wherever the power went, and nothing but a
refusal for bytes that are no patch."""

from io import BytesIO
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleet.base.rng import draws32, key
from fleet.node.protocol.delta import PatchError, check_patch
from fleet.node.protocol.manifest import Compression
from fleet.node.protocol.patch import in_place_patch
from tests.node.protocol.ota.patch_device import BAD, FLASH, OK, START, PatchDevice

detools: Any = pytest.importorskip("detools", reason="patches: pip install 'mcufleet[ota]'")

PAGE = 256


def bytes_of(seed: int, size_bytes: int) -> bytes:
    return draws32(key(seed, 1), 0, -(-size_bytes // 4)).tobytes()[:size_bytes]


def related(seed: int, size_bytes: int) -> tuple[bytes, bytes]:
    """Two images of which one is the other with pieces changed, moved and put in."""
    old = bytes_of(seed, size_bytes)
    cut = size_bytes // 3 + seed % 17
    new = bytearray(old[cut:] + b"put in" * (seed % 40) + old[: cut + cut // 2])
    for at in range(seed % 89, len(new), 97 + seed % 31):
        new[at] ^= 1 << seed % 8
    return old, bytes(new)


def memory_for(old: bytes, new: bytes, page: int = PAGE, shift_pages: int = 2) -> int:
    return (max(-(-len(old) // page) + shift_pages, -(-len(new) // page))) * page


def applied_by_detools(old: bytes, patch: bytes, memory_bytes: int, size_bytes: int) -> bytes:
    memory = BytesIO(old.ljust(memory_bytes, b"\xff"))
    assert detools.apply_patch_in_place(memory, BytesIO(patch)) == size_bytes
    return memory.getvalue()[:size_bytes]


def assert_applied(old: bytes, new: bytes, compression: Compression, page: int = PAGE, shift_pages: int = 2) -> None:
    memory = memory_for(old, new, page, shift_pages)
    patch = in_place_patch(
        old, new, memory_bytes=memory, segment_bytes=page, shift_bytes=shift_pages * page, compression=compression
    )
    device = PatchDevice(memory, page, old, patch)
    assert (device.open(), device.run()) == (OK, OK)
    assert device.image(len(new)) == new == applied_by_detools(old, patch, memory, len(new))
    assert device.word("port_faults") == 0


@given(
    seed=st.integers(0, 10**6),
    size=st.integers(1, 6000),
    compression=st.sampled_from(Compression),
    page=st.sampled_from((64, 256, 1024)),
    shift=st.integers(1, 4),
)
@settings(max_examples=60)
def test_a_patch_between_related_images_gives_what_detools_gives(
    seed: int, size: int, compression: Compression, page: int, shift: int
) -> None:
    assert_applied(*related(seed, size), compression, page, shift)


@given(old=st.binary(min_size=1, max_size=700), new=st.binary(max_size=900), compression=st.sampled_from(Compression))
@example(old=b"a", new=b"", compression=Compression.HEATSHRINK)
@example(old=b"a" * 600, new=b"a" * 700, compression=Compression.CRLE)
@settings(max_examples=60)
def test_a_patch_between_any_two_images_gives_what_detools_gives(
    old: bytes, new: bytes, compression: Compression
) -> None:
    assert_applied(old, new, compression)


@pytest.mark.parametrize("compression", Compression)
@pytest.mark.parametrize("torn", [0, 1, 100])
def test_power_lost_at_any_operation_changes_nothing_of_the_end(compression: Compression, torn: int) -> None:
    old, new = related(5, 2000)
    memory = memory_for(old, new)
    patch = in_place_patch(old, new, memory_bytes=memory, segment_bytes=PAGE, compression=compression)
    device = PatchDevice(memory, PAGE, old, patch)
    assert (device.open(), device.run()) == (OK, OK)
    operations = device.word("port_operations")
    assert operations > 100
    for cut in range(1, operations + 1):
        device = PatchDevice(memory, PAGE, old, patch)
        for operation in (cut, 1 + cut * 7 % 31):  # and once more while it recovers
            device.power_on(operation, torn)
            assert device.open() == OK
            if device.run() == OK:
                break
            device.power_on()
        device.power_on()
        assert (device.open(), device.run()) == (OK, OK)
        assert device.image(len(new)) == new, cut
        assert device.word("port_faults") == 0


def test_a_step_may_be_made_again_and_again() -> None:
    old, new = related(8, 1500)
    memory = memory_for(old, new)
    device = PatchDevice(memory, PAGE, old, in_place_patch(old, new, memory_bytes=memory, segment_bytes=PAGE))
    assert device.open() == OK
    for step in range(device.steps):
        for _ in range(3):
            assert device.lib.fe_patch_step(device._patch, step) == OK
    assert device.image(len(new)) == new
    assert device.lib.fe_patch_step(device._patch, device.steps) == BAD


def test_a_log_that_is_too_short_is_refused_before_anything_is_touched() -> None:
    old, new = related(8, 1500)
    memory = memory_for(old, new)
    device = PatchDevice(memory, PAGE, old, in_place_patch(old, new, memory_bytes=memory, segment_bytes=PAGE))
    assert device.open() == OK
    device.log_bytes = 32 * device.steps - 1
    assert device.run() == FLASH
    assert device.image(len(old)) == old


def verdicts(patch: bytes, memory: int, page: int) -> tuple[int, int]:
    """Of C and of Python; nothing may be touched."""
    old = bytes_of(3, 1000)
    device = PatchDevice(memory, page, old, patch)
    found = device.open()
    assert (device.word("port_operations"), device.word("port_faults")) == (0, 0)
    assert device.image(len(old)) == old
    try:
        head = check_patch(patch)
    except PatchError:
        return found, BAD
    fits = head.segment_bytes and not head.segment_bytes % page and head.memory_bytes <= memory
    return found, OK if fits else BAD


@given(data=st.data(), compression=st.sampled_from(Compression))
@settings(max_examples=300)
def test_a_damaged_patch_is_refused_or_read_alike_on_both_sides(data: st.DataObject, compression: Compression) -> None:
    old, new = related(data.draw(st.integers(0, 50)), 600)
    memory = memory_for(old, new)
    patch = bytearray(in_place_patch(old, new, memory_bytes=memory, segment_bytes=PAGE, compression=compression))
    for _ in range(data.draw(st.integers(0, 3))):
        patch[data.draw(st.integers(0, len(patch) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(patch)), st.integers(0, len(patch))))
    in_c, in_python = verdicts(bytes(patch[:cut]), memory, PAGE)
    assert in_c == in_python


@given(patch=st.binary(max_size=80), kind=st.sampled_from((0x10, 0x12, 0x14)))
@settings(max_examples=300)
def test_bytes_that_are_no_patch_are_read_alike_on_both_sides(patch: bytes, kind: int) -> None:
    head = bytes([kind, 0x80 | 0, 8, 0x80 | 0, 4, 0x80 | 0, 4, 0x80 | 0, 4])  # sizes 512 and 256
    in_c, in_python = verdicts(head + patch, 2048, PAGE)
    assert in_c == in_python


def test_all_that_a_node_needs_is_less_than_512_bytes() -> None:
    assert PatchDevice(512, PAGE, b"", b"").word("port_patch_bytes") < 512


def test_a_patch_for_another_flash_is_refused() -> None:
    old, new = related(8, 1500)
    memory = memory_for(old, new)
    patch = in_place_patch(old, new, memory_bytes=memory, segment_bytes=PAGE)
    assert PatchDevice(memory - PAGE, PAGE, old, patch).open() == BAD
    assert PatchDevice(memory, 1024, old, patch).open() == BAD
    assert START % 1024 == 0
