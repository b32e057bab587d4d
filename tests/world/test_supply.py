"""A store that cannot run a board is refused, with the arithmetic, before anything is simulated."""

from fleet.node.profile import load_profile, radio_of
from fleet.world.stores.cr2032 import cr2032
from fleet.world.stores.ideal import ideal
from fleet.world.supply import supply_refusals

CELL = cr2032().voltage_mv


def test_wifi_on_a_coin_cell_is_refused_with_every_state_that_it_fails_in() -> None:
    """3,000 mV less 285 mA through 10 ohm leave 150 mV; an ESP32-C3 needs 3,000 mV."""
    profile = load_profile("esp32c3")
    faults = supply_refusals(profile, radio_of(profile, "wifi"), "cr2032", CELL)
    assert len(faults) == 5
    assert faults[3] == (
        "expected at least 3,000 mV while esp32c3 (wifi) transmits, got 150 mV: "
        "3,000 mV of a fresh cr2032 less 2,850 mV that 285 mA lose in it; "
        "take a store of less resistance, or another board"
    )


def test_a_bluetooth_node_and_a_small_lora_node_run_on_a_coin_cell() -> None:
    profile = load_profile("nrf52840")
    assert supply_refusals(profile, radio_of(profile, "ble"), "cr2032", CELL, tx_dbm=8) == ()
    assert supply_refusals(profile, radio_of(profile, "lorawan", "sx1261"), "cr2032", CELL, tx_dbm=14) == ()


def test_a_module_that_needs_more_volts_than_the_board_decides() -> None:
    """SX1262 at 22 dBm: 117.9 mA at 3.3 V are 129.69 mA at 3 V, 1,297 mV through 10 ohm; it stops below 1,800 mV."""
    profile = load_profile("nrf52840")
    (fault,) = supply_refusals(profile, radio_of(profile, "lorawan", "sx1262"), "cr2032", CELL, tx_dbm=22)
    assert "expected at least 1,800 mV while nrf52840 (lorawan of sx1262) transmits, got 1,703 mV" in fault


def test_a_store_of_too_many_volts_is_refused_and_one_of_too_few() -> None:
    profile = load_profile("nrf52840")
    (fault,) = supply_refusals(profile, None, "ideal", ideal(voltage_mv=4_200).voltage_mv)
    assert fault == "expected at most 3,600 mV for nrf52840, got 4,200 mV of a fresh ideal; take a store of fewer volts"
    (low,) = supply_refusals(profile, None, "ideal", ideal(voltage_mv=1_500).voltage_mv)
    assert low == "expected at least 1,700 mV for nrf52840, got 1,500 mV of a fresh ideal; take a store of more volts"
