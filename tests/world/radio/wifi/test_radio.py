"""Messages over Wi-Fi: association against worked energies, beacons against measured averages, TCP by its laws."""

from dataclasses import replace
from statistics import fmean

import pytest

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.node.cost import energy_nj
from fleet.world.radio import Direction, Transfer
from fleet.world.radio.channel import Independent
from fleet.world.radio.wifi import WifiLink, timing
from fleet.world.radio.wifi.radio import BOOT_US, DTIM_ON_US, JOIN_US

LINK = WifiLink()


def received(payload: int, link: WifiLink = LINK, key: int = 0, at_us: int = 0) -> Transfer:
    return link.transfer(Direction.DOWN, payload, key, at_us=at_us)


def sent(payload: int, link: WifiLink = LINK, key: int = 0, at_us: int = 0) -> Transfer:
    return link.transfer(Direction.UP, payload, key, at_us=at_us)


def keys(count: int) -> list[int]:
    return [rng.key(5, rng.Stream.RADIO, n) for n in range(count)]


@pytest.mark.parametrize("association, expected_j", [("fast", 0.115), ("cold", 1.03)])
def test_associating_costs_the_worked_energy(association: str, expected_j: float) -> None:
    """3.3 V x (0.27 s x 40 mA + t x 120 mA), where 120 mA is 95 mA of listening and 345 mA in one tenth of the time."""
    join = JOIN_US[association]
    parts = [(40_000_000, BOOT_US), (345_000_000, join // 10), (95_000_000, join - join // 10)]
    total_nj = sum(energy_nj(3_300, current_na, time_us) for current_na, time_us in parts)
    assert abs(total_nj / 1e9 - expected_j) < 0.005
    moved = received(0, replace(LINK, association=association))
    kept = received(0, replace(LINK, association="kept"))
    assert moved.control_us == BOOT_US
    assert moved.transmit_us - kept.transmit_us == join // 10


@pytest.mark.parametrize("dtim, measured_ma", [(1, 1.4), (3, 0.62), (10, 0.31)])
def test_beacons_in_light_sleep_draw_what_was_measured_on_an_esp32_c3(dtim: int, measured_ma: float) -> None:
    """ESP-IDF's table of average currents; 84 mA while it receives, 0.19 mA in light sleep."""
    standby = replace(LINK, association="kept", dtim=dtim).standby
    assert standby is not None
    assert standby.period_us == dtim * 102_400
    average_ma = 84 * standby.receive_us / standby.period_us + 0.19
    assert abs(average_ma - measured_ma) < 0.05 * measured_ma


def test_a_station_that_leaves_hears_no_beacons() -> None:
    assert LINK.standby is None


def test_a_push_to_a_kept_association_waits_for_its_beacon_and_a_reply_does_not() -> None:
    kept = replace(LINK, association="kept", dtim=3)
    late, there = received(0, kept, at_us=307_200 - 50_000), received(0, kept, at_us=614_400)
    assert (late.sleep_us, there.sleep_us) == (50_000, 0)
    assert late.receive_us == there.receive_us
    assert sent(0, kept, at_us=1).sleep_us == 0
    assert sent(0, kept).receive_us < received(0, kept).receive_us + DTIM_ON_US


def test_frames_take_the_times_of_the_standard() -> None:
    """MCS 7, 1500 octets of IP in 1554: 12,454 bits are 48 symbols; 36 + 192 + 6 us. An acknowledgement: 20 + 8 + 6."""
    assert timing.frame_us(1_500, 7) == 234
    assert timing.frame_us(1_500, 0) == 36 + 4 * 479 + 6
    assert timing.ACK_US == 34


@pytest.mark.parametrize("rate_bps", [1_000_000, 5_000_000, 20_000_000])
def test_a_message_moves_at_the_rate_of_tcp(rate_bps: int) -> None:
    link = replace(LINK, association="kept", rate_bps=rate_bps)
    short, long = sent(1_460, link), sent(1_460 * 101, link)
    assert long.elapsed_us - short.elapsed_us == pytest.approx(100 * 1_460 * 8 * 1_000_000 / rate_bps, rel=0.02)
    assert (long.pdus, long.retransmissions) == (101, 0)


def test_a_rate_that_the_frames_cannot_carry_is_refused_with_the_arithmetic() -> None:
    """MCS 0 carries 6.5 Mbit/s and less than that of TCP."""
    assert 5_500_000 < replace(LINK, mcs=0, rate_bps=1).most_bps < 6_500_000
    with pytest.raises(
        InputError, match=r"wifi.rate: expected at most \d+ bit/s, which frames of MCS 0 carry, got 70000"
    ):
        WifiLink(mcs=0, rate_bps=7_000_000)


def test_lost_frames_are_tried_again_as_often_as_their_law_says() -> None:
    """A frame and its acknowledgement get through with 0.8^2 = 0.64; attempts are 1 / 0.64."""
    link = replace(LINK, association="kept", channel=Independent(loss=0.2))
    runs = [sent(146_000, link, key) for key in keys(30)]
    assert all(run.delivered for run in runs)
    share = sum(run.retransmissions for run in runs) / sum(run.pdus for run in runs)
    assert 0.53 < share < 0.60
    assert fmean(run.transmit_us for run in runs) > 1.4 * sent(146_000, replace(LINK, association="kept")).transmit_us


def test_a_dead_channel_ends_at_the_handshake() -> None:
    transfer = sent(10_000, replace(LINK, channel=Independent(loss=1.0)))
    assert not transfer.delivered
    assert (transfer.pdus, transfer.retransmissions) == (0, 0)


def test_a_link_that_cannot_be_is_refused_with_all_its_faults() -> None:
    with pytest.raises(InputError) as caught:
        WifiLink(association="warm", mcs=8, dtim=0)
    assert [fault.where for fault in caught.value.faults] == ["wifi.association", "wifi.mcs", "wifi.dtim"]
