"""From boards and scenarios to nodes: the shipped boards, and what they cost in this world."""

from dataclasses import replace

import pytest

from fleet.base.errors import InputError
from fleet.node.profile import load_profile, radio_of
from fleet.scenario import StoreChoice
from fleet.scenario.radio_schema import LinkChoice, RadioChoice
from fleet.scenario.schema import FleetGroup
from fleet.world import node_spec, power
from fleet.world.radio import BleLink
from fleet.world.radio.channel import Independent
from fleet.world.radio.lora.link import LoraLink
from fleet.world.stores.cr2032 import cr2032
from tests.world.fakes import HOUR_US, Work, world

GROUP = FleetGroup(
    board="nrf52840",
    count=12,
    energy=StoreChoice(kind="cr2032", capacity_mah=None),
    radio=RadioChoice(kind="ble", phy="1M", loss=0.02, interval_us=50_000),
    every_us=HOUR_US,
)


def test_a_node_is_its_board_its_cell_and_its_link() -> None:
    profile = load_profile("nrf52840")
    spec = node_spec(3, profile, GROUP)
    assert (spec.node, spec.power, spec.store) == (3, power(profile), cr2032())
    assert spec.link == BleLink(channel=Independent(loss=0.02), interval_us=50_000, clock_ppm=40)


def test_a_network_draws_the_boards_factor_more_than_other_work() -> None:
    profile = load_profile("nrf52840")
    found = power(profile)
    assert (found.run_na, found.compute_na) == (3_300_000, 3_960_000)
    assert (found.transmit_na, found.receive_na, found.sense_na) == (6_400_000, 6_260_000, 0)


def test_a_lorawan_node_stands_somewhere_and_sends_as_its_server_told_it() -> None:
    """30 m end at SF 7 and 2 dBm, 5 km at SF 12 and 14 dBm; each draws what the module draws at its power."""
    profile = load_profile("nrf52840")
    part = radio_of(profile, "lorawan", "sx1261")
    found = {}
    for metres in (30, 5_000):
        path = LinkChoice(
            kind="log_distance", exponent=3.76, distance_mm=1_000 * metres, reference_loss_db=7.7, shadowing_db=0.0
        )
        radio = RadioChoice(kind="lorawan", module="sx1261", link=path)
        found[metres] = node_spec(0, profile, replace(GROUP, radio=radio), seed=3)
    near, far = found[30], found[5_000]
    assert isinstance(near.link, LoraLink)
    assert isinstance(far.link, LoraLink)
    assert (near.link.sf, near.link.power_dbm) == (7, 2)
    assert (far.link.sf, far.link.power_dbm) == (12, 14)
    assert near.power == power(profile, part, tx_dbm=2)
    assert far.power == power(profile, part, tx_dbm=14)
    assert near.power.transmit_na < far.power.transmit_na
    assert near.link.nodes == GROUP.count
    assert 0 < near.link.collision < 0.2


def test_a_board_without_a_radio_is_refused_a_link() -> None:
    with pytest.raises(InputError, match=r"radio: expected .* stm32f746"):
        node_spec(0, load_profile("stm32f746"), GROUP)


def test_a_day_of_rounds_on_a_coin_cell_is_radio_little_compute_most() -> None:
    """Ten hourly rounds of 64 steps of 50 ms: 32 s of compute at 12 mW, a second of radio, a day of sleep."""
    fleet, records = world(node_spec(0, load_profile("nrf52840"), GROUP))
    for number in range(1, 11):
        fleet.advance_to(number * HOUR_US)
        (outcome,) = fleet.exchange([Work(node=0, round=number, step_us=50_000)], deadline_us=fleet.now_us + HOUR_US)
        assert outcome.delivered
    fleet.advance_to(24 * HOUR_US)
    energy, (battery,) = fleet.close()
    by_cause = {row.cause: row.energy_nj for row in energy}
    assert by_cause["compute"] == 10 * 64 * 50_000 * 3_960_000 * 3_000 // 10**9
    assert by_cause["transmit"] + by_cause["receive"] < by_cause["compute"] // 10
    assert battery.drawn_nj < battery.capacity_nj // 1_000
    assert records.events == []
