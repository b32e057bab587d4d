"""Radios on the chip and on modules: what they draw, what they keep of memory, and what is refused."""

from pathlib import Path

import pytest

from fleet.base.errors import InputError
from fleet.base.places import devices_dir
from fleet.node.cost import energy_nj
from fleet.node.profile import (
    FLASH,
    available,
    boards,
    doubtful,
    load_module,
    load_profile,
    modules,
    radio_of,
    radio_refusal,
)


def test_a_board_loads_with_the_stack_of_its_first_radio_and_can_be_asked_for_another() -> None:
    profile = load_profile("nrf52840")
    thread = profile.using(radio_of(profile, "ieee802154"))
    both = profile.using(radio_of(profile, "ble"), radio_of(profile, "ieee802154"), radio_of(profile, "ble"))
    whole, bootloader = 1024 * 1024, 48 * 1024
    assert available(profile, FLASH) == whole - bootloader - 156 * 1024
    assert available(thread, FLASH) == whole - bootloader - 256 * 1024
    assert available(both, FLASH) == whole - bootloader - (156 + 256) * 1024
    assert available(profile.using(), "ram") == 256 * 1024


def test_a_modules_reservations_lie_in_the_first_bank_of_whatever_board_carries_it() -> None:
    profile = load_profile("stm32f746")
    part = radio_of(profile, "lorawan", "sx1261")
    assert [(item.bank, item.size_bytes) for item in part.reserved] == [("sram", 8 * 1024), (FLASH, 64 * 1024)]
    assert available(profile.using(part), "sram") == 248 * 1024


@pytest.mark.parametrize("board", boards())
def test_a_module_draws_the_power_of_its_file_whatever_the_boards_supply(board: str) -> None:
    """20 bytes at SF7 and 14 dBm through an SX1261: 56.576 ms of 25.5 mA at 3.3 V are 4.761 mJ."""
    profile = load_profile(board)
    part = radio_of(profile, "lorawan", "sx1261")
    board_nj = energy_nj(profile.supply_mv, profile.currents.sleep_na, 56_576)
    drawn_nj = energy_nj(profile.supply_mv, part.transmit_na(14), 56_576) - board_nj
    assert abs(drawn_nj - 4_760_870) <= 2


def test_a_current_between_two_stated_powers_lies_on_a_line_and_below_the_lowest_is_the_lowests() -> None:
    part = radio_of(load_profile("nrf52840"), "ble")
    assert part.transmit == ((-40, 3_830_000), (0, 6_400_000), (8, 16_400_000))
    assert part.transmit_na(4) == 11_400_000
    assert part.transmit_na(-20) == 5_115_000
    assert part.transmit_na(-39) == 3_830_000 + 64_250
    assert part.transmit_na(-60) == 3_830_000
    assert part.transmit_na() == part.transmit_na(0) == 6_400_000


def test_more_power_than_a_radio_has_is_refused() -> None:
    part = radio_of(load_profile("nrf52840"), "ble")
    assert part.transmit_refusal(8) is None
    assert part.transmit_refusal(9) == (
        "expected at most 8 dBm from ble of nrf52840, got 9; lower it, or take another radio"
    )
    with pytest.raises(ValueError, match="expected at most 8 dBm"):
        part.transmit_na(9)


@pytest.mark.parametrize("name", modules())
def test_every_shipped_module_loads_and_every_number_of_it_has_a_source(name: str) -> None:
    module = load_module(name)
    assert module.module == name
    assert module.supply_min_mv <= module.supply_mv <= module.supply_max_mv
    assert all(item.source.strip() for item in module.sources)


def test_a_radio_that_neither_board_nor_module_has_is_refused_in_a_sentence() -> None:
    nrf, f746 = load_profile("nrf52840"), load_profile("stm32f746")
    assert radio_refusal(nrf, "lorawan", "sx1262") is None
    assert radio_refusal(nrf, "lorawan") == (
        "expected one of ble, ieee802154 on nrf52840, got 'lorawan'; choose one, or a module: sx1261, sx1262"
    )
    assert radio_refusal(f746, "nbiot") == (
        "expected a board with a radio, got 'nbiot' on stm32f746, which has none; "
        "choose another board, or a module: cellular"
    )
    assert radio_refusal(nrf, "lorawan", "sx1263") == (
        "expected one of the modules cellular, sx1261, sx1262, got 'sx1263'; did you mean 'sx1262'?"
    )
    assert radio_refusal(nrf, "wifi", "sx1262") == "expected one of lorawan on sx1262, got 'wifi'; choose one"
    with pytest.raises(InputError, match="expected one of lorawan on sx1262"):
        radio_of(nrf, "wifi", "sx1262")


def test_of_what_nobody_looked_up_only_the_radio_in_use_counts() -> None:
    nrf = load_profile("nrf52840")
    ble = doubtful(nrf)
    assert "nrf52840 radios[0].idle" in ble
    assert not any(item.startswith("nrf52840 radios[1]") for item in ble)
    lora = doubtful(nrf.using(radio_of(nrf, "lorawan", "sx1262")))
    assert "sx1262 radios[0].idle" in lora
    assert not any(item.startswith("nrf52840 radios") for item in lora)
    modem = doubtful(nrf.using(radio_of(nrf, "ltem", "cellular")))
    assert "cellular radios[1].receive" in modem
    assert not any(item.startswith("cellular radios[0]") for item in modem)


def test_all_faults_of_a_module_are_reported_at_once(tmp_path: Path) -> None:
    text = (devices_dir() / "modules" / "sx1261.yaml").read_text()
    for old, new in (("module: sx1261", "module: sx1260"), ("bank: first", "bank: ram"), ("dbm: 4,", "dbm: 44,")):
        text = text.replace(old, new, 1)
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "sx1261.yaml").write_text(text)
    with pytest.raises(InputError) as refused:
        load_module("sx1261", devices=tmp_path)
    said = "\n".join(str(fault) for fault in refused.value.faults)
    assert "expected 'sx1261', as the file is called, got 'sx1260'" in said
    assert "expected first or flash, since a module knows no board, got 'ram'" in said
    assert "dbm: expected a whole number from -60 to 33, got 44" in said
    with pytest.raises(InputError, match="did you mean 'sx1261'"):
        load_module("sx1216", devices=tmp_path)
