"""Fragments of IPv6 datagrams as RFC 4944 cuts them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.world.radio.ieee802154.sixlowpan import (
    FCS_OCTETS,
    FIRST_OCTETS,
    MAC_OCTETS,
    NEXT_OCTETS,
    ROOM_OCTETS,
    frames,
    udp_frames,
)


def test_the_largest_datagram_takes_14_fragments_of_96_octets() -> None:
    lengths = frames(1_280)
    assert (ROOM_OCTETS, len(lengths)) == (104, 14)
    assert lengths[0] == MAC_OCTETS + FIRST_OCTETS + 96 + FCS_OCTETS
    assert set(lengths[1:-1]) == {MAC_OCTETS + NEXT_OCTETS + 96 + FCS_OCTETS}


def test_a_lost_fragment_loses_the_datagram_more_often_than_a_frame() -> None:
    """1 - (1 - p)^14 for p = 1 % is 13.1 %."""
    assert round(100 * (1 - 0.99 ** len(frames(1_280))), 1) == 13.1


def test_a_coap_block_of_1024_bytes_takes_11_frames() -> None:
    assert len(udp_frames(1_024 + 13)) == 11


@given(datagram=st.integers(0, 1_280), saved=st.integers(0, 40))
def test_fragments_carry_the_whole_datagram_in_units_of_eight(datagram: int, saved: int) -> None:
    saved = min(saved, datagram)
    lengths = frames(datagram, saved_octets=saved)
    assert max(lengths) <= 127
    inside = [length - MAC_OCTETS - FCS_OCTETS for length in lengths]
    if len(lengths) == 1:
        assert inside == [datagram - saved]
        return
    first, *others = inside[0] - FIRST_OCTETS + saved, *(length - NEXT_OCTETS for length in inside[1:])
    assert first + sum(others) == datagram
    assert all(size % 8 == 0 for size in (first, *others[:-1]))


def test_a_datagram_that_6lowpan_cannot_carry_is_refused_with_the_remedy() -> None:
    with pytest.raises(
        ValueError, match="expected up to 1280 octets with their headers, got 1281; take smaller blocks"
    ):
        frames(1_281)
