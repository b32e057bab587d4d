"""Costs worked by hand on a board with round numbers, and laws that hold on every board."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.node.cost import Cost, OpCount, compute_na, counted_cost, energy_nj, flash_cost, step_cost
from fleet.node.profile import KINDS, Profile, boards, load_profile

BOARDS = tuple(load_profile(board) for board in boards())
COUNTS = st.builds(
    OpCount,
    kind=st.sampled_from(sorted(KINDS)),
    macs=st.integers(0, 10**8),
    elements=st.integers(0, 10**6),
)


def round_board() -> Profile:
    """64 MHz, 3 V, 3.3 mA, network factor 1.2, 1.5 cycles per instruction; conv: 2.5 per MAC, 10 per element."""
    board = load_profile("nrf52840")
    kernels = tuple(
        replace(kernel, per_mac=2.5, per_element=10.0) if kernel.kind == "conv" else kernel for kernel in board.kernels
    )
    return replace(board, kernels=kernels, cycles_per_instruction=1.5, nn_power_factor=1.2)


def test_one_convolution_costs_what_the_formulas_say() -> None:
    # 1,000,000 * 2.5 + 2,000 * 10 = 2,520,000 instructions; * 1.5 = 3,780,000 cycles; / 64 MHz = 59,062.5 us, half up;
    # 3,000 mV * 3,960,000 nA * 59,063 us = 701,668.44 * 10^9, so 701,668 nJ.
    cost = step_cost(round_board(), [OpCount(kind="conv", macs=1_000_000, elements=2_000)])
    assert cost == Cost(instructions=2_520_000, cycles=3_780_000, time_us=59_063, energy_nj=701_668, basis="modelled")


def test_a_counted_number_of_instructions_says_so() -> None:
    modelled = step_cost(round_board(), [OpCount(kind="conv", macs=1_000_000, elements=2_000)])
    assert counted_cost(round_board(), 2_520_000) == replace(modelled, basis="counted")


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
    with pytest.raises(ValueError, match=r"expected one of conv, depthwise, .*, got 'convolution'"):
        step_cost(round_board(), [OpCount(kind="convolution", macs=1, elements=1)])


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least 0 instructions, got -1"):
        counted_cost(round_board(), -1)
    with pytest.raises(ValueError, match="expected counts of at least 0, got macs -1, elements 0"):
        OpCount(kind="conv", macs=-1, elements=0)


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
