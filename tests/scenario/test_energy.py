"""What a scenario may say about energy, what it means, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleet.base.errors import InputError
from fleet.node.cost import flash_cost
from fleet.node.profile import load_profile
from fleet.scenario import HarvestChoice, StoreChoice, dump, load, loads
from fleet.world.energy import harvest_of, levels_of, recovery_of, store_of
from fleet.world.harvest import Constant, Solar, Trace
from fleet.world.outage import Checkpoints, Recovery
from fleet.world.specs import node_spec, supply_faults
from fleet.world.stores.kibam import Kibam
from fleet.world.stores.supercap import supercap

QUICKSTART = Path(__file__).parents[2] / "scenarios/quickstart.yaml"
SOLAR = "{store: supercap, capacitance: 1 F, harvest: {kind: solar, area: 20 cm2, latitude: 51, regions: 3}}"


def with_energy(energy: str) -> str:
    text = QUICKSTART.read_text(encoding="utf-8")
    assert text.count("store: cr2032") == 1
    return text.replace("energy: {store: cr2032}", f"energy: {energy}")


def faults_of(energy: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        loads(with_energy(energy))
    return [str(fault).split("fleet[0].energy", 1)[1] for fault in caught.value.faults]


def test_a_solar_node_is_what_its_scenario_says() -> None:
    scenario = loads(with_energy(SOLAR))
    assert loads(dump(scenario)) == scenario
    spec = node_spec(5, load_profile("nrf52840"), scenario.fleet[0], seed=7)
    assert spec.store == supercap(1_000_000_000)
    assert spec.harvest == Solar(area_mm2=2_000, latitude_deg=51.0, seed=7, region=2)
    assert spec.recovery == Recovery(restart_ppm=600_000)


def test_every_key_of_a_store_reaches_it() -> None:
    keys = "available: 16.6 %, flow: 7.32, charger: 90 %, harvest: {kind: constant, power: 1 mW}, checkpoint: 30 %"
    group = loads(with_energy(f"{{store: kibam, capacity: 90 mAh, voltage: 3.2 V, {keys}}}")).fleet[0]
    store = store_of(group.energy)
    assert isinstance(store, Kibam)
    assert (store.nominal_mv, store.available, store.flow_per_h, store.charger_permille) == (3_200, 0.166, 7.32, 900)
    assert store.capacity_nj == 90 * 3_600_000 * 3_200
    spec = node_spec(0, load_profile("nrf52840"), group, state_bytes=5_000)
    time_us = flash_cost(load_profile("nrf52840"), 5_000).time_us
    assert spec.harvest == Constant(harvest_nw=1_000_000)
    assert spec.recovery == Recovery(restart_ppm=600_000, checkpoints=Checkpoints(level_ppm=300_000, time_us=time_us))


def test_a_store_of_the_first_release_is_written_as_it_was() -> None:
    text = dump(load(QUICKSTART))
    assert "    energy:\n      store: cr2032\n" in text
    assert "restart" not in text


@pytest.mark.parametrize("energy, where, words", [
    ("{store: cr2032, voltage: 3 V}", ".voltage", "expected only store, harvest, restart, checkpoint, capacity with"),
    ("{store: cr2032, harvest: {kind: constant, power: 1 mW}}", ".harvest", "expected one of ideal, kibam, supercap"),
    ("{store: ideal, harvest: {kind: constant, power: 1 mW}}", ".harvest", "expected a capacity beside it"),
    ("{store: supercap, harvest: {kind: constant}}", ".harvest", "expected power with constant, got none"),
    ("{store: supercap, harvest: {kind: solar, area: 1 cm2}}", ".harvest", "expected latitude with solar"),
    ("{store: supercap, harvest: {kind: constant, power: 1 mW, tilt: 3}}", ".harvest.tilt", "expected only kind"),
    ("{store: supercap, restart: 50 %}", ".restart", "expected a harvest beside it, got none"),
    ("{store: supercap, harvest: {kind: constant, power: 1 mW}, checkpoint: 70 %}", ".checkpoint", "expected less"),
    ("{store: supercap, harvest: {kind: trace, path: none.csv}}", ".harvest.path", "expected a file, got none at"),
    ("{store: supercap, capacitance: 1 kg}", ".capacitance", "expected a capacitance in"),
])  # fmt: skip
def test_what_means_nothing_is_refused(energy: str, where: str, words: str) -> None:
    (said,) = faults_of(energy)
    assert said.startswith(f"{where}: {words}")


def test_all_faults_come_at_once() -> None:
    assert len(faults_of("{store: cr2032, flow: 1, harvest: {kind: solar, power: 1 mW}, checkpoint: 90 %}")) == 6


def test_a_trace_counts_from_the_scenario_and_its_faults_are_those_of_the_fleet(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(with_energy("{store: supercap, harvest: {kind: trace, path: light.csv}}"))
    (tmp_path / "light.csv").write_text("time_s,power_uw\n0,5\n")
    scenario = load(file)
    spec = node_spec(0, load_profile("nrf52840"), scenario.fleet[0], scenario=scenario.path)
    assert spec.harvest == Trace(starts_us=(0,), powers_nw=(5_000,))
    bad = tmp_path / "other"
    bad.mkdir()
    (bad / "light.csv").write_text("time_s,power_uw\n1,-5\n")
    found = supply_faults(scenario.fleet, {"nrf52840": load_profile("nrf52840")}, scenario=bad / "mine.yaml")
    assert [str(fault).split("light.csv:")[1][:10] for fault in found] == ["2: expecte"] * 2


def refusals(**energy: Any) -> list[str]:
    scenario = load(QUICKSTART)
    choice = StoreChoice(**energy)
    group = replace(scenario.fleet[0], energy=choice)
    return [fault.text for fault in supply_faults([group], {"nrf52840": load_profile("nrf52840")})]


def test_a_level_at_which_a_board_cannot_work_is_refused_with_the_arithmetic() -> None:
    constant = HarvestChoice(kind="constant", power_nw=10**6)
    assert refusals(kind="supercap", harvest=constant) == []
    (low,) = refusals(kind="supercap", harvest=constant, restart=0.3)
    assert low.startswith("expected at least 1,700 mV for nrf52840 (ble), got 1,643 mV of a 30% full supercap")
    assert refusals(kind="kibam", voltage_mv=3_000, harvest=constant, restart=0.1) == []


def test_levels_and_recovery_are_of_those_who_harvest() -> None:
    assert list(levels_of(StoreChoice(kind="supercap"))) == []
    assert recovery_of(StoreChoice(kind="supercap"), load_profile("nrf52840"), 1) is None
    assert harvest_of(None, node=0, seed=0, scenario=None) is None
