"""Flash: what an operation takes, what it may not do, what is left of it when the power goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.node.cost import flash_cost
from fleet.node.flash import Flash, Geometry, PowerCut, UnitRow, WornOut, geometry_of
from fleet.node.profile import boards, load_profile

# Units and times as listed in the project's notes on flash; the printed sums check the arithmetic, not the parts.
PARTS = {
    "stm32l476": (UnitRow(count=512, size_bytes=2048, erase_us=22_000), 8, 82, 49, 12_500, 2.10),
    "nrf52840": (UnitRow(count=256, size_bytes=4096, erase_us=85_000), 4, 41, 25, 25_000, 3.15),
    "stm32f746": (UnitRow(count=8, size_bytes=131_072, erase_us=1_000_000), 4, 16, 1, 25_000, 1.4),
    "samd21": (UnitRow(count=1024, size_bytes=256, erase_us=6_000), 64, 2_500, 391, 1_563, 6.3),
}


@pytest.mark.parametrize("part", PARTS)
def test_writing_100_kb_takes_what_the_data_sheets_say(part: str) -> None:
    row, program_bytes, program_us, units, writes, seconds = PARTS[part]
    geometry = Geometry.of((row,), program_bytes=program_bytes, program_us=program_us)
    assert len(geometry.spanned(0, 100_000)) == units
    assert geometry.least_writes(0, 100_000) == writes
    assert geometry.write_us(0, 100_000) == units * row.erase_us + writes * program_us
    assert round(geometry.write_us(0, 100_000) / 1e6, len(str(seconds).partition(".")[2])) == seconds


def small(seed: int = 0, endurance: int = 10_000) -> Flash:
    rows = (UnitRow(count=4, size_bytes=256, erase_us=1000), UnitRow(count=2, size_bytes=1024, erase_us=3000))
    geometry = Geometry.of(rows, program_bytes=8, program_us=10, endurance=endurance, start=0x1000)
    return Flash(geometry, seed=seed)


def test_what_was_done_is_counted_in_units_microseconds_and_nanojoules() -> None:
    flash = small()
    flash.erase(0x1000, 1024)
    flash.program(0x1008, b"twelve bytes of nothing!")
    assert flash.read(0x1008, 24) == b"twelve bytes of nothing!"
    assert (flash.operations, flash.erases, flash.least_writes, flash.wear) == (5, 4, 3, [1, 1, 1, 1, 0, 0])
    assert flash.busy_us == 4 * 1000 + 3 * 10
    assert flash.energy_nj == 3000 * 5_000_000 * 4030 // 10**9  # 3 V, 5 mA


@pytest.mark.parametrize("board", boards())
def test_a_board_writes_in_the_time_that_the_price_list_says(board: str) -> None:
    """Two computations of the same thing: the price of flash at its end, and the model unit by unit."""
    profile = load_profile(board)
    geometry = geometry_of(profile)
    size, page = 100_000, profile.flash.page_bytes
    cost = flash_cost(profile, size)
    start = geometry.end - cost.erased_units * page
    assert geometry.write_us(start, size) == cost.time_us
    assert geometry.energy_nj(cost.time_us) == cost.energy_nj


@pytest.mark.parametrize(
    "at, data, word",
    [(0x1004, bytes(8), "multiples"), (0x1000, bytes(5), "multiples"), (0x0FF8, bytes(8), "expected"),
     (0x1000 + 3072, bytes(8), "expected")],
)  # fmt: skip
def test_what_a_part_cannot_do_is_refused(at: int, data: bytes, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        small().program(at, data)


def test_bytes_are_programmed_once_between_two_erases() -> None:
    flash = small()
    flash.program(0x1000, bytes(8))
    with pytest.raises(ValueError, match="erased bytes"):
        flash.program(0x1000, bytes(8))
    flash.erase(0x1000, 256)
    flash.program(0x1000, bytes(8))
    assert flash.read(0x1000, 9) == bytes(8) + b"\xff"


@pytest.mark.parametrize("at, size", [(0x1080, 256), (0x1000, 128), (0x1300, 512), (0x1000, 0)])
def test_only_whole_units_are_erased(at: int, size: int) -> None:
    with pytest.raises(ValueError, match="whole erase units"):
        small().erase(at, size)


def test_a_unit_beyond_its_endurance_fails() -> None:
    flash = small(endurance=3)
    for _ in range(3):
        flash.erase(0x1000, 256)
    with pytest.raises(WornOut):
        flash.erase(0x1000, 256)
    with pytest.raises((WornOut, ValueError)):
        flash.program(0x1000, bytes(8))
    flash.erase(0x1100, 256)
    assert flash.wear[:2] == [4, 1]


def test_after_a_cut_nothing_has_an_effect_until_the_power_is_back() -> None:
    flash = small()
    flash.power_on(cut_at=1)
    for _ in range(2):
        with pytest.raises(PowerCut):
            flash.erase(0x1000, 256)
    with pytest.raises(PowerCut):
        flash.read(0x1000, 1)
    flash.power_on()
    flash.erase(0x1000, 256)
    assert flash.operations == 1


@given(seed=st.integers(0, 2**32), size=st.integers(1, 32))
def test_a_torn_program_leaves_no_bit_that_is_in_neither(seed: int, size: int) -> None:
    flash, data = small(seed), bytes(range(8 * size))
    flash.power_on(cut_at=1)
    with pytest.raises(PowerCut):
        flash.program(0x1000, data)
    flash.power_on()
    got = flash.read(0x1000, len(data))
    assert all(now & was == was for now, was in zip(got, data, strict=True))
    assert flash.read(0x1000 + len(data), 8) == b"\xff" * 8


@given(seed=st.integers(0, 2**32))
def test_a_torn_erase_only_raises_bits_and_stays_in_its_unit(seed: int) -> None:
    flash, data = small(seed), bytes(range(256))
    flash.program(0x1000, data)
    flash.program(0x1100, data)
    flash.power_on(cut_at=1)
    with pytest.raises(PowerCut):
        flash.erase(0x1000, 512)
    flash.power_on()
    assert all(now & was == was for now, was in zip(flash.read(0x1000, 256), data, strict=True))
    assert flash.read(0x1100, 256) == data


def test_tearing_has_every_outcome_and_the_same_one_for_a_seed() -> None:
    def left(seed: int) -> bytes:
        flash = small(seed)
        flash.power_on(cut_at=1)
        with pytest.raises(PowerCut):
            flash.program(0x1000, bytes(64))
        return bytes(flash.memory)

    outcomes = [left(seed) for seed in range(60)]
    assert outcomes == [left(seed) for seed in range(60)]
    untouched = bytes(small().memory)
    assert 0 < outcomes.count(untouched) < 60
    assert any(set(outcome[:64]) - {0, 0xFF} for outcome in outcomes), "expected bits here and there"


def test_a_flipped_bit_is_read_and_a_copy_lives_on_its_own() -> None:
    flash = small()
    other = flash.copy()
    flash.flip(0x1001, 3)
    assert flash.read(0x1000, 2) == b"\xff\xf7"
    other.erase(0x1000, 256)
    assert (flash.operations, flash.wear[0], other.wear[0]) == (0, 0, 1)
    assert other.read(0x1001, 1) == b"\xff"


def test_a_part_of_a_flash_has_the_same_addresses() -> None:
    geometry = small().geometry.part(3, 2)
    assert (geometry.start, geometry.end) == (0x1300, 0x1800)
    assert [geometry.index(at) for at in (0x1300, 0x13FF, 0x1400, 0x17FF)] == [0, 0, 1, 1]
