"""Frames in pieces: what is put together is what was split, and nothing else is."""

from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.federation.links.fragments import (
    ACK,
    HEAD,
    MOST,
    PAYLOAD,
    PIECE,
    Fragment,
    Incoming,
    LinkError,
    parse,
    split,
)


@given(frame=st.binary(min_size=1, max_size=3 * PAYLOAD), seed=st.randoms(use_true_random=False))
def test_pieces_in_any_order_and_twice_make_the_frame_once(frame: bytes, seed: object) -> None:
    datagrams = [piece.encoded() for piece in split(frame)] * 2
    seed.shuffle(datagrams)  # type: ignore[attr-defined]
    assert all(len(datagram) <= MOST for datagram in datagrams)
    incoming = Incoming()
    whole = [incoming.feed(piece) for piece in map(parse, datagrams) if piece is not None]
    assert [got for got in whole if got is not None] == [frame]


def test_a_datagram_is_as_it_is_written_down() -> None:
    (piece,) = split(b"abc")
    head = b"fl\x01\x01\x00\x00\x01\x00" + crc32(b"abc").to_bytes(4, "little")
    assert piece.encoded() == head + b"abc" + crc32(head + b"abc").to_bytes(4, "little")
    assert piece.acknowledgement.encoded()[3] == ACK
    assert HEAD.size == 12
    assert PAYLOAD == 1008


@given(datagram=st.binary(max_size=MOST + 20))
def test_what_is_no_fragment_is_nothing(datagram: bytes) -> None:
    assert parse(datagram) is None


@given(at=st.integers(0, 18), bit=st.integers(0, 7))
def test_a_flipped_bit_is_seen(at: int, bit: int) -> None:
    datagram = bytearray(split(b"abc")[0].encoded())
    datagram[at] ^= 1 << bit
    assert parse(bytes(datagram)) is None


@pytest.mark.parametrize(
    "fragment",
    [
        Fragment(kind=PIECE, index=1, count=1, message=0, payload=b"x"),
        Fragment(kind=PIECE, index=0, count=4097, message=0, payload=b"x"),
        Fragment(kind=PIECE, index=0, count=1, message=0),
        Fragment(kind=ACK, index=0, count=1, message=0, payload=b"x"),
        Fragment(kind=3, index=0, count=1, message=0),
    ],
)
def test_a_whole_fragment_that_means_nothing_is_dropped(fragment: Fragment) -> None:
    assert parse(fragment.encoded()) is None


def test_pieces_of_two_frames_are_not_mixed() -> None:
    a, b = split(b"a" * 2 * PAYLOAD), split(b"b" * 2 * PAYLOAD)
    incoming = Incoming()
    assert incoming.feed(a[0]) is None
    assert incoming.feed(b[1]) is None
    assert incoming.feed(a[1]) is None  # b has put a away
    assert incoming.feed(a[0]) == b"a" * 2 * PAYLOAD


def test_a_frame_that_is_not_the_one_its_pieces_name_is_dropped() -> None:
    incoming = Incoming()
    assert incoming.feed(Fragment(kind=PIECE, index=0, count=1, message=7, payload=b"x")) is None


@pytest.mark.parametrize("size", [0, 4096 * PAYLOAD + 1])
def test_a_frame_that_no_link_carries_is_refused(size: int) -> None:
    with pytest.raises(LinkError, match=r"expected a frame of 1 to 4,128,768 bytes, got"):
        split(bytes(size))
