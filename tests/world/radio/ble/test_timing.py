"""Packet times against the figures that vendors and the specification print."""

import pytest

from fleet.node.cost import energy_nj
from fleet.world.radio.ble.timing import (
    ATT_BYTES,
    PHYS,
    T_IFS_US,
    back_to_back_us,
    exchange_us,
    packet_octets,
    pdu_us,
    throughput_bps,
)

# PHY, PDU payload, time of data, gap, empty, gap. 676: PSoC throughput note; 496: Punch Through; the others computed.
CYCLES_US = [
    ("1M", 27, 676),
    ("1M", 251, 2468),
    ("2M", 27, 496),
    ("2M", 251, 1392),
    ("S2", 251, 5240),
    ("S8", 251, 17804),
]

# ATT payload in kbit/s, back to back, without acknowledged writes.
THROUGHPUT_KBPS = [
    ("1M", 27, 236.7),
    ("1M", 251, 790.9),
    ("2M", 27, 322.6),
    ("2M", 251, 1402.3),
    ("S2", 251, 372.5),
    ("S8", 251, 109.6),
]

HUNDRED_KB_S = [
    ("1M", 27, 3.38),
    ("1M", 251, 1.01),
    ("2M", 27, 2.48),
    ("2M", 251, 0.57),
    ("S2", 251, 2.15),
    ("S8", 251, 7.30),
]


@pytest.mark.parametrize("phy, octets, expected_us", CYCLES_US)
def test_one_exchange_takes_the_published_time(phy: str, octets: int, expected_us: int) -> None:
    assert exchange_us(phy, octets) == expected_us


@pytest.mark.parametrize("phy, expected_us", [("1M", 2120), ("2M", 1064), ("S8", 17040)])
def test_the_longest_encrypted_packet_is_the_one_of_the_specification(phy: str, expected_us: int) -> None:
    assert pdu_us(phy, 251, encrypted=True) == expected_us


def test_an_empty_packet_has_no_integrity_check() -> None:
    assert pdu_us("1M", 0, encrypted=True) == pdu_us("1M", 0) == 80


@pytest.mark.parametrize("phy, octets, expected_kbps", THROUGHPUT_KBPS)
def test_throughput_is_the_published_one(phy: str, octets: int, expected_kbps: float) -> None:
    assert round(throughput_bps(phy, octets) / 1000, 1) == expected_kbps


@pytest.mark.parametrize("phy, octets, expected_s", HUNDRED_KB_S)
def test_a_hundred_kilobytes_take_the_published_time(phy: str, octets: int, expected_s: float) -> None:
    assert round(back_to_back_us(phy, octets, 100_000) / 1e6, 2) == expected_s


def test_a_hundred_kilobytes_are_410_packets_and_one_second() -> None:
    assert len(packet_octets(251, 100_000)) == 410
    assert 410 * exchange_us("1M", 251) == 1_011_880
    assert back_to_back_us("1M", 251, 100_000) == 1_011_880 - 40 * 8  # the last packet carries 204 bytes, not 244


@pytest.mark.parametrize("phy, expected_mj", [("1M", 17.8), ("2M", 9.5)])
def test_a_hundred_kilobytes_into_a_peripheral_cost_the_published_energy(phy: str, expected_mj: float) -> None:
    """410 full packets at 3 V: receive 6.26 mA, transmit 6.40 mA, gaps 3 mA."""
    parts = [(6_260_000, pdu_us(phy, 251)), (6_400_000, pdu_us(phy, 0)), (3_000_000, 2 * T_IFS_US)]
    total_nj = sum(energy_nj(3_000, current_na, 410 * time_us) for current_na, time_us in parts)
    assert round(total_nj / 1e6, 1) == expected_mj


@pytest.mark.parametrize("phy", PHYS)
@pytest.mark.parametrize("payload", [0, 1, 20, 243, 244, 245, 4312])
def test_packets_carry_the_whole_message_and_nothing_more(phy: str, payload: int) -> None:
    octets = packet_octets(251, payload)
    assert sum(octets) - ATT_BYTES * len(octets) == payload
    assert max(octets) <= 251


def test_a_packet_that_cannot_be_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="expected 0 to 255 with the MIC, got 256; fragment"):
        pdu_us("1M", 252, encrypted=True)
    with pytest.raises(ValueError, match="expected one of 1M, 2M, S2, S8, got '4M'"):
        pdu_us("4M", 0)
