"""Seals: both sides make the same bytes, and neither takes what another made, changed or sent twice."""

import ctypes as c
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.node.wire.frames import FrameError
from fleet.node.wire.seal import BY_NODE, BY_SERVER, SEAL_BYTES, seal, unseal
from tests.node.engine.runtime_library import runtime_library

KEYS = st.binary(min_size=32, max_size=32)
COUNTERS = st.integers(0, 2**64 - 1)
KEY = bytes(range(32))
BAD_SEAL = -9


class Counter(c.Structure):
    _fields_ = [("low", c.c_uint32), ("high", c.c_uint32)]

    @property
    def number(self) -> int:
        return int(self.high) << 32 | int(self.low)


def counter_of(number: int) -> Counter:
    return Counter(number & 0xFFFFFFFF, number >> 32)


def seal_in_c(key: bytes, counter: int, frame: bytes) -> bytes:
    buffer = (c.c_uint8 * (len(frame) + SEAL_BYTES))(*frame)
    assert runtime_library().fe_seal(key, counter_of(counter), buffer, len(frame)) == len(buffer)
    return bytes(buffer)


def unseal_in_c(key: bytes, by: int, last: int, sealed: bytes) -> int | None:
    """The counter; None if it was refused, and then `last` stays."""
    known = counter_of(last)
    status = runtime_library().fe_unseal(key, by, c.byref(known), sealed, len(sealed))
    assert status in (0, BAD_SEAL)
    assert status == 0 or known.number == last
    return known.number if status == 0 else None


def unseal_here(key: bytes, by: int, last: int, sealed: bytes) -> int | None:
    try:
        return unseal(key, by, last, sealed)[1]
    except FrameError:
        return None


@given(st.binary(max_size=300), st.integers(0, 300))
def test_the_digest_is_that_of_hashlib_in_one_go_or_two(content: bytes, cut: int) -> None:
    lib = runtime_library()
    state, digest = (c.c_uint32 * 64)(), (c.c_uint8 * 32)()
    lib.fe_sha256_start(state)
    for part in (content[:cut], content[cut:]):
        lib.fe_sha256_add(state, part, len(part))
    lib.fe_sha256_end(state, digest)
    assert bytes(digest) == hashlib.sha256(content).digest()


@given(KEYS, COUNTERS, st.binary(max_size=200))
def test_both_sides_seal_with_the_same_bytes(key: bytes, counter: int, frame: bytes) -> None:
    assert seal_in_c(key, counter, frame) == seal(key, counter, frame)


def test_the_tag_is_the_first_half_of_hmac_over_counter_and_frame() -> None:
    number = (7).to_bytes(8, "little")
    assert seal(KEY, 7, b"frame") == b"frame" + number + hmac.digest(KEY, number + b"frame", "sha256")[:16]


@given(KEYS, COUNTERS, COUNTERS, st.binary(max_size=60))
def test_a_frame_is_taken_by_the_other_side_with_a_counter_above_the_last(
    key: bytes, counter: int, last: int, frame: bytes
) -> None:
    sealed = seal(key, counter, frame)
    for by in (BY_SERVER, BY_NODE):
        expected = counter if counter & 1 == by and counter > last else None
        assert unseal_here(key, by, last, sealed) == unseal_in_c(key, by, last, sealed) == expected


@given(st.binary(max_size=40), st.data())
def test_a_changed_bit_or_another_key_is_refused(frame: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal(KEY, 2, frame))
    assert unseal_in_c(bytes(32), BY_SERVER, 0, bytes(sealed)) is None
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    assert unseal_here(KEY, BY_SERVER, 0, bytes(sealed)) is None
    assert unseal_in_c(KEY, BY_SERVER, 0, bytes(sealed)) is None


@given(st.binary(max_size=60))
def test_bytes_of_any_length_are_refused_and_nothing_more(content: bytes) -> None:
    for by in (BY_SERVER, BY_NODE):
        assert unseal_here(KEY, by, 0, content) is None
        assert unseal_in_c(KEY, by, 0, content) is None


def test_a_refusal_says_what_to_do() -> None:
    sealed = seal(KEY, 4, b"frame")
    assert unseal(KEY, BY_SERVER, 2, sealed) == (b"frame", 4)
    with pytest.raises(FrameError, match="expected a counter above 4, got 4; it was here before"):
        unseal(KEY, BY_SERVER, 4, sealed)
    with pytest.raises(FrameError, match="expected one of the node, got its own of the server; it was sent back"):
        unseal(KEY, BY_NODE, 0, sealed)
    with pytest.raises(FrameError, match="expected the seal of this node's key"):
        unseal(bytes(32), BY_SERVER, 0, sealed)
    with pytest.raises(FrameError, match="key: expected 32 bytes, got 3"):
        seal(b"abc", 4, b"frame")
