"""Profiles: what they hold, what they refuse, and that every number keeps its origin."""

import re
from pathlib import Path

import pytest

from fleet.base.errors import InputError
from fleet.base.places import devices_dir
from fleet.node.cost import OpCount, compute_na, step_cost
from fleet.node.profile import (
    FLASH,
    Profile,
    available,
    boards,
    field_table,
    load_profile,
    radio_of,
    radio_refusal,
    usable,
)
from fleet.node.profile.board import CORES

BOARDS = boards()


def altered(folder: Path, *changes: tuple[str, str], board: str = "nrf52840") -> Path:
    """A devices folder with one board, its profile changed in these places."""
    text = (devices_dir() / board / "profile.yaml").read_text()
    for old, new in changes:
        assert old in text, f"{old!r} is not in the profile any more"
        text = text.replace(old, new, 1)
    (folder / board).mkdir(parents=True)
    (folder / board / "profile.yaml").write_text(text)
    return folder


def faults_of(folder: Path, board: str = "nrf52840") -> list[str]:
    with pytest.raises(InputError) as refused:
        load_profile(board, devices=folder)
    return [str(fault).removeprefix(f"{folder / board / 'profile.yaml'}:") for fault in refused.value.faults]


@pytest.mark.parametrize("board", BOARDS)
def test_every_shipped_board_loads_under_the_name_of_its_folder(board: str) -> None:
    profile = load_profile(board)
    assert profile.board == board


@pytest.mark.parametrize("board", BOARDS)
def test_every_number_of_a_shipped_board_has_a_source(board: str) -> None:
    profile = load_profile(board)
    fields = [item.field for item in profile.sources]
    assert all(item.source.strip() for item in profile.sources)
    assert len(fields) == len(set(fields))
    assert {"clock", "banks[0]", "flash.erase_units[0]", "currents.run", "supply"} <= set(fields)


def test_boards_ship_for_every_core_from_32_kib_to_more_than_a_mebibyte() -> None:
    profiles = [load_profile(board) for board in BOARDS]
    assert {profile.core for profile in profiles} == set(CORES)
    sizes = sorted(sum(bank.size_bytes for bank in profile.banks) for profile in profiles)
    assert sizes[0] <= 64 * 1024
    assert sizes[-1] > 1024 * 1024
    assert len(profiles) >= 12


@pytest.mark.parametrize("board", BOARDS)
def test_a_board_without_a_port_can_be_planned_for_and_priced(board: str) -> None:
    profile = load_profile(board)
    assert profile.can_build == (devices_dir() / board / "port").is_dir()
    cost = step_cost(profile, [OpCount(kind="pointwise", calls=1, taps=100, macs=10_000, elements=100)])
    assert cost.time_us > 0
    assert cost.energy_nj > 0


@pytest.mark.parametrize("board", BOARDS)
def test_what_a_board_draws_grows_from_its_deepest_sleep_to_a_network(board: str) -> None:
    profile = load_profile(board)
    currents = profile.currents
    forgetful = [state.current_na for state in profile.sleep_states if state.kept_bytes == 0]
    assert max(forgetful, default=0) <= currents.sleep_na
    assert currents.sleep_na < currents.wake_na < currents.flash_na
    assert currents.run_na < compute_na(profile)


def test_values_are_stored_in_the_unit_of_their_name() -> None:
    profile = load_profile("nrf52840")
    assert (profile.clock_hz, profile.supply_mv, profile.brown_out_mv) == (64_000_000, 3000, 1700)
    assert (profile.currents.run_na, profile.currents.sleep_na) == (3_300_000, 3160)
    radio = radio_of(profile, "ble")
    assert (radio.transmit_na(), radio.transmit_na(8), radio.receive_na) == (6_400_000, 16_400_000, 6_260_000)
    assert (profile.flash.page_bytes, profile.flash.erase_us, profile.flash.program_us) == (4096, 85_000, 41)


def test_reservations_leave_one_piece_between_both_ends() -> None:
    profile = load_profile("nrf52840")
    ram, flash = usable(profile, "ram"), usable(profile, FLASH)
    assert (ram.start, ram.size_bytes) == (0x20003700, 0x40000 - 0x3000 - 0x700)
    assert (flash.start, flash.end) == (0x27000, 0xF4000)
    assert available(profile, FLASH) == 0xF4000 - 0x27000
    assert profile.sram_banks == (ram,)


