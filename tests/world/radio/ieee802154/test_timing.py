"""Frames and gaps of IEEE 802.15.4 against the figures that the standard gives."""

import pytest

from fleet.world.radio.ieee802154 import timing


def test_the_longest_frame_takes_4256_us_and_an_acknowledgement_352() -> None:
    assert (timing.frame_us(127), timing.ACK_US) == (4_256, 352)


def test_symbols_make_the_gaps() -> None:
    """20, 8, 12, 54, 12 and 40 symbols of 16 us."""
    gaps = (
        timing.BACKOFF_US,
        timing.CCA_US,
        timing.TURNAROUND_US,
        timing.ACK_WAIT_US,
        timing.SIFS_US,
        timing.LIFS_US,
    )
    assert gaps == (320, 128, 192, 864, 192, 640)
    assert (timing.space_us(18), timing.space_us(19)) == (192, 640)


def test_a_full_frame_takes_6880_us_on_an_idle_channel_which_is_147_kbit_a_second() -> None:
    """1.12 backoff, 0.128 CCA, 0.192, 4.256, 0.192, 0.352, 0.64 ms."""
    assert timing.mean_cycle_us(127) == 6_880
    assert round(127 * 8 * 1_000 / timing.mean_cycle_us(127), 1) == 147.7


@pytest.mark.parametrize("octets", [0, 128])
def test_a_frame_that_cannot_be_is_refused(octets: int) -> None:
    with pytest.raises(ValueError, match=f"expected 1 to 127, got {octets}; fragment"):
        timing.frame_us(octets)
