"""Nodes where they stand: alone or in columns the same, adapted to their distance, and losing frames to their peers."""

from dataclasses import replace

import numpy as np
import pytest

from fleet.world.radio.channel import Independent, LogDistance
from fleet.world.radio.link import Direction
from fleet.world.radio.lora import region
from fleet.world.radio.lora.collisions import MODELS, Frames, delivered
from fleet.world.radio.lora.link import LoraLink
from fleet.world.radio.lora.path import GATEWAY_CDBM
from fleet.world.radio.lora.site import placed, places

CITY = {
    "exponent": 2.08,
    "distance_mm": None,
    "radius_mm": 300_000,
    "reference_distance_mm": 40_000,
    "reference_loss_db": 127.41,
    "shadowing_db": 3.57,
}
NODES = np.arange(3_000)


def test_one_node_stands_where_the_columns_say() -> None:
    link = LoraLink(gateways=7, nodes=3_000)
    where = places(link, CITY, 5, NODES)
    for node in (0, 1, 2_999):
        one = placed(link, CITY, 5, node)
        assert (one.sf, one.power_dbm) == (int(where.sf[node]), int(where.power_dbm[node]))
        assert isinstance(one.channel, LogDistance)
        assert one.channel.rssi_cdbm == int(where.rssi_cdbm[node])
        assert one.channel.receiver.sensitivity_dbm == GATEWAY_CDBM[one.sf - 7] / 100
    assert where.gateway.tolist() == (NODES % 7).tolist()


def test_the_far_send_slowly_and_the_near_quietly() -> None:
    where = places(LoraLink(), CITY, 5, NODES)
    assert set(where.sf.tolist()) == set(range(7, 13))
    assert where.power_dbm[where.sf > 7].min() == 14  # power is lowered only where the rate cannot be raised
    assert where.power_dbm.min() < 14
    assert (places(LoraLink(sf=9), CITY, 5, NODES).sf == 9).all()


def test_a_lower_power_is_not_raised_by_adaptive_data_rate() -> None:
    quiet = places(LoraLink(power_dbm=4), CITY, 5, NODES)
    assert quiet.power_dbm.max() == 4
    assert quiet.sf.mean() > places(LoraLink(), CITY, 5, NODES).sf.mean()


def test_without_distances_a_node_is_heard_and_keeps_its_channel() -> None:
    link = LoraLink(channel=Independent(loss=0.1))
    assert placed(link, None, 0, 3) == link
    assert link.spreading == 7


def test_a_node_at_the_edge_loses_frames_and_one_beyond_it_all() -> None:
    near, far = (dict(CITY, radius_mm=None, distance_mm=mm, shadowing_db=0.0) for mm in (500_000, 3_000_000))
    assert placed(LoraLink(), near, 0, 0).transfer(Direction.UP, 20, 1).delivered
    assert not placed(LoraLink(), far, 0, 0).transfer(Direction.UP, 20, 1).delivered


def test_frames_collide_the_more_peers_there_are() -> None:
    shares = [placed(LoraLink(nodes=count), None, 0, 0).collision for count in (1, 10, 100, 1_000)]
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert shares[2] == pytest.approx(1 - np.exp(-2 * 99 * (368_896 - 3 * 1_024) / (100 * 368_896) / 3), rel=1e-9)
    spread = placed(LoraLink(nodes=1_000, gateways=10), None, 0, 0).collision
    assert spread == shares[2]
    assert placed(LoraLink(nodes=1_000, peers=100), None, 0, 0).collision == shares[2]


@pytest.mark.parametrize("name", list(MODELS))
def test_shares_are_those_of_the_scan_of_full_frames_at_the_limit_of_the_duty_cycle(name: str) -> None:
    """60 peers, each sending a full frame in each of its cycles at a time of its own; 400 s. Within 2 points."""
    link, count = LoraLink(nodes=60, collisions=name), 60
    where = places(link, CITY, 5, NODES[:count])
    full = np.array([region.frame_us(rate, region.payload_limit(rate)) for rate in range(5, -1, -1)])[where.sf - 7]
    generator = np.random.default_rng(1)
    lost, sent, span_us = np.zeros(count), np.zeros(count), 400_000_000
    for _ in range(40):
        each = [np.arange(-generator.integers(0, 100 * t), span_us, 100 * t) for t in full]
        node = np.repeat(np.arange(count), [len(starts) for starts in each])
        frames = Frames(
            start_us=np.concatenate(each).astype(np.int64) + generator.integers(0, 1_000_000, len(node)),
            duration_us=full[node],
            channel=generator.integers(0, 3, len(node)),
            sf=where.sf[node],
            rssi_cdbm=where.rssi_cdbm[node],
        )
        got = delivered(frames, MODELS[name])
        np.add.at(lost, node, ~got)
        np.add.at(sent, node, 1)
    expected = np.array([placed(link, CITY, 5, n).collision for n in range(count)])
    assert abs((lost.sum() / sent.sum()) - np.average(expected, weights=sent)) < 0.02


def test_frames_of_other_spreading_factors_cost_more_where_they_harm_more() -> None:
    """In the open, where powers differ by more than thresholds do."""
    field = dict(CITY, radius_mm=4_000_000, exponent=3.76, reference_distance_mm=1_000, reference_loss_db=7.7)

    def share(name: str) -> float:
        return float(np.mean([placed(LoraLink(nodes=300, collisions=name), field, 5, n).collision for n in range(40)]))

    assert share("capture") < share("simple")
    assert share("capture") < share("goursaud")


def test_two_nodes_of_one_place_have_one_link() -> None:
    link = replace(LoraLink(nodes=40), device_class="C")
    assert placed(link, CITY, 9, 4) == placed(link, CITY, 9, 4)
    assert placed(link, CITY, 9, 4) != placed(link, CITY, 10, 4)
