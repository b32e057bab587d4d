"""Bluetooth LE 5: how long packets take on the air.

Source of the timing: Bluetooth Core Specification 5.x, Vol 6 Part B (Link Layer): 2.1 and 2.2 packet formats,
4.1.1 T_IFS, 4.4.2 advertising events, 4.5.1 connection events and interval, 4.5.2 supervision timeout.
ATT and L2CAP headers: Vol 3 Part F and Part A.
"""

from dataclasses import dataclass
from typing import Final

PHYS: Final = ("1M", "2M", "S2", "S8")  # S2 and S8: the coded PHY at 500 and 125 kbit/s

T_IFS_US: Final = 150  # Vol 6 Part B 4.1.1
MIC_BYTES: Final = 4  # of every encrypted data PDU that is not empty; Vol 6 Part B 2.4
ATT_BYTES: Final = 7  # L2CAP header 4, ATT opcode and handle 3


def pdu_us(phy: str, octets: int, *, encrypted: bool = False) -> int:
    """Time on the air of one packet in microseconds: preamble, access address, header, payload, CRC.

    octets: payload of the PDU, 0 to 255 with the MIC, which is added here when encrypted (an empty PDU has none).
    """
    n = octets + (MIC_BYTES if encrypted and octets else 0)
    if not 0 <= n <= 255:
        raise ValueError(f"octets: expected 0 to 255 with the MIC, got {n}; fragment larger payloads")
    match phy:
        case "1M":
            return (1 + 4 + 2 + n + 3) * 8
        case "2M":
            return (2 + 4 + 2 + n + 3) * 4
        case "S2" | "S8":
            s = int(phy[1])  # preamble, access address, coding indicator, TERM1 at S = 8; then S symbols a bit, TERM2
            return 80 + 256 + 16 + 24 + (16 + 8 * n + 24) * s + 3 * s
    raise ValueError(f"phy: expected one of {', '.join(PHYS)}, got {phy!r}; name a BLE 5 PHY")


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet on the air: how long it takes, and the bits that must arrive whole (preamble left out)."""

    time_us: int
    bits: int

    @classmethod
    def of(cls, phy: str, octets: int, *, encrypted: bool = False) -> "Packet":
        """The packet of a PDU: access address 4, header 2, payload with its MIC, CRC 3."""
        mic = MIC_BYTES if encrypted and octets else 0
        return cls(pdu_us(phy, octets, encrypted=encrypted), (4 + 2 + octets + mic + 3) * 8)


def exchange_us(phy: str, octets: int, *, encrypted: bool = False) -> int:
    """Time of one data packet, its empty acknowledgement and the two gaps, in microseconds."""
    return pdu_us(phy, octets, encrypted=encrypted) + T_IFS_US + pdu_us(phy, 0) + T_IFS_US


def packet_octets(octets: int, payload_bytes: int) -> list[int]:
    """PDU payloads that carry a message: ATT writes of up to octets - 7 bytes, one to a packet."""
    full, rest = divmod(payload_bytes, octets - ATT_BYTES)
    return [octets] * full + ([rest + ATT_BYTES] if rest or not full else [])


def back_to_back_us(phy: str, octets: int, payload_bytes: int, *, encrypted: bool = False) -> int:
    """Time of a whole message when exchanges follow each other without a pause or a loss, in microseconds."""
    return sum(exchange_us(phy, n, encrypted=encrypted) for n in packet_octets(octets, payload_bytes))


def throughput_bps(phy: str, octets: int) -> int:
    """ATT payload bits per second of back-to-back full packets: the most that a PHY can carry."""
    return (octets - ATT_BYTES) * 8 * 1_000_000 // exchange_us(phy, octets)
