"""Messages over LoRaWAN, worked out by hand, and that neither node nor gateway exceeds its duty cycle."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.world.radio.channel import Independent
from fleet.world.radio.link import Direction, Transfer
from fleet.world.radio.lora import region
from fleet.world.radio.lora.airtime import Modem, airtime_us
from fleet.world.radio.lora.link import LoraLink

KEY = rng.key(1, rng.Stream.RADIO)
PLAIN = LoraLink(confirmed=False)
WINDOWS = region.window_us(5) + region.window_us(0)
ACK = airtime_us(Modem(sf=7), 12)
FULL = region.frame_us(5, 222)


def up(payload: int, link: LoraLink = PLAIN, key: int = KEY) -> Transfer:
    return link.transfer(Direction.UP, payload, key)


def down(payload: int, link: LoraLink = PLAIN, key: int = KEY) -> Transfer:
    return link.transfer(Direction.DOWN, payload, key)


def lossy(share: float, link: LoraLink = PLAIN) -> LoraLink:
    return replace(link, channel=Independent(loss=share))


def test_an_unconfirmed_uplink_is_a_frame_and_two_empty_windows() -> None:
    sent = up(20)
    assert (sent.delivered, sent.pdus, sent.retransmissions) == (True, 1, 0)
    assert sent.transmit_us == sent.airtime_us == airtime_us(Modem(sf=7), 33)
    assert sent.receive_us == WINDOWS
    end_us = sent.transmit_us + 2_000_000 - region.lead_us(0) + region.window_us(0)
    assert sent.elapsed_us == end_us
    assert sent.quiet_us == 100 * sent.transmit_us - end_us
    assert (sent.control_us, sent.start_us) == (2 * 600, 2 * 3_500)


def test_a_confirmed_uplink_ends_with_its_acknowledgement_in_the_first_window() -> None:
    sent = up(20, LoraLink())
    assert sent.delivered
    assert sent.receive_us == region.lead_us(5) + ACK
    assert sent.elapsed_us == sent.transmit_us + 1_000_000 + ACK
    assert sent.airtime_us == sent.transmit_us + ACK


def test_a_long_message_is_mostly_waiting() -> None:
    """1,000 bytes at SF 7: four fragments of 219 bytes and one of 124, each followed by 99 times its airtime."""
    sent = up(1_000)
    last = region.frame_us(5, 127)
    assert (sent.pdus, sent.transmit_us) == (5, 4 * FULL + last)
    assert sent.elapsed_us + sent.quiet_us == 100 * (4 * FULL + last)
    assert sent.sleep_us > 0.97 * sent.elapsed_us


def test_a_repeated_frame_is_sent_so_often_even_if_heard_at_once() -> None:
    sent = up(20, replace(PLAIN, trials=3))
    assert (sent.pdus, sent.retransmissions) == (1, 2)
    assert sent.transmit_us == 3 * airtime_us(Modem(sf=7), 33)


def test_frames_that_collide_are_sent_again_until_trials_are_used_up() -> None:
    lost = up(20, LoraLink(collision=1.0))
    assert (lost.delivered, lost.pdus, lost.retransmissions) == (False, 1, 7)
    assert lost.receive_us == 8 * WINDOWS
    assert not up(500, LoraLink(collision=1.0)).delivered
    assert up(500, LoraLink(collision=1.0)).pdus == 1  # it gives up at the first fragment


def test_collisions_are_drawn_with_their_share() -> None:
    """4,000 single frames at 30 %: within 2.58 standard errors."""
    got = sum(up(20, replace(PLAIN, collision=0.3), rng.absorb(KEY, n)).delivered for n in range(4_000))
    assert abs(got / 4_000 - 0.7) < 2.58 * (0.3 * 0.7 / 4_000) ** 0.5


def test_downlinks_do_not_collide_with_uplinks_of_others() -> None:
    link = replace(PLAIN, device_class="C", collision=1.0)
    assert down(20, link).delivered  # the report is lost, the message is not


def test_a_class_a_downlink_is_fetched_by_an_empty_uplink() -> None:
    got = down(20)
    poll, frame = airtime_us(Modem(sf=7), 12), region.frame_us(5, 20)
    assert (got.delivered, got.pdus) == (True, 1)
    assert got.transmit_us == poll
    assert got.receive_us == region.lead_us(5) + frame
    assert got.elapsed_us == poll + 1_000_000 + frame


@pytest.mark.parametrize("rx2_rate, window", [(0, 1), (3, 2)])
def test_the_window_is_the_one_that_the_gateways_duty_cycle_favours(rx2_rate: int, window: int) -> None:
    """2 kB: ten frames of SF 7 at 1 %, 346 s; 42 of SF 12 at 10 %, 1,170 s; 18 of SF 9 at 10 %, 122 s."""
    got = down(2_000, replace(PLAIN, rx2_rate=rx2_rate))
    rate, permille = (5, 10) if window == 1 else (rx2_rate, 100)
    frames = [region.frame_us(rate, part) for part in region.pieces(2_000, rate)]
    assert got.pdus == len(frames)
    assert got.airtime_us - got.transmit_us == sum(frames)
    waits = sum(frames[:-1]) * 1000 // permille + frames[-1]
    assert abs(got.elapsed_us - waits) < 2_100_000  # the first poll comes before
    if window == 2:  # the first window of each poll stays empty
        assert got.receive_us == sum(frames) + len(frames) * (region.window_us(5) + region.lead_us(3))


def test_nodes_that_share_a_gateway_wait_for_each_other() -> None:
    one, ten = down(2_000), down(2_000, replace(PLAIN, peers=10))
    assert ten.airtime_us == one.airtime_us
    assert 9.5 < ten.elapsed_us / one.elapsed_us < 10.5


def test_a_gateway_without_time_left_acknowledges_few() -> None:
    """Each node's cycle at SF 7 and 20 bytes is 7.2 s; 5,000 acknowledgements of 41 ms are wanted in it.

    1 % of 7.2 s carry 1.7 of them, the second window at SF 9 and 10 % another 5.
    """
    link = LoraLink(peers=5_000, rx2_rate=3)
    sent = [up(20, link, rng.absorb(KEY, n)) for n in range(200)]
    assert all(one.delivered for one in sent)  # the frames arrive, which the nodes do not learn
    assert sum(one.retransmissions == 7 for one in sent) > 190
    few = [up(20, replace(link, peers=5), rng.absorb(KEY, n)) for n in range(200)]
    assert sum(one.retransmissions == 0 for one in few) > 190


def test_class_b_waits_for_its_ping_slots() -> None:
    link = replace(PLAIN, device_class="B", periodicity=4, trials=1)
    got = down(300, link)
    frames = [region.frame_us(3, part) for part in (115, 115, 82, 2)]
    assert (got.delivered, got.pdus) == (True, 3)
    assert got.elapsed_us > 3 * 16_000_000
    assert got.receive_us >= sum(frames)
    assert got.receive_us < sum(frames) + 2_000_000


def test_class_c_listens_while_the_gateway_rests() -> None:
    got = down(2_000, replace(PLAIN, device_class="C", rx2_rate=5))
    assert got.sleep_us == 0
    assert got.receive_us == got.elapsed_us - got.transmit_us
    frames = [region.frame_us(5, part) for part in region.pieces(2_000, 5)]
    assert got.receive_us > 10 * sum(frames[:-1])


def test_a_pass_that_lost_frames_is_followed_by_one_with_those_alone() -> None:
    link = lossy(0.2, replace(PLAIN, device_class="C", rx2_rate=5, confirmed=True))
    got = down(5_000, link)
    assert got.delivered
    assert 0 < got.retransmissions < got.pdus


def test_a_multicast_takes_what_the_notes_say() -> None:
    """100 kB at SF 7, one gateway at 10 %: 457 frames in 28 min, and the receiver is on for all of it."""
    got = down(100_000, replace(PLAIN, downlink="multicast"))
    assert (got.delivered, got.pdus, got.retransmissions) == (True, 457, 0)
    session_us = 456 * 10 * FULL + FULL
    assert 0 <= got.receive_us - session_us < 4_000_000
    assert round(got.receive_us / 60e6) == 28


def test_parity_fills_what_a_multicast_lost() -> None:
    link = lossy(0.1, replace(PLAIN, downlink="multicast", confirmed=True))
    got = down(100_000, link)
    assert got.delivered
    assert 20 < got.retransmissions < 100
    assert not down(100_000, replace(link, redundancy=0.02)).delivered


def test_a_group_is_served_at_the_rate_of_its_slowest() -> None:
    got = down(10_000, replace(PLAIN, downlink="multicast", group_sf=9))
    assert got.pdus == 90
    assert got.receive_us > 89 * 10 * region.frame_us(3, 115)


def test_joining_is_a_request_and_an_answer_after_five_seconds() -> None:
    got = PLAIN.join(KEY)
    request, accept = airtime_us(Modem(sf=7), 23), airtime_us(Modem(sf=7), 33)
    assert (got.delivered, got.transmit_us) == (True, request)
    assert got.elapsed_us == request + 5_000_000 + accept
    lost = lossy(1.0, LoraLink()).join(KEY)
    assert (lost.delivered, lost.transmit_us) == (False, 8 * request)


def test_between_messages_class_a_sleeps_b_wakes_and_c_listens() -> None:
    sleeps, wakes, listens = (replace(PLAIN, device_class=name).standby for name in "ABC")
    assert sleeps is None
    assert listens is not None
    assert listens.receive_us == listens.period_us
    assert wakes is not None
    assert wakes.receive_us == 152_576 + 2_048 + 9 * 4_096
    often = replace(PLAIN, device_class="B", periodicity=0).standby
    assert often is not None
    assert (often.period_us, often.receive_us) == (128_000_000, 154_624 + 128 * 36_864)


LINKS = st.builds(
    LoraLink,
    sf=st.sampled_from([0, *range(7, 13)]),
    device_class=st.sampled_from("ABC"),
    confirmed=st.booleans(),
    trials=st.integers(0, 4),
    downlink=st.sampled_from(["unicast", "multicast"]),
    peers=st.integers(0, 50),
    collision=st.sampled_from([0.0, 0.2]),
    rx2_rate=st.integers(0, 5),
    periodicity=st.integers(0, 7),
    channel=st.sampled_from([Independent(), Independent(loss=0.1), Independent(loss=0.6)]),
)


@settings(max_examples=150, deadline=None)
@given(
    link=LINKS,
    direction=st.sampled_from(Direction),
    payload=st.integers(0, 1_500),
    key=st.integers(0, 2**64 - 1),
)
def test_no_node_exceeds_its_duty_cycle_and_every_microsecond_is_spent_once(
    link: LoraLink, direction: Direction, payload: int, key: int
) -> None:
    """Each frame is followed by 99 times its airtime, within the transfer or behind it."""
    got = link.transfer(direction, payload, key)
    assert 100 * got.transmit_us <= got.elapsed_us + got.quiet_us
    assert min(got.receive_us, got.sleep_us, got.idle_us, got.control_us, got.start_us, got.quiet_us) >= 0
    assert got == link.transfer(direction, payload, key)
    assert got.airtime_us >= got.transmit_us
    if link.device_class == "C":
        assert got.sleep_us == 0


@pytest.mark.parametrize("device_class", ["A", "B", "C"])
@pytest.mark.parametrize("sharers", [1, 7])
def test_no_gateway_exceeds_its_duty_cycle(device_class: str, sharers: int) -> None:
    """Between the first frame and the last, each is followed by its off time, for every node that is served."""
    link = replace(PLAIN, device_class=device_class, rx2_rate=4, peers=sharers, periodicity=0)
    got = down(1_000, link)
    rate = region.PING_RATE if device_class == "B" else 4
    frames = [region.frame_us(rate, part) for part in region.pieces(1_000, rate)]
    assert got.airtime_us - got.transmit_us >= sum(frames)
    assert got.elapsed_us >= 10 * sharers * sum(frames[:-1]) + frames[-1]


def test_everything_wrong_with_a_setting_is_said_at_once() -> None:
    with pytest.raises(InputError) as refused:
        LoraLink(
            sf=6, device_class="D", downlink="broadcast", trials=16, peers=-1, collision=2, rx2_rate=6, periodicity=8
        )
    where = [fault.where.removeprefix("lorawan.") for fault in refused.value.faults]
    assert where == ["sf", "class", "downlink", "trials", "peers", "collision", "rx2_rate", "periodicity"]


def test_a_payload_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 0 or more, got -1"):
        up(-1)
