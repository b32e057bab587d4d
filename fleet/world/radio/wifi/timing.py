"""IEEE 802.11n at 2.4 GHz, 20 MHz, one stream: how long frames and gaps take.

Source: IEEE Std 802.11-2020, 19.3 and 19.4 (HT PPDU, mixed format: 36 us of preamble, symbols of 4 us that carry 26,
52 ... 260 data bits), 17.3 (the 24 Mbit/s acknowledgement: 20 us of preamble, 96 bits a symbol), 10.3.7 (DIFS) and
table 19-25 (slot 9 us, SIFS 10 us, CWmin 15); 18.3.2.4 adds 6 us of silence to every OFDM frame at 2.4 GHz.
"""

from typing import Final

HT_PREAMBLE_US: Final = 36
LEGACY_PREAMBLE_US: Final = 20
SYMBOL_US: Final = 4
EXTENSION_US: Final = 6
SERVICE_TAIL_BITS: Final = 16 + 6
HT_BITS: Final = (26, 52, 78, 104, 156, 208, 234, 260)  # data bits of a symbol for MCS 0 to 7, long guard interval
ACK_SYMBOL_BITS: Final = 96  # 24 Mbit/s
ACK_OCTETS: Final = 14
SLOT_US: Final = 9
SIFS_US: Final = 10
DIFS_US: Final = SIFS_US + 2 * SLOT_US
CW_MIN: Final = 15
CW_MAX: Final = 1023
RETRIES: Final = 7  # dot11ShortRetryLimit, default
MAC_OCTETS: Final = 26 + 8 + 8 + 8 + 4  # QoS header, CCMP header, LLC/SNAP, CCMP check, FCS
BEACON_US: Final = 102_400  # 100 time units: the usual beacon interval


def frame_us(payload_octets: int, mcs: int) -> int:
    """Time on the air of one data frame, in microseconds. payload_octets: the IP packet. mcs: 0 to 7."""
    bits = SERVICE_TAIL_BITS + 8 * (MAC_OCTETS + payload_octets)
    return HT_PREAMBLE_US + SYMBOL_US * -(-bits // HT_BITS[mcs]) + EXTENSION_US


ACK_US: Final = (
    LEGACY_PREAMBLE_US + SYMBOL_US * -(-(SERVICE_TAIL_BITS + 8 * ACK_OCTETS) // ACK_SYMBOL_BITS) + EXTENSION_US
)
