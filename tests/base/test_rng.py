"""The random numbers against golden vectors (the C side is held to the same), against each other, and as numbers."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.rng import GOLDEN, Stream, absorb, below, draw32, draws32, draws32_at, key, mix64, permutation, uniform

WORDS = st.integers(0, 2**64 - 1)
INDICES = st.integers(0, 2**32 - 1)

# (parts) -> key, then the draws 0, 1, 2, 2^31 and 2^32 - 1 under it. Part of the format: these numbers never change.
VECTORS = [
    ((0,), 0xE220A8397B1DCDAF, (2872864583, 1772158550, 138880084, 771366486, 256195330)),
    ((1,), 0x910A2DEC89025CC1, (3798143735, 994978854, 1826547848, 3568768820, 2838898899)),
    ((0, 1), 0x08B4FDA8C892B50E, (778108909, 1042294067, 3846675503, 266939415, 2993632250)),
    ((0, 1, 0, 0, 0), 0xF9AC6E337C2F0F1E, (4035518825, 826934627, 3355756248, 271251885, 943095858)),
    ((7, 1, 3, 639, 12), 0xF3CF38A5D8CCA247, (3036576572, 608204286, 632121823, 3096583243, 3910949675)),
    ((2**64 - 1, 2**63, 1), 0x3EA67ACF38861468, (1289141523, 1496824199, 1104729022, 2754491784, 1621535470)),
]
POSITIONS = (0, 1, 2, 2**31, 2**32 - 1)


@pytest.mark.parametrize("parts, golden_key, golden_draws", VECTORS)
def test_keys_and_draws_are_the_golden_ones(
    parts: tuple[int, ...], golden_key: int, golden_draws: tuple[int, ...]
) -> None:
    assert key(*parts) == golden_key
    assert tuple(draw32(golden_key, j) for j in POSITIONS) == golden_draws


def test_mix64_of_the_golden_ratio_is_the_first_number_of_splitmix64() -> None:
    """SplitMix64 seeded with 0 starts 0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4 (reference code of S. Vigna)."""
    assert mix64(GOLDEN) == 0xE220A8397B1DCDAF
    assert mix64(2 * GOLDEN % 2**64) == 0x6E789E6AA1B965F4


@given(value=WORDS, first=INDICES, count=st.integers(0, 40))
def test_a_vector_of_draws_is_the_scalar_draws(value: int, first: int, count: int) -> None:
    assert draws32(value, first, count).tolist() == [draw32(value, first + j) for j in range(count)]


@given(value=WORDS, places=st.lists(st.integers(0, 2**40), max_size=40))
def test_draws_with_any_numbers_are_the_scalar_draws(value: int, places: list[int]) -> None:
    drawn = draws32_at(value, np.array(places, dtype=np.int64))
    assert drawn.tolist() == [draw32(value, place) for place in places]


def test_draws_count_on_past_2_to_the_32() -> None:
    assert draws32(key(3), 2**32 - 2, 4).tolist() == [draw32(key(3), j) for j in (2**32 - 2, 2**32 - 1, 0, 1)]


@given(seed=st.integers(-(2**70), 2**70))
def test_parts_count_modulo_2_to_the_64(seed: int) -> None:
    assert key(seed) == key(seed % 2**64)
    assert key(5, seed) == key(5, seed % 2**64)


@given(value=WORDS, first=WORDS, second=WORDS)
def test_parts_that_differ_give_keys_that_differ(value: int, first: int, second: int) -> None:
    """absorb is a bijection in its part, so equal keys mean equal parts."""
    assert (absorb(value, first) == absorb(value, second)) == (first == second)


def test_order_and_number_of_parts_matter() -> None:
    assert len({key(1, 2), key(2, 1), key(1), key(1, 2, 0)}) == 4


def test_a_stream_is_its_number() -> None:
    assert key(0, Stream.RADIO) == key(0, 3)


def test_streams_keep_their_numbers() -> None:
    assert {s.name: s.value for s in Stream} == {
        "UPDATE": 1,
        "ORDER": 2,
        "RADIO": 3,
        "PERSONAL_ORDER": 4,
        "START": 5,
        "SPLIT": 6,
        "PRETRAIN": 7,
        "SEARCH": 8,
        "SELECT": 9,
        "LIFE": 10,
        "REPORT": 11,
        "FLASH": 20,
        "CAMPAIGN": 21,
        "PLACE": 30,
        "CLOUDS": 40,
    }


def test_a_million_nodes_have_a_million_keys() -> None:
    assert len({key(0, Stream.UPDATE, node) for node in range(1_000_000)}) == 1_000_000


@given(value=WORDS, j=INDICES)
def test_uniform_is_the_draw_over_2_to_the_32_and_below_one(value: int, j: int) -> None:
    assert Fraction(uniform(value, j)) == Fraction(draw32(value, j), 2**32)
    assert 0.0 <= uniform(value, j) < 1.0


@given(value=WORDS, j=INDICES, n=st.integers(1, 2**32))
def test_below_stays_below(value: int, j: int, n: int) -> None:
    assert 0 <= below(value, j, n) < n


def test_below_the_whole_range_is_the_draw_itself() -> None:
    assert below(key(9), 4, 2**32) == draw32(key(9), 4)


@pytest.mark.parametrize("n", [0, -1, 2**32 + 1])
def test_a_range_without_members_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=rf"expected 1 to 2\^32, got {n}"):
        below(1, 0, n)


@given(value=WORDS, n=st.integers(0, 200))
def test_a_permutation_holds_every_number_once(value: int, n: int) -> None:
    assert sorted(permutation(value, n).tolist()) == list(range(n))


def test_a_permutation_is_the_golden_one() -> None:
    assert permutation(key(1), 10).tolist() == [7, 5, 1, 6, 9, 2, 4, 8, 0, 3]


KEYS = [key(0, Stream.UPDATE, 0, 0, 0), key(0, Stream.UPDATE, 0, 1, 0), key(12, Stream.ORDER, 3), 0, 2**64 - 1]
N = 1 << 16


@pytest.mark.parametrize("value", KEYS)
def test_every_bit_is_set_half_of_the_time(value: int) -> None:
    """Ones among 65,536 fair bits: 32,768 with a standard deviation of 128. Five of them allowed."""
    bits = np.unpackbits(draws32(value, 0, N).view(np.uint8).reshape(N, 4), axis=1)
    assert np.abs(bits.sum(axis=0, dtype=np.int64) - N // 2).max() <= 5 * 128


@pytest.mark.parametrize("value", KEYS)
def test_the_top_byte_is_even_over_its_values(value: int) -> None:
    """Chi-squared over 256 cells has mean 255 and standard deviation 22.6. Five of them allowed, either side."""
    seen = np.bincount(draws32(value, 0, N) >> np.uint32(24), minlength=256)
    assert 142 < float(((seen - N / 256) ** 2 / (N / 256)).sum()) < 368


@pytest.mark.parametrize("value", KEYS)
def test_neighbouring_draws_do_not_follow_each_other(value: int) -> None:
    """Correlation of 65,536 independent pairs: standard deviation 1/256. Five of them allowed."""
    x = draws32(value, 0, N + 1).astype(np.float64)
    assert abs(float(np.corrcoef(x[:-1], x[1:])[0, 1])) < 5 / 256


def test_keys_of_neighbouring_steps_give_unrelated_draws() -> None:
    """The same weight rounded at step t and t + 1 must not be rounded the same way."""
    first, second = (draws32(key(0, Stream.UPDATE, 0, step, 3), 0, N).astype(np.float64) for step in (0, 1))
    assert abs(float(np.corrcoef(first, second)[0, 1])) < 5 / 256


def test_one_flipped_bit_of_a_part_flips_half_of_the_drawn_bits() -> None:
    """Over 64 bits and 256 draws: 16 of 32 on average, with a standard deviation of 0.022. Five of them allowed."""
    base = draws32(key(0, Stream.UPDATE, 42), 0, 256)
    flips = [np.bitwise_count(base ^ draws32(key(0, Stream.UPDATE, 42 ^ (1 << bit)), 0, 256)) for bit in range(64)]
    assert abs(float(np.mean(flips)) - 16) < 0.11
