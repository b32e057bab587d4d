"""Messages over NB-IoT and LTE-M: against the worked example, and by their laws."""

from dataclasses import replace

import pytest

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.node.cost import energy_nj
from fleet.world.radio import Direction, Transfer
from fleet.world.radio.cellular import CellularLink, LteMLink, NbIotLink
from fleet.world.radio.cellular.radio import PAGING_US
from fleet.world.radio.channel import Independent

NBIOT, LTEM = NbIotLink(), LteMLink()


def received(payload: int, link: CellularLink = NBIOT, key: int = 0, at_us: int = 0) -> Transfer:
    return link.transfer(Direction.DOWN, payload, key, at_us=at_us)


def sent(payload: int, link: CellularLink = NBIOT, key: int = 0, at_us: int = 0) -> Transfer:
    return link.transfer(Direction.UP, payload, key, at_us=at_us)


def test_a_hundred_kilobytes_down_take_30_8_s_and_2_77_j_before_signalling() -> None:
    """800,000 bits at 26 kbit/s; 90 mW of receiving are 25 mA at 3.6 V."""
    empty, full = received(0), received(100_000)
    time_us = full.receive_us - empty.receive_us
    assert round(time_us / 1e6, 1) == 30.8
    assert round(energy_nj(3_600, 25_000_000, time_us) / 1e9, 2) == 2.77
    assert full.pdus == -(-800_000 // 680)


def test_an_upload_transmits_for_as_long_as_its_rate_says() -> None:
    """62.5 kbit/s with several tones: 12.8 s for 100 kB; at 16.9 kbit/s with one: 47.3 s."""
    assert round((sent(100_000).transmit_us - sent(0).transmit_us) / 1e6, 1) == 12.8
    one_tone = replace(NBIOT, up_bps=16_900)
    assert round((sent(100_000, one_tone).transmit_us - sent(0, one_tone).transmit_us) / 1e6, 1) == 47.3


def test_lte_m_is_a_dozen_times_faster_down() -> None:
    assert round((received(100_000, LTEM).receive_us - received(0, LTEM).receive_us) / 1e6, 2) == 2.67


@pytest.mark.parametrize("repetitions", [1, 8, 128])
def test_repetitions_multiply_the_time_on_the_air(repetitions: int) -> None:
    link = replace(NBIOT, repetitions=repetitions)
    assert received(10_000, link).airtime_us == pytest.approx(repetitions * received(10_000).airtime_us, rel=1e-4)


def test_an_uplink_of_nb_iot_is_repeated_at_most_128_times_a_downlink_2048() -> None:
    most = replace(NBIOT, repetitions=2048)
    assert most.block_us(1_000, up=True) == 128 * 16_000
    assert most.block_us(26_000, up=False) == 2_048 * 1_000_000


def test_the_tail_is_waited_out_and_mostly_idle() -> None:
    short, long = received(100, replace(NBIOT, tail_us=0)), received(100, replace(NBIOT, tail_us=10_000_000))
    assert long.elapsed_us - short.elapsed_us == 10_000_000
    assert long.receive_us - short.receive_us == 5 * 200_000  # 2.048 s cycles begin five times in 10 s
    assert long.delivered
    assert short.idle_us == NBIOT.active_us - PAGING_US


def test_power_saving_mode_is_silent_and_edrx_pages_once_a_cycle() -> None:
    edrx = replace(NBIOT, idle="edrx", edrx_us=81_920_000)
    assert NBIOT.standby is None
    assert edrx.standby is not None
    assert (edrx.standby.period_us, edrx.standby.receive_us) == (81_920_000, NBIOT.search_us + PAGING_US)


def test_a_push_waits_for_its_paging_occasion_and_a_reply_does_not() -> None:
    edrx = replace(NBIOT, idle="edrx", edrx_us=20_480_000)
    assert received(0, edrx, at_us=20_480_000 - 7).sleep_us == 7
    assert received(0, edrx, at_us=40_960_000).sleep_us == 0
    assert sent(0, edrx, at_us=1).sleep_us == 0


def test_lost_blocks_are_sent_again_and_eight_losses_in_a_row_end_the_link() -> None:
    link = replace(NBIOT, channel=Independent(loss=0.1))
    runs = [sent(50_000, link, rng.key(2, rng.Stream.RADIO, n)) for n in range(20)]
    share = sum(run.retransmissions for run in runs) / sum(run.pdus for run in runs)
    assert 0.09 < share < 0.13  # 1 / 0.9 - 1 = 0.111
    dead = sent(50_000, replace(NBIOT, channel=Independent(loss=1.0)))
    assert not dead.delivered
    assert (dead.pdus, dead.idle_us) == (0, 0)  # no connection, no tail


def test_a_link_that_cannot_be_is_refused_with_all_its_faults() -> None:
    with pytest.raises(InputError) as caught:
        NbIotLink(repetitions=3, idle="off", edrx_us=10_240_000, up_bps=0)
    places = [fault.where for fault in caught.value.faults]
    assert places == ["nbiot.repetitions", "nbiot.idle", "nbiot.edrx", "nbiot.rate"]
    assert LteMLink(edrx_us=10_240_000).edrx_us == 10_240_000
