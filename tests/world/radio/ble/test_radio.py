"""Transfers over a connection: worked by hand without losses, by their laws with them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.world.radio import BleLink, Direction, Transfer
from fleet.world.radio.ble.advertising import ADV_PERIOD_US
from fleet.world.radio.ble.radio import PHY_EVENTS, SETUP_EVENTS, Session
from fleet.world.radio.ble.timing import exchange_us, pdu_us
from fleet.world.radio.channel import Independent

LINK = BleLink(interval_us=50_000)
ADV_US, CONNECT_US = 296, 352  # (1+4+2+27+3)*8 and (1+4+2+34+3)*8
SETUP_PACKET_US = 328  # (1+4+2+31+3)*8: 27 octets and the integrity check
WINDOW_US = 58  # 40 ramp, 16 jitter, 2 drift of 40 ppm over 50 ms
KEYS = st.integers(0, 200).map(lambda n: rng.key(0, rng.Stream.RADIO, n))
LINKS = st.builds(
    BleLink,
    phy=st.sampled_from(("1M", "2M", "S2")),
    channel=st.builds(Independent, loss=st.sampled_from((0.0, 0.02, 0.2, 0.5))),
    interval_us=st.sampled_from((7_500, 30_000, 50_000, 1_000_000)),
    packets_per_event=st.sampled_from((0, 1, 6)),
)
DIRECTIONS = st.sampled_from(Direction)


def received(payload: int, link: BleLink = LINK, key: int = 0) -> Transfer:
    return link.transfer(Direction.DOWN, payload, key)


def sent(payload: int, link: BleLink = LINK, key: int = 0) -> Transfer:
    return link.transfer(Direction.UP, payload, key)


def test_a_push_without_losses_is_the_sum_of_its_packets() -> None:
    """4412 bytes: 18 full packets and one of 20 + 7 octets: 19 exchanges, all in one event after the set-up."""
    transfer = received(4_412)
    assert transfer.delivered
    assert (transfer.pdus, transfer.retransmissions) == (19, 0)
    events = SETUP_EVENTS + 1
    last_us = (10 + 27 + 4) * 8
    assert transfer.receive_us == CONNECT_US + events * WINDOW_US + SETUP_EVENTS * SETUP_PACKET_US + 18 * 2120 + last_us
    assert transfer.transmit_us == ADV_US + (SETUP_EVENTS + 19) * 80
    assert transfer.idle_us == 150 + (SETUP_EVENTS + 19) * 300
    assert transfer.control_us == 600 + SETUP_EVENTS * 600 + 600  # after the CONNECT_IND and after every event
    assert transfer.start_us == (1_250 - 600) + SETUP_EVENTS * 1_400  # 1.25 ms leave the crystal no time to stop


def test_a_reply_is_a_push_with_the_roles_swapped() -> None:
    down, up = received(4_312), sent(4_312)
    assert up.airtime_us == down.airtime_us
    assert up.elapsed_us == down.elapsed_us
    assert up.transmit_us - ADV_US == down.receive_us - CONNECT_US - 7 * WINDOW_US


def test_elapsed_time_counts_set_up_and_intervals() -> None:
    """Advertise and connect, 1.25 ms to the first anchor, six set-up events, one packet, 0.6 ms to finish."""
    packet_us = (10 + 7 + 4) * 8 + 150 + 80 + 150
    to_anchor_us = ADV_US + 150 + CONNECT_US + 1_250
    assert received(0).elapsed_us == to_anchor_us + SETUP_EVENTS * 50_000 + WINDOW_US + packet_us + 600


def test_an_event_takes_what_its_interval_holds() -> None:
    """Full encrypted 1M exchanges take 2500 us. 51.25 ms less the guard hold 19, so the 20th waits; 52.5 ms hold 20."""
    for interval_us, wait_us in ((51_250, 51_250 - 19 * 2_500), (52_500, 0)):
        nineteen, twenty = (received(n * 244, replace(LINK, interval_us=interval_us)) for n in (19, 20))
        assert twenty.elapsed_us - nineteen.elapsed_us == wait_us + 2_500


def test_a_controller_that_sends_few_packets_per_event_takes_longer() -> None:
    slow = received(4_412, replace(LINK, packets_per_event=6))
    assert slow.elapsed_us > received(4_412).elapsed_us
    assert slow.airtime_us == received(4_412).airtime_us


def test_another_phy_costs_the_events_of_its_update() -> None:
    slow, fast = received(0), received(0, replace(LINK, phy="2M"))
    assert fast.elapsed_us - slow.elapsed_us == PHY_EVENTS * 50_000 - (exchange_us("1M", 11) - exchange_us("2M", 11))


def test_a_full_link_is_as_fast_as_its_packets() -> None:
    """100 kB: 410 exchanges of 2500 us are 1.025 s, in 21 events of 19 and one of 11; the set-up adds 0.3 s."""
    to_anchor_us = ADV_US + 150 + CONNECT_US + 1_250
    elapsed_us = received(100_000).elapsed_us
    assert elapsed_us == to_anchor_us + (SETUP_EVENTS + 21) * 50_000 + WINDOW_US + 11 * 2_500 - 40 * 8 + 600


def test_nothing_lost_means_nothing_sent_again() -> None:
    assert received(100_000).retransmissions == 0


def test_losses_are_sent_again_and_cost_more() -> None:
    key = rng.key(0, rng.Stream.RADIO, 3, 1, 0)
    clean, lossy = received(20_000, key=key), received(20_000, replace(LINK, channel=Independent(loss=0.1)), key)
    assert lossy.delivered
    assert lossy.pdus == clean.pdus
    assert lossy.retransmissions > 0
    assert lossy.receive_us + lossy.transmit_us > clean.receive_us + clean.transmit_us
    assert lossy.elapsed_us > clean.elapsed_us


def test_the_share_of_packets_sent_again_follows_the_loss() -> None:
    """An exchange fails with 1 - 0.9^2 = 0.19; attempts per packet are 1 / 0.81, so 0.235 of the packets come again."""
    link = replace(LINK, channel=Independent(loss=0.1))
    runs = [received(20_000, link, rng.key(7, rng.Stream.RADIO, n)) for n in range(60)]
    share = sum(run.retransmissions for run in runs) / sum(run.pdus for run in runs)
    assert 0.20 < share < 0.27


def test_a_dead_channel_is_given_up_after_the_advertising_period() -> None:
    transfer = sent(4_312, replace(LINK, channel=Independent(loss=1.0)))
    assert not transfer.delivered
    assert (transfer.pdus, transfer.retransmissions) == (0, 0)
    assert ADV_PERIOD_US <= transfer.elapsed_us < ADV_PERIOD_US + 41_000
    assert transfer.airtime_us == transfer.transmit_us
    assert transfer.receive_us * ADV_US == transfer.transmit_us * CONNECT_US  # it listened after each ADV_IND


def test_a_link_that_falls_silent_is_lost_at_its_supervision_timeout() -> None:
    """At 30 % loss every other exchange fails; two in a row end a link that may be silent for 110 ms."""
    link = replace(LINK, channel=Independent(loss=0.3), supervision_us=110_000)
    runs = [received(20_000, link, rng.key(1, rng.Stream.RADIO, n)) for n in range(40)]
    lost = [run for run in runs if run.retransmissions > 0]
    assert not any(run.delivered for run in runs)
    assert lost
    assert all(run.pdus * 244 < 20_000 for run in lost)


def silenced(packets_before: int) -> Session:
    """A connection whose channel goes dead after some packets."""
    session = Session(LINK, Direction.DOWN, 0)
    assert session.advertise()
    session.heard_us, session.anchor_us = session.now_us, session.now_us + 1_250
    assert session._work([27] * packets_before, per_event=1) == packets_before
    session.losses = Independent(loss=1.0)
    assert session._work([27], per_event=1) == 0
    return session


def test_a_connection_never_established_ends_after_six_intervals() -> None:
    session = silenced(0)
    assert session.now_us == ADV_US + 150 + CONNECT_US + 6 * LINK.interval_us
    assert session.attempts == 6


def test_a_node_that_waits_for_an_acknowledgement_listens_for_it() -> None:
    session = Session(replace(LINK, channel=Independent(loss=1.0)), Direction.UP, 0)
    assert not session._exchange(27)
    assert (session.transmit_us, session.idle_us, session.receive_us) == (SETUP_PACKET_US, 150, 80)
    assert session.airtime_us == SETUP_PACKET_US


def test_an_established_connection_ends_at_its_supervision_timeout() -> None:
    session = silenced(2)
    assert session.now_us - session.heard_us == LINK.timeout_us == 4_000_000
    assert session.attempts == 2 + 80


def test_equal_keys_give_equal_transfers_and_other_keys_others() -> None:
    link = replace(LINK, channel=Independent(loss=0.1))
    runs = [received(20_000, link, rng.key(0, rng.Stream.RADIO, n)) for n in range(8)]
    assert runs == [received(20_000, link, rng.key(0, rng.Stream.RADIO, n)) for n in range(8)]
    assert len({run.elapsed_us for run in runs}) > 1


@given(link=LINKS, direction=DIRECTIONS, payload=st.integers(0, 3_000), key=KEYS)
def test_a_longer_payload_is_never_cheaper(link: BleLink, direction: Direction, payload: int, key: int) -> None:
    short, long = link.transfer(direction, payload, key), link.transfer(direction, payload + 1, key)
    for part in ("pdus", "retransmissions", "airtime_us", "transmit_us", "receive_us", "idle_us", "elapsed_us"):
        assert getattr(short, part) <= getattr(long, part), part


@given(link=LINKS, direction=DIRECTIONS, payload=st.integers(0, 3_000), key=KEYS)
def test_every_part_is_counted_and_none_is_negative(
    link: BleLink, direction: Direction, payload: int, key: int
) -> None:
    transfer = link.transfer(direction, payload, key)
    times = [transfer.transmit_us, transfer.receive_us, transfer.idle_us, transfer.control_us]
    assert min([*times, transfer.start_us, transfer.sleep_us, transfer.retransmissions]) >= 0
    assert transfer.elapsed_us == sum(times) + transfer.start_us + transfer.sleep_us
    assert transfer.airtime_us <= transfer.transmit_us + transfer.receive_us
    whole = transfer.pdus * (link.octets - 7)
    assert not transfer.delivered or payload <= whole < payload + 244 + (payload == 0)


@given(direction=DIRECTIONS, payload=st.integers(0, 3_000), key=KEYS)
def test_a_lossier_channel_never_delivers_sooner(direction: Direction, payload: int, key: int) -> None:
    clean, lossy = (
        replace(LINK, channel=Independent(loss=loss)).transfer(direction, payload, key) for loss in (0.0, 0.2)
    )
    assert not lossy.delivered or lossy.elapsed_us >= clean.elapsed_us


def test_a_link_that_cannot_be_is_refused_with_all_its_faults() -> None:
    with pytest.raises(InputError) as caught:
        BleLink(phy="4M", interval_us=7_600, octets=300)
    assert [fault.where for fault in caught.value.faults] == ["ble.phy", "ble.interval", "ble.octets"]


def test_an_interval_that_holds_no_packet_is_refused_with_the_arithmetic() -> None:
    with pytest.raises(
        InputError, match=r"ble.interval: expected at least 19\d+ us for one full packet on S8, got 7500"
    ):
        BleLink(phy="S8", interval_us=7_500)


def test_a_supervision_timeout_shorter_than_two_intervals_is_refused() -> None:
    with pytest.raises(InputError, match=r"ble.supervision: expected more than two intervals \(2000000 us\)"):
        BleLink(interval_us=1_000_000, supervision_us=1_500_000)


def test_every_interval_a_scenario_may_choose_has_a_default_supervision_timeout() -> None:
    assert BleLink(interval_us=4_000_000).timeout_us == 24_000_000
    assert BleLink(interval_us=7_500).timeout_us == 4_000_000


def test_a_write_that_is_answered_costs_two_intervals() -> None:
    """Silicon Labs' throughput page: the answer comes in the next event, the next write in the one after."""
    requests = replace(LINK, writes="requests")
    one, nine = (received(n * 244, requests) for n in (1, 9))
    assert nine.elapsed_us - one.elapsed_us == 8 * 2 * 50_000
    assert (nine.pdus, nine.retransmissions) == (9, 0)
    assert nine.delivered
    assert sent(9 * 244, requests).elapsed_us - sent(244, requests).elapsed_us == 16 * 50_000


