"""Costs worked by hand on a board with round numbers, and laws that hold on every board."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.node.cost import (
    KINDS,
    CoreTable,
    Cost,
    Kernel,
    OpCount,
    compute_na,
    core_table,
    counted_as,
    counted_cost,
    energy_nj,
    flash_cost,
    instructions_of,
    step_cost,
)
from fleet.node.profile import Profile, boards, load_profile

BOARDS = tuple(load_profile(board) for board in boards())
COUNTS = st.builds(
    OpCount,
    kind=st.sampled_from([kind for kind in KINDS if not kind.startswith("take_")]),
    macs=st.integers(0, 10**8),
    elements=st.integers(0, 10**6),
)


def round_board() -> Profile:
    """64 MHz, 3 V, 3.3 mA, network factor 1.2, 1.5 cycles per instruction."""
    return replace(load_profile("nrf52840"), cycles_per_instruction=1.5, nn_power_factor=1.2)


def round_table() -> CoreTable:
    """conv: 100 a call, 20 a tap, 2.5 a MAC, 10 an element; everything else is free."""
    free = {
        kind: Kernel(kind=kind, per_call=0, per_tap=0, per_mac=0, per_element=0, steps=1, error=0) for kind in KINDS
    }
    free["conv"] = Kernel(kind="conv", per_call=100.0, per_tap=20.0, per_mac=2.5, per_element=10.0, steps=1, error=0)
    return replace(core_table("cortex-m4f"), kernels=tuple(free.values()))


def test_instructions_are_every_amount_times_its_number() -> None:
    # 100 + 30 * 20 + 1,000,000 * 2.5 + 2,000 * 10
    count = OpCount(kind="conv", calls=1, taps=30, macs=1_000_000, elements=2_000)
    assert instructions_of(round_table(), [count]) == 2_520_700
    assert instructions_of(round_table(), [count, OpCount(kind="add", elements=9)]) == 2_520_700
    ready = replace(round_table().kernel("conv"), per_weight=5.0, per_channel=70.0)
    table = replace(round_table(), kernels=(ready,))
    assert instructions_of(table, [replace(count, weights=36, channels=6)]) == 2_520_700 + 5 * 36 + 70 * 6


def test_instructions_cost_what_the_formulas_say() -> None:
    # 2,520,000 * 1.5 = 3,780,000 cycles; / 64 MHz = 59,062.5 us, half up;
    # 3,000 mV * 3,960,000 nA * 59,063 us = 701,668.44 * 10^9, so 701,668 nJ.
    cost = counted_cost(round_board(), 2_520_000)
    assert cost == Cost(instructions=2_520_000, cycles=3_780_000, time_us=59_063, energy_nj=701_668, basis="counted")


def test_a_modelled_number_of_instructions_says_so() -> None:
    counts = [OpCount(kind="conv", macs=1_000_000, elements=2_000)]
    instructions = instructions_of(core_table("cortex-m4f"), counts)
    assert step_cost(round_board(), counts) == replace(counted_cost(round_board(), instructions), basis="modelled")


def test_a_board_whose_core_nobody_counted_is_refused_with_the_command() -> None:
    board = replace(load_profile("nrf52840"), core="cortex-m3")
    with pytest.raises(InputError, match=r"^core: .* got 'cortex-m3'; count them with `fleet calibrate --core cortex"):
        step_cost(board, [])


def test_a_core_that_nobody_counted_is_modelled_from_one_that_is_named() -> None:
    assert counted_as("xtensa-lx7f") == core_table("xtensa-lx7f").core == "rv32imc"
    assert counted_as("cortex-m55f") == core_table("cortex-m55f").core == "cortex-m33f"
    assert counted_as("cortex-m4f") == core_table("cortex-m4f").core == "cortex-m4f"


def test_nothing_costs_nothing() -> None:
    assert step_cost(round_board(), []) == Cost(instructions=0, cycles=0, time_us=0, energy_nj=0, basis="modelled")


def test_decimals_of_a_profile_are_exact() -> None:
    board = replace(round_board(), cycles_per_instruction=0.1)
    assert counted_cost(board, 5).cycles == 1  # 5 * 0.1 is one half, and halves go up
    assert counted_cost(board, 4).cycles == 0


def test_networks_draw_more_than_the_run_current() -> None:
    assert compute_na(round_board()) == 3_960_000


def test_energy_of_one_volt_ampere_second_is_a_joule() -> None:
    assert energy_nj(1000, 10**9, 10**6) == 10**9
    assert energy_nj(3000, 3160, 3_600_000_000) == 34_128_000  # an hour asleep: 34 mJ


def test_storing_a_hundred_kilobytes_takes_the_data_sheets_three_seconds() -> None:
    # 25 pages * 85 ms + 25,000 words * 41 us = 3.15 s; * 3 V * 8.3 mA = 78.435 mJ
    cost = flash_cost(load_profile("nrf52840"), 100_000)
    assert (cost.erased_units, cost.time_us, cost.energy_nj) == (25, 3_150_000, 78_435_000)


def test_a_part_of_a_page_wears_the_whole_page() -> None:
    cost = flash_cost(load_profile("nrf52840"), 1)
    assert (cost.erased_units, cost.time_us) == (1, 85_000 + 41)
    assert flash_cost(load_profile("nrf52840"), 0).energy_nj == 0


def test_an_unknown_kind_of_work_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"expected one of conv, pointwise, .*, got 'convolution'"):
        step_cost(round_board(), [OpCount(kind="convolution", macs=1, elements=1)])


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least 0 instructions, got -1"):
        counted_cost(round_board(), -1)
    with pytest.raises(ValueError, match="expected counts of at least 0, got calls 0, taps 0, macs -1, elements 0"):
        OpCount(kind="conv", macs=-1)


@given(board=st.sampled_from(BOARDS), counts=st.lists(COUNTS, max_size=8))
def test_no_cost_is_ever_negative(board: Profile, counts: list[OpCount]) -> None:
    cost = step_cost(board, counts)
    assert min(cost.instructions, cost.cycles, cost.time_us, cost.energy_nj) >= 0


@given(board=st.sampled_from(BOARDS), counts=st.lists(COUNTS, max_size=8), more=COUNTS)
def test_more_work_never_costs_less(board: Profile, counts: list[OpCount], more: OpCount) -> None:
    less, all_of_it = step_cost(board, counts), step_cost(board, [*counts, more])
    assert less.cycles <= all_of_it.cycles
    assert less.time_us <= all_of_it.time_us
    assert less.energy_nj <= all_of_it.energy_nj


@given(board=st.sampled_from(BOARDS), counts=st.lists(COUNTS, max_size=6))
def test_the_order_of_the_work_does_not_matter(board: Profile, counts: list[OpCount]) -> None:
    assert step_cost(board, counts) == step_cost(board, counts[::-1])


@given(board=st.sampled_from(BOARDS), smaller=st.integers(0, 10**6), more=st.integers(0, 10**5))
def test_rewriting_more_flash_never_costs_less(board: Profile, smaller: int, more: int) -> None:
    assert flash_cost(board, smaller).energy_nj <= flash_cost(board, smaller + more).energy_nj
