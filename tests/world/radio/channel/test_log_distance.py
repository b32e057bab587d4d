"""Losses over distance: free space, shadowing, and what a receiver's sensitivity means."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.world.radio.cellular import NbIotLink
from fleet.world.radio.channel import LogDistance, Receiver, Site
from fleet.world.radio.channel.log_distance import (
    FREE_SPACE_DB,
    log_distance,
    packet_errors,
    rssi_cdbm,
)
from fleet.world.radio.ieee802154 import Ieee802154Link
from fleet.world.radio.lora.path import Path
from fleet.world.radio.wifi import WifiLink

RECEIVER = Receiver(sensitivity_dbm=-95.0, bit_errors=1e-3)
NODES = np.arange(20_000)


def site(node: int = 0, seed: int = 0, transmit_dbm: float = 0.0) -> Site:
    return Site(node=node, seed=seed, transmit_dbm=transmit_dbm, receiver=RECEIVER)


def test_a_metre_of_free_space_costs_what_friis_says() -> None:
    friis_db = 20 * math.log10(4 * math.pi * 2.44e9 / 299_792_458)
    assert round(friis_db, 1) == FREE_SPACE_DB


def test_received_power_falls_by_ten_times_the_exponent_in_a_decade() -> None:
    near, far = (log_distance(site(), exponent=3.0, distance_mm=d).rssi_cdbm for d in (10_000, 100_000))
    assert (near, far) == (-4_020 - 3_000, -4_020 - 6_000)
    assert log_distance(site(transmit_dbm=8), exponent=3.0, distance_mm=10_000).rssi_cdbm == near + 800


def test_at_the_sensitivity_bits_err_as_the_standard_says() -> None:
    """BLE: 1e-3, so 37 octets with their head of 13 are lost with 1 - 0.999^400; 802.15.4: 20 octets with 1 %."""
    assert LogDistance(rssi_cdbm=-9_500, receiver=RECEIVER).share(1) == pytest.approx(1e-3)
    assert LogDistance(rssi_cdbm=-9_500, receiver=RECEIVER).share(400) == pytest.approx(1 - 0.999**400)
    zigbee = Ieee802154Link().receiver
    assert packet_errors(np.array([-10_000]), zigbee, 160)[0] == pytest.approx(0.01, rel=1e-3)
    wifi = WifiLink().receiver
    assert packet_errors(np.array([-6_400]), wifi, 8 * 4_096)[0] == pytest.approx(0.1, rel=1e-3)
    nbiot = NbIotLink().receiver
    assert packet_errors(np.array([-10_820]), nbiot, 680)[0] == pytest.approx(0.05, rel=1e-3)


@given(rssi=st.integers(-12_000, -2_000), bits=st.integers(1, 20_000))
def test_more_bits_and_less_power_never_lose_less(rssi: int, bits: int) -> None:
    here, weaker, longer = (
        LogDistance(rssi_cdbm=power, receiver=RECEIVER).share(size)
        for power, size in ((rssi, bits), (rssi - 100, bits), (rssi, bits + 1))
    )
    assert 0 <= here <= weaker <= 1
    assert here <= longer <= 1


def test_many_nodes_at_once_are_the_same_as_each_alone() -> None:
    path = Path(reference_m=1, reference_db=FREE_SPACE_DB, exponent=2.8, shadowing_db=6)
    together = rssi_cdbm(path, 7, NODES[:200], 4, radius_mm=80_000)
    alone = [
        log_distance(site(node, 7, 4), exponent=2.8, radius_mm=80_000, shadowing_db=6.0).rssi_cdbm
        for node in range(200)
    ]
    assert together.tolist() == alone
    errors = packet_errors(together, RECEIVER, 1_000)
    assert [float(e) for e in errors] == [LogDistance(rssi_cdbm=r, receiver=RECEIVER).share(1_000) for r in alone]


def test_shadowing_is_normal_and_belongs_to_the_node_and_the_seed() -> None:
    path = Path(reference_m=1, reference_db=FREE_SPACE_DB, exponent=3, shadowing_db=8)
    drawn = rssi_cdbm(path, 1, NODES, 0, distance_mm=1_000) / 100 + FREE_SPACE_DB
    assert abs(drawn.mean()) < 0.2
    assert abs(drawn.std() - 8) < 0.1
    assert abs((np.abs(drawn) < 8).mean() - (2 * NormalDist().cdf(1) - 1)) < 0.01
    assert (drawn != rssi_cdbm(path, 2, NODES, 0, distance_mm=1_000) / 100 + FREE_SPACE_DB).mean() > 0.99


def test_nodes_lie_evenly_on_their_disc() -> None:
    """Half of them within the radius over the root of two."""
    path = Path(reference_m=1, reference_db=0, exponent=2)
    half_cdb = round(100 * 20 * math.log10(100 / 2**0.5))
    assert abs((-rssi_cdbm(path, 3, NODES, 0, radius_mm=100_000) <= half_cdb).mean() - 0.5) < 0.015


def test_a_packet_is_lost_when_its_draw_is_below_its_chance() -> None:
    channel = LogDistance(rssi_cdbm=-9_500, receiver=RECEIVER)
    below = round(channel.share(400) * 2**32)
    assert channel.lost(lambda: below - 1, 0, 400)
    assert not channel.lost(lambda: below, 0, 400)


@pytest.mark.parametrize("given_", [{}, {"distance_mm": 1_000, "radius_mm": 1_000}])
def test_a_place_is_given_once(given_: dict[str, int]) -> None:
    with pytest.raises(InputError, match="expected one of distance, radius"):
        log_distance(site(), exponent=3.0, **given_)