def test_a_board_with_nothing_reserved_offers_its_banks_whole() -> None:
    profile = load_profile("stm32f746")
    assert [(bank.name, bank.size_bytes) for bank in profile.sram_banks] == [("sram", 256 * 1024), ("dtcm", 64 * 1024)]
    assert available(profile, FLASH) == 1024 * 1024


def test_the_f746_counts_its_last_sectors_as_pages() -> None:
    flash = load_profile("stm32f746").flash
    assert (flash.page_bytes, flash.erase_us) == (256 * 1024, 4_000_000)
    assert sum(unit.count * unit.size_bytes for unit in flash.erase_units) == flash.size_bytes


def test_asking_for_a_bank_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"expected a bank of stm32f746 \(sram, dtcm, flash\), got 'ram'"):
        available(load_profile("stm32f746"), "ram")


def test_an_unknown_board_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"^board: expected one of .*, got 'nrf52480'; did you mean 'nrf52840'\?$"):
        load_profile("nrf52480")


@pytest.mark.parametrize("board", ["../nrf52840", "", "."])
def test_a_board_is_a_name_and_no_path(board: str) -> None:
    with pytest.raises(InputError, match=r"add a folder with its profile\.yaml|did you mean"):
        load_profile(board)


def test_all_faults_of_a_file_are_reported_at_once_with_their_lines(tmp_path: Path) -> None:
    folder = altered(
        tmp_path,
        ("clock: {value: 64 MHz", "clock: {value: 64 mA"),
        ("brown_out:", "brown_uot:"),
        ("wake_up: {value: 1400 us, source:", "wake_up: {value: 1400 us, note:"),
        ("bank: flash", "bank: flahs"),
        ("run: {value: 3.3 mA", "run: {value: 33 A"),
        ("count: 256", "count: 255"),
    )
    faults = faults_of(folder)
    assert len(faults) == 7
    assert [int(fault.split(":")[0]) for fault in faults] == sorted(int(fault.split(":")[0]) for fault in faults)
    text = "\n".join(faults)
    assert "expected a frequency in Hz, kHz, MHz, GHz, got the unit 'mA'" in text
    assert "got 'brown_uot'; did you mean 'brown_out'?" in text
    assert "wake_up: source: expected where the number is from, got nothing" in text
    assert "reserved[0].bank: expected one of ram, flash, got 'flahs'" in text
    assert "currents.run: expected a current from 1 nA to 2 A, got '33 A'" in text
    assert "flash.erase_units: expected 1,048,576 B in all, got 1,044,480 B" in text


