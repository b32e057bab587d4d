"""The table of 100 kB over EU868, redundancy, what listening takes, and the closed form against the decoder."""

import numpy as np
import pytest

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.node.wire.parity import Decoder
from fleet.world.radio.link import Direction
from fleet.world.radio.lora.link import LoraLink
from fleet.world.radio.lora.multicast import MESSAGES, Campaign, fare, listening_nj

KEY = rng.key(4, rng.Stream.RADIO)
SX1262_NA, SUPPLY_MV = 4_600_000, 3_300  # LoRa receive with DC-DC; Semtech, ral_sx126x.c

# Data rate: bytes a fragment, frames, airtime in s, hours at 10 % and at 1 %, joules received on the air.
PUBLISHED = {
    0: (48, 2084, 5821.6, 16.2, 161.7, 88.4),
    1: (48, 2084, 3252.2, 9.03, 90.3, 49.4),
    2: (48, 2084, 1455.4, 4.04, 40.4, 22.1),
    3: (112, 893, 604.4, 1.68, 16.8, 9.2),
    4: (219, 457, 299.7, 50 / 60, 8.3, 4.6),
    5: (219, 457, 168.6, 28 / 60, 4.7, 2.6),
}


@pytest.mark.parametrize("rate, row", PUBLISHED.items())
def test_100_kb_take_what_the_table_says_at_every_data_rate(rate: int, row: tuple[float, ...]) -> None:
    """Every figure to the digits that are published: half of the last one."""
    one = Campaign(payload_bytes=100_000, rate=rate)
    assert (one.fragment_bytes, one.fragments) == row[:2]
    assert abs(one.airtime_us / 1e6 - row[2]) <= 0.051
    assert abs(one.duration_us() / 3.6e9 - row[3]) <= (0.05 if row[3] > 10 else 0.01)
    assert abs(one.duration_us(10) / 3.6e9 - row[4]) <= 0.051
    assert abs(listening_nj(one.airtime_us, SX1262_NA, SUPPLY_MV) / 1e9 - row[5]) <= 0.051


def test_class_c_pays_for_the_whole_session() -> None:
    """885 J for 16.2 h, 25.6 J for 28 min."""
    slow, fast = (Campaign(payload_bytes=100_000, rate=rate).duration_us() for rate in (0, 5))
    assert round(listening_nj(slow, SX1262_NA, SUPPLY_MV) / 1e9) in (884, 885)
    assert round(listening_nj(fast, SX1262_NA, SUPPLY_MV) / 1e9, 1) == 25.6


@pytest.mark.parametrize("rate", [0, 3, 5])
def test_redundancy_is_airtime_like_any_other(rate: int) -> None:
    """A quarter more fragments, rounded up, take a quarter longer."""
    plain, coded = (Campaign(payload_bytes=100_000, rate=rate, redundancy_permille=p) for p in (0, 250))
    assert coded.sums == -(-plain.fragments // 4)
    assert coded.duration_us() * plain.fragments == plain.duration_us() * coded.sent
    assert 1.25 <= coded.duration_us() / plain.duration_us() < 1.252


def test_a_tenth_of_it_takes_three_minutes_at_the_fastest_rate() -> None:
    """10 kB delta: 46 frames, 17 s on the air, 2.8 min at 10 %."""
    delta = Campaign(payload_bytes=10_000, rate=5)
    assert delta.fragments == 46
    assert round(delta.airtime_us / 1e6) == 17
    assert round(delta.duration_us() / 60e6, 1) == 2.8


def test_a_node_of_the_process_world_is_served_by_the_same_session() -> None:
    one = Campaign(payload_bytes=100_000, rate=5, redundancy_permille=300)
    lived = LoraLink(confirmed=False, downlink="multicast").transfer(Direction.DOWN, 100_000, KEY)
    arrived_us = int(one.arrival_us(np.array([one.fragments]))[0])
    assert lived.pdus == one.fragments
    assert 0 <= lived.elapsed_us - arrived_us < 9_000_000  # the set-up before it
    assert one.duration_us() > arrived_us


def decoded(campaign: Campaign, loss_percent: int, trial: int) -> tuple[bool, int]:
    """One node through the decoder: whether it has the data, and after how many fragments it stopped."""
    key, node = rng.key(trial, loss_percent), Decoder(campaign.fragments, 1, campaign.fragments)
    for number in range(1, campaign.sent + 1):
        if rng.below(key, number, 100) >= loss_percent and node.take(number, b"\0"):
            return True, number
    return False, campaign.sent


@pytest.mark.parametrize("redundancy_permille, loss_percent", [(100, 5), (150, 10), (60, 5), (300, 10)])
def test_many_nodes_fare_as_the_decoder_says(redundancy_permille: int, loss_percent: int) -> None:
    """Share that has the data within 3 standard errors and 5 points, when it has them within 2 fragments in 500."""
    one = Campaign(payload_bytes=100_000, rate=5, redundancy_permille=redundancy_permille)
    trials = [decoded(one, loss_percent, trial) for trial in range(120)]
    many = fare(one, KEY, np.arange(20_000), loss_percent / 100)
    share = np.mean([done for done, _ in trials])
    error = 3 * np.sqrt(share * (1 - share) / len(trials)) + 0.05
    assert abs(many.done.mean() - share) < error
    assert abs(many.ended.mean() - np.mean([ended for _, ended in trials])) < 3


def test_nobody_loses_anything_on_a_clear_path() -> None:
    one = Campaign(payload_bytes=5_000, rate=3, redundancy_permille=200)
    all_heard = fare(one, KEY, np.arange(100), 0.0)
    assert all_heard.done.all()
    assert set(all_heard.ended.tolist()) == set(all_heard.heard.tolist()) == {one.fragments}


def test_a_node_fares_the_same_whoever_is_asked_beside_it() -> None:
    one = Campaign(payload_bytes=20_000, rate=5, redundancy_permille=200)
    everyone, some = (fare(one, KEY, nodes, 0.15) for nodes in (np.arange(500), np.array([3, 499, 77])))
    assert some.ended.tolist() == everyone.ended[[3, 499, 77]].tolist()
    assert some.done.tolist() == everyone.done[[3, 499, 77]].tolist()


def test_without_sums_only_those_who_lost_nothing_have_the_data() -> None:
    one = Campaign(payload_bytes=2_000, rate=5)
    many = fare(one, KEY, np.arange(20_000), 0.1)
    assert one.fragments == 10
    assert abs(many.done.mean() - 0.9**10) < 2.58 * np.sqrt(0.9**10 * (1 - 0.9**10) / 20_000)
    assert (many.ended == 10).all()


def test_messages_that_set_a_session_up_are_as_long_as_loramac_node_makes_them() -> None:
    assert MESSAGES["McGroupSetupReq"] == 1 + 1 + 4 + 16 + 4 + 4
    assert MESSAGES["McClassCSessionReq"] == 1 + 1 + 4 + 1 + 3 + 1
    assert MESSAGES["FragSessionSetupReq"] == 1 + 1 + 2 + 1 + 1 + 1 + 4
    assert max(MESSAGES.values()) <= 51  # they fit at every data rate


def test_what_no_session_can_be_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        Campaign(payload_bytes=0, rate=7, redundancy_permille=-1)
    assert len(refused.value.faults) == 3
    with pytest.raises(InputError, match="at most 16383 fragments, got 20834"):
        Campaign(payload_bytes=1_000_000, rate=0)
    with pytest.raises(ValueError, match=r"expected 0 to below 1, got 1\.0"):
        fare(Campaign(payload_bytes=10, rate=5), KEY, np.arange(3), 1.0)