def test_answers_that_are_lost_are_no_packets_of_the_message() -> None:
    link = replace(LINK, writes="requests", channel=Independent(loss=0.1))
    runs = [received(5_000, link, rng.key(11, rng.Stream.RADIO, n)) for n in range(60)]
    assert {run.pdus for run in runs} == {21}
    share = sum(run.retransmissions for run in runs) / sum(run.pdus for run in runs)
    assert 0.18 < share < 0.29  # 1 / 0.81 - 1 = 0.235, as without answers


def test_short_packets_carry_20_bytes_each() -> None:
    """27 octets are what a controller without data length extension sends: 4 kB take 200 packets."""
    assert received(4_000, replace(LINK, octets=27)).pdus == 200


def test_the_coded_phy_reaches_its_published_throughput_in_long_intervals() -> None:
    """100 kB at 125 kbit/s: 7.30 s of plain exchanges back to back; encryption adds four octets to each packet."""
    link = replace(LINK, phy="S8", interval_us=1_000_000)
    plain = replace(link, encrypted=False)
    took, took_plain = (received(100_000, each).elapsed_us - received(0, each).elapsed_us for each in (link, plain))
    assert 7.30e6 < took_plain < 7.75e6
    assert took_plain < took < 1.06 * took_plain


def test_a_kept_connection_needs_no_advertising_and_waits_for_its_next_event() -> None:
    kept = replace(LINK, kept=True)
    here = kept.transfer(Direction.DOWN, 1_000, 0, at_us=100_000)
    later = kept.transfer(Direction.DOWN, 1_000, 0, at_us=110_000)
    assert here.elapsed_us < received(1_000).elapsed_us - SETUP_EVENTS * 50_000
    assert later.elapsed_us - here.elapsed_us == 40_000
    assert here.transmit_us == here.pdus * 80


