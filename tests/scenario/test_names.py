"""Names a scenario may use are exactly those that the rooms further up implement."""

from typing import Any

import pytest

from fleet.base.declared import declared_fields
from fleet.federation.server_app import STRATEGIES
from fleet.record import LINES
from fleet.scenario import names, radio_names
from fleet.scenario.energy_schema import HarvestChoice, StoreChoice
from fleet.scenario.radio_names import BLE_PHYS
from fleet.scenario.radio_schema import LinkChoice, RadioChoice
from fleet.world.energy import store_of
from fleet.world.radio import RADIOS
from fleet.world.radio.ble.timing import PHYS
from fleet.world.radio.channel import CHANNELS
from fleet.world.radio.lora import setting
from fleet.world.radio.lora.collisions import MODELS
from fleet.world.specs import radio_link
from fleet.world.stores import STORES
from fleet.world.stores.cr2032 import CAPACITY_MAH


def test_every_store_of_a_scenario_is_one_of_the_world_and_is_made_with_its_defaults() -> None:
    assert set(names.STORES) == set(STORES)
    assert names.STORES["cr2032"].capacity_mah == CAPACITY_MAH
    for name, store in names.STORES.items():
        made = STORES[name]()
        assert store_of(StoreChoice(kind=name)) == made
        assert (made.capacity_nj == 0) == (name == "ideal")
        assert store.rechargeable == store_of(StoreChoice(kind=name, **CHARGED.get(name, {}))).rechargeable


CHARGED: dict[str, dict[str, Any]] = {"ideal": {"capacity_mah": 1.0}}


def test_every_radio_of_the_world_is_one_of_a_scenario_and_is_made_with_its_settings_and_defaults() -> None:
    assert set(RADIOS) <= set(names.RADIOS)
    assert set(BLE_PHYS) == set(PHYS)
    for kind in RADIOS:
        assert radio_link(RadioChoice(kind=kind)) == RADIOS[kind]()


def test_every_word_of_lorawan_is_one_of_its_model() -> None:
    assert radio_names.LORA_CLASSES == setting.CLASSES
    assert radio_names.LORA_DOWNLINKS == setting.DOWNLINKS
    assert radio_names.LORA_REGIONS == setting.REGIONS
    assert set(radio_names.LORA_COLLISIONS) == set(MODELS)


def test_every_link_model_of_a_scenario_is_one_of_the_world() -> None:
    assert set(names.LINKS) == set(CHANNELS)


@pytest.mark.parametrize(
    "choice, known", [(RadioChoice, names.RADIOS), (LinkChoice, names.LINKS), (HarvestChoice, names.HARVESTERS)]
)
def test_every_key_that_a_kind_reads_is_declared_and_every_declared_key_is_read(
    choice: type, known: dict[str, Any]
) -> None:
    declared = {field.key for field in declared_fields(choice)}
    assert {key for kind in known.values() for key in kind.keys} == declared
    assert all(set(getattr(kind, "later", ())) <= set(kind.defaults) for kind in known.values())


def test_every_line_to_compare_with_is_one_a_run_records() -> None:
    assert {*names.LINES, "federated"} == set(LINES)


def test_every_strategy_of_a_scenario_is_one_the_server_knows() -> None:
    assert set(names.STRATEGIES) == set(STRATEGIES)
