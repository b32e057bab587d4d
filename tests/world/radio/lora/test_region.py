"""EU868's numbers, and what follows from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.world.radio.lora import region
from fleet.world.radio.lora.airtime import airtime_us


def test_data_rates_carry_what_the_region_says() -> None:
    assert [region.RATES[rate][0] for rate in range(6)] == [12, 11, 10, 9, 8, 7]
    assert [region.payload_limit(rate) for rate in range(7)] == [51, 51, 51, 115, 222, 222, 222]
    assert [region.payload_limit(rate, repeater=False) for rate in range(7)] == [51, 51, 51, 115, 242, 242, 242]
    assert [region.rate_of(sf) for sf in range(7, 13)] == [5, 4, 3, 2, 1, 0]


def test_frames_carry_thirteen_bytes_more_than_their_payload() -> None:
    assert region.frame_us(0, 51) == 2_793_472
    assert region.frame_us(5, 222) == 368_896


@pytest.mark.parametrize(
    "khz, permille",
    [
        (863_500, 1),
        (865_000, 10),
        (867_100, 10),
        (868_000, 10),
        (868_100, 10),
        (868_900, 1),
        (869_525, 100),
        (869_800, 10),
    ],
)
def test_every_band_has_its_duty_cycle(khz: int, permille: int) -> None:
    assert region.band_of(khz).permille == permille


@pytest.mark.parametrize("khz", [862_999, 868_650, 869_300, 870_001])
def test_frequencies_between_bands_are_refused(khz: int) -> None:
    with pytest.raises(ValueError, match="expected a frequency of EU868"):
        region.band_of(khz)


@given(airtime=st.integers(1, 10**7), band=st.sampled_from(region.BANDS))
def test_a_frame_and_its_off_time_keep_the_duty_cycle_and_hardly_more(airtime: int, band: region.Band) -> None:
    cycle_us = band.cycle_us(airtime)
    assert airtime * 1000 <= cycle_us * band.permille < airtime * 1000 + band.permille


def test_off_times_are_those_of_the_bands() -> None:
    assert [region.band_of(khz).off_us(1_000) for khz in (868_100, 869_525, 863_500)] == [99_000, 9_000, 999_000]


@given(payload=st.integers(0, 20_000), rate=st.integers(0, 6))
def test_fragments_carry_the_whole_message_within_the_limit(payload: int, rate: int) -> None:
    parts, limit = region.pieces(payload, rate), region.payload_limit(rate)
    assert max(parts) <= limit
    headers = region.FRAGMENT_HEADER * len(parts) if len(parts) > 1 else 0
    assert sum(parts) - headers == payload
    assert min(parts) > (region.FRAGMENT_HEADER if len(parts) > 1 else -1)


def test_windows_are_loramac_nodes() -> None:
    """SF 7: 24 symbols, opened 8.2 ms early. SF 12: six symbols, which open within the preamble."""
    assert [region.window_us(rate) for rate in (5, 3, 0)] == [24 * 1_024, 9 * 4_096, 6 * 32_768]
    assert [region.lead_us(rate) for rate in (5, 3, 0)] == [8_192, 2_048, -32_768]


def test_class_b_fits_into_its_beacon_period() -> None:
    assert region.SLOTS * region.SLOT_US == region.BEACON_US - region.BEACON_RESERVED_US - region.BEACON_GUARD_US
    assert airtime_us(region.BEACON, region.BEACON_BYTES) == 152_576
    assert [region.ping_period_us(k) for k in (0, 7)] == [1_000_000, 128_000_000]