def test_a_gateway_that_is_too_full_still_gives_each_connection_one_packet_an_interval() -> None:
    crowded = received(2_440, replace(LINK, sharers=200))
    assert crowded.elapsed_us - received(244, replace(LINK, sharers=200)).elapsed_us == 9 * 50_000
    assert LINK.among(200) == replace(LINK, sharers=200)


# What an idle connection of an nRF52840 draws on average over a floor of 3.16 uA, from the charge of its events.
KEPT_UA = [(50_000, 86.3), (100_000, 44.8), (1_000_000, 7.6), (4_000_000, 4.4)]
EVENT_MA = {"receive_us": 6.26, "idle_us": 3.0, "transmit_us": 6.40, "control_us": 3.3, "start_us": 0.25}


@pytest.mark.parametrize("interval_us, expected_ua", KEPT_UA)
def test_a_kept_connection_draws_the_worked_average(interval_us: int, expected_ua: float) -> None:
    standby = BleLink(interval_us=interval_us, kept=True).standby
    assert standby is not None
    charge_nc = sum(current_ma * getattr(standby, state) for state, current_ma in EVENT_MA.items())
    assert round(1_000 * charge_nc / standby.period_us + 3.16, 1) == pytest.approx(expected_ua, abs=0.11)


def test_latency_makes_a_silent_node_wake_less_often_with_a_wider_window() -> None:
    often, seldom = (BleLink(interval_us=100_000, kept=True, latency=n).standby for n in (0, 9))
    assert often is not None
    assert seldom is not None
    assert (often.period_us, seldom.period_us) == (100_000, 1_000_000)
    assert seldom.receive_us - often.receive_us == 36  # 40 ppm of the 0.9 s longer silence
    assert BleLink().standby is None


