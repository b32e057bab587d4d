"""Messages over IEEE 802.15.4: by their sums without losses, by their laws with them."""

from dataclasses import replace
from statistics import fmean

import pytest

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.world.radio import Direction, Transfer
from fleet.world.radio.channel import CLEAR, Independent
from fleet.world.radio.ieee802154 import Ieee802154Link, timing
from fleet.world.radio.ieee802154.coap import blocks
from fleet.world.radio.ieee802154.hop import Hop
from fleet.world.radio.ieee802154.radio import Exchange
from fleet.world.radio.ieee802154.sixlowpan import udp_frames

LINK = Ieee802154Link()


def keys(count: int) -> list[int]:
    return [rng.key(3, rng.Stream.RADIO, n) for n in range(count)]


def received(payload: int, link: Ieee802154Link = LINK, key: int = 0) -> Transfer:
    return link.transfer(Direction.DOWN, payload, key)


def sent(payload: int, link: Ieee802154Link = LINK, key: int = 0) -> Transfer:
    return link.transfer(Direction.UP, payload, key)


def test_a_hundred_kilobytes_take_the_worked_time() -> None:
    """98 blocks of 11 full frames and an answer of 40 octets: 7.8 s of mean cycles; real last frames are shorter."""
    answer = udp_frames(9)
    assert (len(blocks(100_000, 1024)), answer) == (98, [40])
    worked_us = 98 * (11 * timing.mean_cycle_us(127) + timing.mean_cycle_us(40))
    assert round(worked_us / 1e6, 1) == 7.8
    mean_us = fmean(received(100_000, key=key).elapsed_us for key in keys(8))
    assert 0.96 * worked_us < mean_us < worked_us


def test_frames_alone_take_the_mean_cycle() -> None:
    """Over 4,000 backoffs of 0 to 7 units the mean is 3.5 units, give or take 2.3 units over the root of 4,000."""
    hop = Hop(key=rng.key(1, rng.Stream.RADIO), channel=CLEAR)
    assert all(hop.frame(127, up=True) for _ in range(4_000))
    assert abs(hop.now_us / 4_000 - timing.mean_cycle_us(127)) < 4 * 733 / 4_000**0.5


def test_an_upload_is_a_download_with_the_roles_swapped() -> None:
    down, up = received(3_000), sent(3_000)
    assert (up.pdus, up.airtime_us) == (down.pdus, down.airtime_us)
    acknowledged = down.pdus * timing.ACK_US
    answers = 3 * timing.ACK_US
    assert up.receive_us > down.transmit_us  # who sends listens for acknowledgements, assessments and answers
    assert down.transmit_us == acknowledged + 3 * timing.frame_us(40)
    assert up.transmit_us == up.airtime_us - acknowledged - 3 * timing.frame_us(40)
    assert answers + acknowledged < up.receive_us


def test_every_microsecond_is_spent_on_one_thing() -> None:
    transfer = sent(5_000, replace(LINK, channel=Independent(loss=0.1), busy=0.2), keys(1)[0])
    parts = (transfer.transmit_us, transfer.receive_us, transfer.idle_us, transfer.control_us, transfer.sleep_us)
    assert min(parts) >= 0
    assert sum(parts) == transfer.elapsed_us


def test_a_frame_is_tried_four_times_and_then_its_exchange_five_times() -> None:
    """On a dead channel: 5 exchanges of 4 attempts, each with a wait for an acknowledgement that does not come."""
    exchange = Exchange(replace(LINK, channel=Independent(loss=1.0)), Direction.UP, keys(1)[0])
    transfer = exchange.run(10)
    assert not transfer.delivered
    assert (exchange.attempts, transfer.pdus, transfer.retransmissions) == (20, 1, 19)
    assert 2_000_000 * 31 <= transfer.sleep_us <= 3_000_000 * 31  # 2 to 3 s, doubled four times


def test_losses_are_sent_again_as_often_as_their_law_says() -> None:
    """A frame or its acknowledgement is lost with 1 - 0.9^2 = 0.19: attempts per frame are 1 / 0.81."""
    link = replace(LINK, channel=Independent(loss=0.1))
    runs = [sent(20_000, link, key) for key in keys(40)]
    assert all(run.delivered for run in runs)
    share = sum(run.retransmissions for run in runs) / sum(run.pdus for run in runs)
    assert 0.21 < share < 0.26


def test_a_busy_channel_costs_backoffs_and_at_last_the_frame() -> None:
    free, busy = (fmean(sent(5_000, replace(LINK, busy=b), key).elapsed_us for key in keys(20)) for b in (0.0, 0.3))
    assert busy > 1.05 * free
    hop = Hop(key=keys(1)[0], channel=CLEAR, busy_ppm=900_000, retries=0)
    failed = sum(not hop.frame(50, up=True) for _ in range(2_000)) / 2_000
    assert abs(failed - 0.9**5) < 0.04
    assert hop.attempts == round(2_000 * (1 - failed))  # what finds no free channel never goes on the air


def test_the_channel_is_tried_again_as_often_as_a_frame() -> None:
    hop = Hop(key=keys(1)[0], channel=CLEAR, busy_ppm=900_000, retries=15)
    failed = sum(not hop.frame(50, up=True) for _ in range(2_000)) / 2_000
    assert abs(failed - 0.9**80) < 0.005


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("loss", [0.0, 0.3, 1.0])
def test_pieces_are_the_whole(direction: Direction, loss: float) -> None:
    link = replace(LINK, hops=2, channel=Independent(loss=loss), busy=0.1)
    session = link.session(direction, 2_500, 77, at_us=5)
    pieces = []
    while (piece := session.step(1)) is not None:
        pieces.append(piece)
    whole = link.transfer(direction, 2_500, 77, at_us=5)
    assert session.total == whole
    for name in ("elapsed_us", "airtime_us", "transmit_us", "sleep_us", "pdus", "retransmissions"):
        assert sum(getattr(piece, name) for piece in pieces) == getattr(whole, name)
    assert len(pieces) >= 2
    assert session.step(1) is None


def test_each_hop_repeats_the_frames_while_the_node_listens() -> None:
    one, three = received(4_000), received(4_000, replace(LINK, hops=3))
    assert three.transmit_us == one.transmit_us
    assert three.airtime_us == one.airtime_us
    assert 2.8 < three.elapsed_us / one.elapsed_us < 3.2


def test_a_far_hop_that_loses_everything_loses_the_message_though_the_own_hop_is_clear() -> None:
    exchange = Exchange(replace(LINK, hops=2), Direction.UP, 0)
    exchange.behind[0].losses = Independent(loss=1.0)
    transfer = exchange.run(100)
    assert not transfer.delivered
    assert (transfer.pdus, transfer.retransmissions) == (1, 4)  # once for each of five exchanges


def test_smaller_blocks_take_more_answers() -> None:
    assert sent(4_096, replace(LINK, block_bytes=64)).elapsed_us > 1.5 * sent(4_096).elapsed_us


def test_a_link_that_cannot_be_is_refused_with_all_its_faults() -> None:
    with pytest.raises(InputError) as caught:
        Ieee802154Link(hops=0, block_bytes=100, retries=16, busy=1.0)
    assert [fault.where for fault in caught.value.faults] == [
        "ieee802154.hops",
        "ieee802154.block",
        "ieee802154.retries",
        "ieee802154.busy",
    ]
