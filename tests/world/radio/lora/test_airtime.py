"""Airtime against Semtech's spreadsheet, ns-3's vectors and LoRaSim's packets."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.world.radio.lora.airtime import Modem, airtime_us, airtimes_us, driver_ms

# Physical payload: milliseconds at SF 7 to 12, 125 kHz, CR 4/5, explicit header, CRC, eight preamble symbols.
# 10 bytes at SF 7, 8, 11 and 12 and 20 bytes as published; the others from the same formula, worked out by hand.
WORKED_MS = {
    10: (41.216, 72.192, 144.384, 288.768, 577.536, 991.232),
    20: (56.576, 102.912, 185.344, 370.688, 741.376, 1318.912),
    51: (102.656, 184.832, 328.704, 616.448, 1314.816, 2465.792),
    64: (118.016, 215.552, 390.144, 698.368, 1560.576, 2793.472),
    235: (368.896, 655.872, 1168.384, 2131.968, 4673.536, 8364.032),
}

# ns-3 lorawan, test/lorawan-test-suite.cc, TimeOnAirTest: each edit is made on what the ones before left.
NS3: list[tuple[dict[str, Any], int]] = [
    ({"sf": 7, "payload": 10}, 41_216),
    ({"sf": 8}, 72_192),
    ({"explicit_header": False}, 72_192),
    ({"cr": 2}, 78_336),
    ({"preamble": 10}, 82_432),
    ({"low_data_rate": True}, 82_432),
    ({"sf": 10}, 280_576),
    ({"bandwidth_hz": 250_000}, 140_288),
    ({"bandwidth_hz": 500_000}, 70_144),
    ({"explicit_header": True}, 82_432),
    ({"preamble": 8}, 78_336),
    ({"sf": 12}, 264_192),
    ({"payload": 50}, 657_408),
    ({"bandwidth_hz": 125_000}, 2_629_632),
]


@pytest.mark.parametrize("payload, row", WORKED_MS.items())
def test_airtimes_of_the_worked_table_are_met_to_the_microsecond(payload: int, row: tuple[float, ...]) -> None:
    expected = [round(ms * 1000) for ms in row]
    assert [airtime_us(Modem(sf=sf), payload) for sf in range(7, 13)] == expected
    assert airtimes_us(np.arange(7, 13), payload).tolist() == expected


def test_the_fourteen_vectors_of_ns3_are_met_one_after_the_other() -> None:
    modem, payload, found = Modem(sf=7, low_data_rate=False), 10, []
    for edit, _ in NS3:
        payload = edit.get("payload", payload)
        modem = replace(modem, **{name: value for name, value in edit.items() if name != "payload"})
        found.append(airtime_us(modem, payload))
    assert found == [expected for _, expected in NS3]


def test_packets_of_lorasims_experiments_take_what_its_authors_say() -> None:
    assert airtime_us(Modem(sf=12, cr=4), 20) == 1_712_128
    assert airtime_us(Modem(sf=12), 20) == 1_318_912
    assert airtime_us(Modem(sf=6, bandwidth_hz=500_000, explicit_header=False), 20) == 7_072


def test_a_frame_of_thirteen_bytes_has_the_symbols_of_semtechs_spreadsheet() -> None:
    modem = Modem(sf=9)
    assert (modem.symbol_us, airtime_us(modem, 13)) == (4_096, 164_864)
    assert (airtime_us(modem, 13) - (8 * 4 + 17) * modem.symbol_us // 4) // modem.symbol_us == 28


def test_a_beacon_of_class_b_takes_what_the_specification_says() -> None:
    """17 bytes at SF 9 without header and CRC, ten preamble symbols: 152.576 ms (LoRaWAN 1.0.3, 15.2)."""
    assert airtime_us(Modem(sf=9, preamble=10, explicit_header=False, crc=False), 17) == 152_576


def test_the_driver_counts_whole_milliseconds_up_and_begins_at_sf_5() -> None:
    assert [driver_ms(Modem(sf=sf), 20) for sf in range(5, 13)] == [19, 34, 57, 103, 186, 371, 742, 1319]


@given(
    sf=st.integers(7, 12),
    payload=st.integers(0, 255),
    bandwidth_hz=st.sampled_from([125_000, 250_000, 500_000]),
    cr=st.integers(1, 4),
    preamble=st.integers(6, 40),
)
def test_arrays_and_driver_agree_with_the_single_frame(
    sf: int, payload: int, bandwidth_hz: int, cr: int, preamble: int
) -> None:
    modem = Modem(sf=sf, bandwidth_hz=bandwidth_hz, cr=cr, preamble=preamble)
    one_us = airtime_us(modem, payload)
    many = airtimes_us(np.array([sf, 7]), np.array([payload, 0]), bandwidth_hz=bandwidth_hz, cr=cr, preamble=preamble)
    assert many[0] == one_us
    assert driver_ms(modem, payload) == -(-one_us // 1000)


@given(sf=st.integers(5, 12), payload=st.integers(0, 254))
def test_a_longer_payload_never_takes_less_time(sf: int, payload: int) -> None:
    assert airtime_us(Modem(sf=sf), payload) <= airtime_us(Modem(sf=sf), payload + 1)


def test_no_frames_take_no_time_and_keep_their_shape() -> None:
    assert airtimes_us(np.empty((0, 3), dtype=np.int64), 20).shape == (0, 3)


def test_an_oversized_payload_is_refused_with_the_remedy() -> None:
    for refused in (lambda: airtime_us(Modem(sf=7), 256), lambda: airtimes_us(np.array([7]), 256)):
        with pytest.raises(ValueError, match="expected 0 to 255, got 256; fragment"):
            refused()


def test_everything_wrong_with_a_setting_is_said_at_once() -> None:
    with pytest.raises(InputError) as refused:
        Modem(sf=13, bandwidth_hz=200_000, cr=5, preamble=2)
    assert [fault.where for fault in refused.value.faults] == ["lora.sf", "lora.bandwidth", "lora.cr", "lora.preamble"]
