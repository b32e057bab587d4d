"""6LoWPAN: which frames carry an IPv6 datagram.

Source: RFC 4944, 5.3 (fragments: 4 octets of header in the first, 5 in the others; sizes and offsets count octets of
the uncompressed datagram, offsets in units of 8) and RFC 6282 (compressed headers).
"""

from typing import Final

from fleet.world.radio.ieee802154.timing import PSDU_OCTETS

MAC_OCTETS: Final = 21  # frame control 2, number 1, one PAN identifier 2, two long addresses 16
FCS_OCTETS: Final = 2
ROOM_OCTETS: Final = PSDU_OCTETS - MAC_OCTETS - FCS_OCTETS
FIRST_OCTETS: Final = 4
NEXT_OCTETS: Final = 5
DATAGRAM_OCTETS: Final = 1280  # least MTU of IPv6, which 6LoWPAN provides; RFC 4944, 4
PLAIN_OCTETS: Final = 40 + 8  # IPv6 and UDP headers, as the datagram counts them
COMPRESSED_OCTETS: Final = 2 + 6  # modelled: link-local IPHC 2 (RFC 6282, 3.1), UDP with its checksum 6 (4.3)


def frames(datagram_octets: int, *, saved_octets: int = 0) -> list[int]:
    """PSDU lengths of the frames that carry a datagram, in order.

    saved_octets: how much shorter the compressed headers are than those the datagram counts.
    """
    if not 0 <= saved_octets <= datagram_octets <= DATAGRAM_OCTETS:
        text = f"expected up to {DATAGRAM_OCTETS} octets with their headers, got {datagram_octets}"
        raise ValueError(f"datagram_octets: {text}; take smaller blocks")
    whole = datagram_octets - saved_octets
    if whole <= ROOM_OCTETS:
        return [_psdu(whole)]
    first = (ROOM_OCTETS - FIRST_OCTETS + saved_octets) // 8 * 8  # of the uncompressed datagram
    each = (ROOM_OCTETS - NEXT_OCTETS) // 8 * 8
    full, rest = divmod(datagram_octets - first, each)
    lengths = [each] * full + ([rest] if rest else [])
    return [_psdu(FIRST_OCTETS + first - saved_octets), *(_psdu(NEXT_OCTETS + length) for length in lengths)]


def udp_frames(payload_octets: int) -> list[int]:
    """PSDU lengths of the frames that carry a UDP payload under compressed headers, in order."""
    return frames(PLAIN_OCTETS + payload_octets, saved_octets=PLAIN_OCTETS - COMPRESSED_OCTETS)


def _psdu(octets: int) -> int:
    return MAC_OCTETS + octets + FCS_OCTETS
