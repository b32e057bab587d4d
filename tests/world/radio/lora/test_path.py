"""Path loss against the figures of its sources, and where nodes stand."""

from math import log10 as true_log10

import numpy as np
import pytest

from fleet.base import rng
from fleet.world.radio.lora.path import (
    GATEWAY_CDBM,
    NODE_CDBM,
    NOISE_CDBM,
    PATHS,
    distances_m,
    least_sf,
    normals,
    reached,
)

KEY = rng.key(11, rng.Stream.RADIO)
NODES = np.arange(100_000)


def test_lorasims_range_at_sf_12_is_413_metres_with_base_10() -> None:
    """Its authors' 110 m comes of a natural logarithm: 40 exp((14 + 134.5 - 127.41) / 20.8)."""
    loss = PATHS["built-up"].loss_cdb(np.array([40.0, 413.0, 110.26]))
    assert loss[0] == 12_741
    assert abs(loss[1] - 14_850) <= 1
    assert loss[2] == round(100 * (127.41 + 20.8 * true_log10(110.26 / 40)))


def test_the_open_path_reaches_what_ns3s_example_reaches() -> None:
    """Exponent 3.76 from 7.7 dB at 1 m: 14 dBm fall to -142.5 dBm at 10^((156.5 - 7.7) / 37.6) = 9,067 m."""
    loss = PATHS["open"].loss_cdb(np.array([9_060.0, 9_075.0]))
    assert reached(1_400 - loss, np.array([12, 12])).tolist() == [True, False]


def test_nearer_than_the_reference_the_loss_is_that_at_the_reference() -> None:
    assert PATHS["built-up"].loss_cdb(np.array([0.1, 40.0])).tolist() == [12_741, 12_741]


def test_shadowing_is_normal_in_decibels() -> None:
    """100,000 nodes: mean and deviation within 2.58 standard errors."""
    z = normals(KEY, NODES)
    assert abs(z.mean()) < 2.58 / np.sqrt(NODES.size)
    assert abs(z.std() - 1) < 2.58 / np.sqrt(2 * NODES.size)
    shadowed = PATHS["built-up"].loss_cdb(np.full(NODES.size, 500.0), z)
    clear = int(PATHS["built-up"].loss_cdb(np.array([500.0]))[0])
    assert shadowed.std() == pytest.approx(357, rel=0.01)
    assert abs(shadowed.mean() - clear) < 2.58 * 357 / np.sqrt(NODES.size)


def test_nodes_lie_uniformly_in_the_disc() -> None:
    """Half of the area lies within 1 / sqrt(2) of the radius."""
    distance = distances_m(KEY, NODES, 1_000)
    assert abs((distance < 1_000 / np.sqrt(2)).mean() - 0.5) < 2.58 * 0.5 / np.sqrt(NODES.size)
    assert distance.min() > 0
    assert distance.max() < 1_000


def test_a_node_stands_where_it_stands_whoever_is_asked_for_beside_it() -> None:
    some = np.array([17, 4, 99_999])
    assert distances_m(KEY, some, 50).tolist() == distances_m(KEY, NODES, 50)[some].tolist()
    assert normals(KEY, some).tolist() == normals(KEY, NODES)[some].tolist()


def test_the_least_spreading_factor_is_heard_and_the_next_faster_is_not() -> None:
    rssi = np.arange(-15_000, -11_000, 25)
    for sensitivity in (GATEWAY_CDBM, NODE_CDBM):
        sf = least_sf(rssi, sensitivity)
        in_reach = rssi >= sensitivity[-1]
        assert reached(rssi, sf, sensitivity).tolist() == in_reach.tolist()
        slower = sf > 7
        assert not reached(rssi[slower], sf[slower] - 1, sensitivity).any()


def test_noise_is_thermal_noise_in_125_khz_with_six_decibels_of_the_receiver() -> None:
    assert round(100 * (-174 + 10 * true_log10(125_000) + 6)) == NOISE_CDBM
