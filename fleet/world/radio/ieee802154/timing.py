"""IEEE 802.15.4, O-QPSK at 2.4 GHz: how long frames, gaps and channel access take.

Source: IEEE Std 802.15.4-2020, clauses 6.2.5 (channel access), 8.4.2 and 8.4.3 (MAC constants and defaults), 11.3 and
12.1 (PHY constants, O-QPSK PPDU). A symbol is 16 us and carries 4 bits: 250 kbit/s, 32 us for an octet.
"""

from typing import Final

SYMBOL_US: Final = 16
OCTET_US: Final = 32
SHR_PHR_OCTETS: Final = 4 + 1 + 1  # preamble, start-of-frame delimiter, length
PSDU_OCTETS: Final = 127  # aMaxPhyPacketSize
ACK_OCTETS: Final = 5  # PSDU of an immediate acknowledgement
SHORT_OCTETS: Final = 18  # aMaxSifsFrameSize: a longer frame needs the long space after it

BACKOFF_US: Final = 20 * SYMBOL_US  # aUnitBackoffPeriod
CCA_US: Final = 8 * SYMBOL_US
TURNAROUND_US: Final = 12 * SYMBOL_US
ACK_WAIT_US: Final = 54 * SYMBOL_US  # macAckWaitDuration
SIFS_US: Final = 12 * SYMBOL_US
LIFS_US: Final = 40 * SYMBOL_US

MIN_BE: Final = 3  # macMinBe
MAX_BE: Final = 5  # macMaxBe
MAX_BACKOFFS: Final = 4  # macMaxCsmaBackoffs
MAX_RETRIES: Final = 3  # macMaxFrameRetries


def frame_us(psdu_octets: int) -> int:
    """Time on the air of one frame, in microseconds. psdu_octets: header, payload and check, 1 to 127."""
    if not 1 <= psdu_octets <= PSDU_OCTETS:
        raise ValueError(f"psdu_octets: expected 1 to {PSDU_OCTETS}, got {psdu_octets}; fragment the datagram")
    return (SHR_PHR_OCTETS + psdu_octets) * OCTET_US


ACK_US: Final = frame_us(ACK_OCTETS)


def space_us(psdu_octets: int) -> int:
    """Silence after a frame and its acknowledgement before the same sender may go on, in microseconds."""
    return LIFS_US if psdu_octets > SHORT_OCTETS else SIFS_US


def after_access_us(psdu_octets: int) -> int:
    """Time of one frame from a clear channel to the end of the space after its acknowledgement, in microseconds."""
    return TURNAROUND_US + frame_us(psdu_octets) + TURNAROUND_US + ACK_US + space_us(psdu_octets)


def mean_cycle_us(psdu_octets: int) -> int:
    """Mean time of one frame on an idle channel, in microseconds: the first backoff is 3.5 of 0 to 7 units."""
    return (2**MIN_BE - 1) * BACKOFF_US // 2 + CCA_US + after_access_us(psdu_octets)
