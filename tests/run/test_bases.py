"""Everything that a scenario may name says what it rests on, and a run says so only of what its fleet uses."""

from dataclasses import replace

from fleet.base.places import scenarios_dir
from fleet.record import BASES
from fleet.run import bases
from fleet.scenario import Scenario, load, names
from fleet.scenario.radio_schema import GatewayChoice


def said(scenario: Scenario) -> dict[str, str]:
    return {row.key.removeprefix("basis:"): row.value for row in bases.fleet_bases(scenario.fleet)}


def quickstart() -> Scenario:
    return load(scenarios_dir() / "quickstart.yaml")


def test_every_name_has_its_lines() -> None:
    assert set(bases.RADIOS) == set(names.RADIOS)
    assert set(bases.LINKS) == set(names.LINKS)
    assert set(bases.STORES) == set(names.STORES)
    assert set(bases.HARVESTERS) == set(names.HARVESTERS)
    every = [line for table in (bases.RADIOS, bases.STORES, bases.HARVESTERS) for line in table.values()]
    assert all(every)
    assert {basis for lines in every for _, _, basis in lines} <= set(BASES)


def test_the_quickstart_rests_on_bluetooth_and_a_coin_cell() -> None:
    assert list(said(quickstart())) == [
        "weights, logits, updates",
        "bytes on the air",
        "memory of the node",
        "time on the air",
        "BLE connection set-up",
        "CR2032 voltage and resistance",
        "energy",
    ]
    assert said(quickstart())["BLE connection set-up"].endswith("one gateway per node")


def test_other_radios_and_stores_bring_their_own_and_none_of_bluetooth() -> None:
    scenario = quickstart()
    group = scenario.fleet[0]
    for kind in names.RADIOS:
        other = replace(group, radio=replace(group.radio, kind=kind), energy=replace(group.energy, kind="ideal"))
        found = said(replace(scenario, fleet=(other, other)))
        assert ("BLE connection set-up" in found) == (kind == "ble")
        assert "ideal store" in found
        assert "CR2032 voltage and resistance" not in found
    both = said(replace(scenario, fleet=(group, other)))
    assert {"time on the air", "time on the air, LTE-M", "CR2032 voltage and resistance", "ideal store"} <= set(both)


def test_nodes_of_a_shared_gateway_have_none_of_their_own() -> None:
    scenario = quickstart()
    group = scenario.fleet[0]
    shared = replace(group, radio=replace(group.radio, gateway=GatewayChoice(links=1)))
    found = said(replace(scenario, fleet=(shared,)))
    assert "shared gateway" in found
    assert found["BLE connection set-up"] == "six empty events, eight more for another PHY"
