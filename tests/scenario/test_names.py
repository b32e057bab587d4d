"""Names a scenario may use are exactly those that the rooms further up implement."""

from fleet.federation.server_app import STRATEGIES
from fleet.record import LINES
from fleet.scenario import names
from fleet.scenario.schema import RadioChoice
from fleet.world.radio import RADIOS, BleLink
from fleet.world.radio.ble_timing import PHYS
from fleet.world.store import CR2032_MAH, STORES


def test_every_store_of_a_scenario_is_one_of_the_world() -> None:
    assert set(names.STORES) == set(STORES)
    assert names.STORES["cr2032"].capacity_mah == CR2032_MAH
    for name, store in names.STORES.items():
        assert (STORES[name]().capacity_nj == 0) == (store.capacity_mah is None)


def test_every_radio_of_a_scenario_is_one_of_the_world_with_its_settings_and_defaults() -> None:
    assert set(names.RADIOS) == set(RADIOS)
    assert set(names.RADIOS["ble"].phys) == set(PHYS)
    chosen, link = RadioChoice(kind="ble"), BleLink()
    assert (chosen.phy, chosen.loss, chosen.interval_us) == (link.phy, link.loss, link.interval_us)


def test_every_line_to_compare_with_is_one_a_run_records() -> None:
    assert {*names.LINES, "federated"} == set(LINES)


def test_every_strategy_of_a_scenario_is_one_the_server_knows() -> None:
    assert set(names.STRATEGIES) == set(STRATEGIES)