def test_a_supervision_timeout_must_outlast_twice_the_silence_of_latency() -> None:
    """Vol 6 Part B 4.5.2: more than (1 + latency) x interval x 2."""
    with pytest.raises(InputError, match=r"ble.supervision: expected more than twice 10 intervals \(2000000 us\)"):
        BleLink(interval_us=100_000, kept=True, latency=9, supervision_us=2_000_000)
    assert BleLink(interval_us=100_000, kept=True, latency=9).timeout_us == 6_000_000
    with pytest.raises(InputError, match=r"ble.supervision: expected more than twice 10 intervals \(40000000 us\)"):
        BleLink(interval_us=2_000_000, kept=True, latency=9)


def test_latency_without_a_kept_connection_is_refused() -> None:
    with pytest.raises(InputError, match=r"ble.latency: expected 0 events without a kept connection"):
        BleLink(latency=3)


# One connection event of an nRF52840 at 3 V, computed by hand from its currents in uA:
# I_rx (40 + 40 ppm CI + 16 + 80) + I_ifs 150 + I_tx t + I_cpu 600 + I_xo 1400. No measurement of it is published.
EVENT_UC = [(50_000, 0, 4.16), (100_000, 0, 4.17), (1_000_000, 0, 4.39), (4_000_000, 0, 5.14), (50_000, 251, 17.01)]


@pytest.mark.parametrize("interval_us, octets, expected_uc", EVENT_UC)
def test_one_connection_event_draws_the_worked_charge(interval_us: int, octets: int, expected_uc: float) -> None:
    link = BleLink(interval_us=interval_us)
    heard_us = link.window_us + pdu_us("1M", 0)
    parts = [
        (6.26, heard_us),
        (3.0, 150),
        (6.40, pdu_us("1M", octets)),
        (3.3, link.event_cpu_us),
        (0.25, link.start_us),
    ]
    assert round(sum(current_ma * time_us for current_ma, time_us in parts) / 1000, 2) == expected_uc