@pytest.mark.parametrize(
    "old, new, expected",
    [
        ("supply: {value: 3000 mV, source:", "supply: {value: 3000 mV, sauce:", "got 'sauce'; did you mean 'source'?"),
        ("supply: {value: 3000 mV", "supply: {value: 3000", "expected a voltage with its unit, got 3000"),
        ("clock: {value: 64 MHz", "clock: {value: 64 MHz, unverified: maybe", "unverified: expected true or false"),
        ("at: start", "at: middle", "expected one of start, end, got 'middle'"),
        ("core: cortex-m4f", "core: cortex-m4", "did you mean 'cortex-m4f'?"),
        ("size: 156 KiB", "size: 1 MiB", "B more than flash has"),
        ("board: nrf52840", "board: nrf52832", "expected 'nrf52840', as the folder is called, got 'nrf52832'"),
        ("dbm: -40", "dbm: 4", "radios[0].transmit: expected one or more powers, each once, ascending, got 4, 0, 8"),
        ("usual_dbm: 0", "usual_dbm: 9", "radios[0].usual_dbm: expected at most 8, the highest in transmit, got 9"),
        ("kind: ieee802154", "kind: ble", "radios[1].kind: expected each kind once, got 'ble' again"),
        (
            "supply_max: {value: 3600 mV",
            "supply_max: {value: 2900 mV",
            "expected 1700 to 2900 mV, brown_out to supply_max",
        ),
        ("kept: 256 KiB", "kept: 257 KiB", "sleep_states[0].kept: expected at most 262,144 B, the banks of this board"),
        ("- {bank: ram, start: 0x20000000, size: 256 KiB", "- {bank: ram, start: 0x20000000, size: 3 B", "from 1 KiB"),
    ],
)
def test_a_wrong_profile_is_refused_with_the_remedy(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert any(expected in fault for fault in faults_of(altered(tmp_path, (old, new))))


def test_a_bare_number_is_refused_because_it_has_no_source(tmp_path: Path) -> None:
    text = (devices_dir() / "nrf52840" / "profile.yaml").read_text()
    line = next(line for line in text.splitlines() if line.startswith("supply:"))
    (fault,) = faults_of(altered(tmp_path, (line, "supply: 3000 mV")))
    assert "supply: expected {value: …, source: …}, got '3000 mV'; write down where the number is from" in fault


def test_overlapping_banks_are_refused(tmp_path: Path) -> None:
    folder = altered(tmp_path, ("start: 0x20000000", "start: 0x20008000"), board="stm32f746")
    (fault,) = faults_of(folder, "stm32f746")
    assert "banks[1].start: expected a bank apart from sram, got an overlap" in fault


def test_unverified_values_are_named_and_others_are_not(tmp_path: Path) -> None:
    shipped = load_profile("nrf52840")
    assert "radios[0].reserved[0]" in shipped.unverified
    assert "clock" not in shipped.unverified
    changed = load_profile("nrf52840", devices=altered(tmp_path, ("clock: {value", "clock: {unverified: true, value")))
    assert set(changed.unverified) == {*shipped.unverified, "clock"}


def test_an_origin_keeps_what_the_file_says() -> None:
    origin = load_profile("nrf52840").origin("cycles_per_instruction")
    assert (origin.text, origin.unverified, origin.quoted, origin.error) == ("1.56", True, False, 0.3)
    assert origin.note.startswith("Check: MLPerf Tiny")


def test_reservations_carry_their_own_source() -> None:
    working, stack = load_profile("nrf52840").reservations[:2]
    assert (working.unverified, stack.unverified, stack.quoted) == (True, False, True)
    assert stack.size_bytes == 0x700


def test_a_board_can_be_built_when_it_has_a_port(tmp_path: Path) -> None:
    folder = altered(tmp_path)
    assert not load_profile("nrf52840", devices=folder).can_build
    (folder / "nrf52840" / "port").mkdir()
    assert load_profile("nrf52840", devices=folder).can_build


@pytest.mark.parametrize("board", BOARDS)
def test_a_link_script_asks_for_every_bank_of_its_board_and_no_other(board: str) -> None:
    if not load_profile(board).can_build:
        return
    template = (devices_dir() / board / "port" / "link.ld.in").read_text()
    memory = template[template.index("MEMORY") : template.index("PHDRS")]
    asked = set(re.findall(r"@([a-z0-9]+)\.(?:start|size)@", memory))
    assert asked == {FLASH, *(bank.name for bank in load_profile(board).banks)}


def test_a_radio_that_a_board_lacks_is_refused_in_a_sentence() -> None:
    assert radio_refusal(load_profile("nrf52840"), "ble") is None
    refusal = radio_refusal(load_profile("nrf52840"), "lora")
    assert refusal == "expected one of ble, ieee802154 on nrf52840, got 'lora'; choose one, or another board"
    none = radio_refusal(load_profile("stm32f746"), "ble")
    assert none == "expected a board with a radio, got 'ble' on stm32f746, which has none; choose another board"


def test_profiles_cannot_be_changed() -> None:
    profile: Profile = load_profile("nrf52840")
    with pytest.raises(AttributeError):
        profile.clock_hz = 1  # type: ignore[misc]


def test_the_field_table_of_the_readme_is_fresh() -> None:
    text = (devices_dir() / "README.md").read_text()
    assert text.endswith("<!-- made by fleet.node.profile.field_table -->\n\n" + field_table()), (
        "devices/README.md is stale: replace what follows its marker with fleet.node.profile.field_table()"
    )
