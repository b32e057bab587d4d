"""Every fixed-point primitive of the C headers against fixed.py, at the edges of 32 bits and between them."""

import ctypes as c
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleet.base import rng
from fleet.node.engine.build import FLAGS, compiler, headers
from fleet.node.model import fixed, reference
from fleet.node.model.fixed import Real
from fleet.node.model.recipe import EXTRA_BITS, Rule
from fleet.node.model.reference.backward import merged
from fleet.node.model.reference.rules import stepped
from tests.base.test_rng import POSITIONS, VECTORS

INT32 = st.integers(-(2**31), 2**31 - 1) | st.sampled_from([-(2**31), -(2**30), -1, 0, 1, 2**30, 2**31 - 1])
MANTISSA = st.integers(2**30, 2**31 - 1) | st.sampled_from([0, 2**30, 2**31 - 1])
WITHIN = st.integers(-(2**30), 2**30) | st.sampled_from([-(2**30), 2**30])
INT62 = st.integers(-(2**62) + 1, 2**62 - 1) | st.integers(-(2**20), 2**20)


class CReal(c.Structure):
    _fields_ = [("mant", c.c_int32), ("exp", c.c_int32)]


def c_real(value: Real) -> CReal:
    return CReal(value.mant, value.exp)


@pytest.fixture(scope="session")
def lib(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """primitives.c, compiled with the flags of the engine."""
    here = Path(__file__).parent / "primitives.c"
    source = headers()[0].parent
    built = tmp_path_factory.mktemp("primitives") / "primitives.so"
    files = (here, source / "fe_block.c", source / "fe_rule.c")
    command = [*compiler(), *FLAGS, f"-I{source}", *map(str, files), "-o", str(built)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = c.CDLL(str(built))
    loaded.t_draw.argtypes, loaded.t_draw.restype = [c.c_uint64, c.c_uint32], c.c_uint32
    loaded.t_absorb.argtypes, loaded.t_absorb.restype = [c.c_uint64, c.c_uint64], c.c_uint64
    loaded.t_round_shift64.argtypes = [c.c_int64, c.c_int32]
    loaded.t_multiply.argtypes = [CReal, CReal, c.c_void_p]
    loaded.t_step_weight.argtypes = [c.c_uint64, c.c_int32, CReal, c.c_uint32, c.c_int32, c.c_int32]
    loaded.t_rule.argtypes = [c.c_int32, c.c_uint64, c.c_uint32, c.c_int32, c.c_int32, c.c_void_p]
    loaded.t_power_of_two.restype = loaded.t_real_f32.restype = c.c_float
    loaded.t_real_f32.argtypes, loaded.t_whole.argtypes = [CReal, c.c_int32], [c.c_float]
    loaded.t_clip.argtypes = [c.c_int32, c.c_int32, c.c_int32, c.c_int32, c.c_void_p]
    loaded.t_merge.argtypes = [c.c_int32, c.c_int32, c.c_void_p, c.c_int32]
    loaded.t_block.argtypes = [c.c_int32, c.c_void_p, c.c_int32, c.c_void_p]
    return loaded


def one(value: int) -> fixed.Int64:
    return np.array(value, dtype=np.int64)


@pytest.mark.parametrize("parts, golden_key, golden_draws", VECTORS)
def test_c_keys_and_draws_are_the_golden_ones(
    lib: Any, parts: tuple[int, ...], golden_key: int, golden_draws: tuple[int, ...]
) -> None:
    key = 0
    for part in parts:
        key = lib.t_absorb(key, part)
    assert key == golden_key
    assert tuple(lib.t_draw(golden_key, j) for j in POSITIONS) == golden_draws


@given(key=st.integers(0, 2**64 - 1), j=st.integers(0, 2**32 - 1), part=st.integers(0, 2**64 - 1))
def test_draws_and_keys_are_those_of_python(lib: Any, key: int, j: int, part: int) -> None:
    assert lib.t_draw(key, j) == rng.draw32(key, j)
    assert lib.t_absorb(key, part) == rng.absorb(key, part)


@given(v=INT32, n=st.integers(0, 60))
@example(v=2_147_124_992, n=24)  # the largest sum a merge can make: v + half has no room in 32 bits
@example(v=-(2**31), n=31)
def test_round_shift_is_the_nearest_with_halves_up(lib: Any, v: int, n: int) -> None:
    if n != 1 or v < 2**31 - 1:
        assert lib.t_round_shift(v, n) == (v + (1 << n >> 1)) >> n == fixed.round_shift(one(v), n)


@given(a=INT32, b=INT32)
@example(a=-1, b=2**30)
@example(a=-3, b=2**30)
@example(a=3, b=2**30)
def test_doubling_high_mul_is_that_of_gemmlowp(lib: Any, a: int, b: int) -> None:
    if (a, b) != (-(2**31), -(2**31)):
        nudge = 2**30 if a * b >= 0 else 1 - 2**30
        quotient = abs(a * b + nudge) // 2**31 * (1 if a * b + nudge >= 0 else -1)
        assert lib.t_doubling_high_mul(a, b) == quotient == fixed.doubling_high_mul(one(a), b)


@given(v=INT32, n=st.integers(0, 31))
@example(v=-1, n=1)
@example(v=1, n=1)
@example(v=-(2**31), n=31)
def test_rounding_divide_takes_halves_away_from_zero(lib: Any, v: int, n: int) -> None:
    away = (2 * abs(v) + 2**n) // 2 ** (n + 1) * (1 if v >= 0 else -1)
    assert lib.t_rounding_divide(v, n) == away == fixed.rounding_divide(one(v), n)


@given(v=INT32, mant=MANTISSA, exp=st.integers(-31, 40))
@example(v=2**30, mant=2**31 - 1, exp=1)
@example(v=-1, mant=2**30, exp=31)
def test_scaling_saturates_and_never_wraps(lib: Any, v: int, mant: int, exp: int) -> None:
    scaled = lib.t_scale(v, mant, exp)
    assert scaled == fixed.scale(one(v), Real(mant, exp))
    assert scaled * v >= 0


@given(v=INT62, n=st.integers(-100, 200))
@example(v=2**62 - 1, n=62)
@example(v=1, n=-31)
def test_round_shift64_is_the_exact_quotient_within_2_to_the_30(lib: Any, v: int, n: int) -> None:
    exact = (v + (1 << n >> 1)) >> n if n > 0 else v << -n
    assert lib.t_round_shift64(v, n) == max(-(2**30), min(exact, 2**30)) == fixed.round_shift64(one(v), n)


@given(a=MANTISSA, b=MANTISSA, exps=st.tuples(st.integers(-60, 60), st.integers(-60, 60)))
def test_a_product_of_reals_is_in_the_normal_form(lib: Any, a: int, b: int, exps: tuple[int, int]) -> None:
    out = (c.c_int32 * 2)()
    lib.t_multiply(CReal(a, exps[0]), CReal(b, exps[1]), out)
    expected = fixed.multiply(Real(a, exps[0]), Real(b, exps[1]))
    assert tuple(out) == (expected.mant, expected.exp)
    assert expected.mant == 0 if 0 in (a, b) else 2**30 <= expected.mant < 2**31


@given(
    key=st.integers(0, 2**64 - 1),
    k=st.integers(-20, 60),
    rate=st.floats(1e-6, 1e6),
    index=st.integers(0, 2**32 - 1),
    w=st.integers(-127, 127),
    g=INT32.filter(lambda g: g not in (0, -(2**31))),
)
def test_a_weight_takes_the_step_the_specification_says(
    lib: Any, key: int, k: int, rate: float, index: int, w: int, g: int
) -> None:
    factor = fixed.real(rate)
    q = int(fixed.round_shift64(one(g * factor.mant), 31 - factor.exp + k - 16))
    expected = max(-127, min(w - ((q + (rng.draw32(key, index) >> 16)) >> 16), 127))
    assert lib.t_step_weight(key, k, c_real(factor), index, w, g) == expected


@given(a=WITHIN, b=WITHIN)
@example(a=2**30, b=2**30)
def test_sums_of_bounded_numbers_stay_bounded(lib: Any, a: int, b: int) -> None:
    assert lib.t_bounded_sum(a, b) == max(-(2**30), min(a + b, 2**30))


@given(v=WITHIN, momentum=st.integers(0, 32767), q=WITHIN)
@example(v=-(2**30), momentum=32767, q=-(2**30))
def test_a_velocity_keeps_its_share_and_takes_what_comes(lib: Any, v: int, momentum: int, q: int) -> None:
    expected = max(-(2**30), min(((v * momentum + 2**14) >> 15) + q, 2**30))
    assert lib.t_with_momentum(v, momentum, q) == expected


@given(
    rule=st.sampled_from([r for r in Rule if r is not Rule.LATENT]),
    key=st.integers(0, 2**64 - 1),
    w=st.integers(-127, 127),
    q=WITHIN,
    kept=st.integers(-(2**15), 2**15 - 1),
    odd=st.booleans(),
)
@example(rule=Rule.TRUNCATE, key=0, w=-127, q=2**30, kept=0, odd=False)
@example(rule=Rule.RESIDUAL16, key=0, w=1, q=32767, kept=32767, odd=False)
def test_a_rule_rounds_as_the_reference_does(
    lib: Any, rule: Rule, key: int, w: int, q: int, kept: int, odd: bool
) -> None:
    bits, i = EXTRA_BITS[rule], int(odd)
    res = kept >> (16 - bits) if bits else 0
    memory = packed(bits, [res, NEIGHBOUR] if i == 0 else [NEIGHBOUR, res])
    after = lib.t_rule(rule.number, key, i, w, q, memory.ctypes.data)
    draw = np.array([rng.draw32(key, i)])
    expected, left = stepped(rule, np.array([w]), np.array([q]), draw, np.array([res]))
    assert after == expected[0]
    kept_then = [int(left[0]), NEIGHBOUR] if i == 0 else [NEIGHBOUR, int(left[0])]
    assert memory.tolist() == packed(bits, kept_then).tolist()


NEIGHBOUR = 5  # a residual beside the one that changes, in the same byte if there are four bits


def packed(bits: int, residuals: list[int]) -> Any:
    """Two residuals as a state holds them."""
    if bits == 4:
        return np.array([residuals[0] & 15 | (residuals[1] & 15) << 4], dtype=np.uint8)
    return np.array(residuals, dtype="<i2" if bits == 16 else np.int8)


@given(n=st.integers(-200, 127))
def test_powers_of_two_are_exact_and_vanish_below_the_least_float(lib: Any, n: int) -> None:
    assert lib.t_power_of_two(n) == float(np.float32(2.0**n))


@given(mant=MANTISSA, exp=st.integers(-62, 40), more=st.sampled_from([0, 16]))
def test_a_real_becomes_the_nearest_float(lib: Any, mant: int, exp: int, more: int) -> None:
    assert lib.t_real_f32(CReal(mant, exp), more) == float(np.float32(mant) * np.float32(2.0 ** (exp - 31 + more)))


@given(v=st.floats(width=32, allow_nan=False))
@example(v=0.5)
@example(v=-0.5)
@example(v=0.49999997)
@example(v=8388609.0)
def test_a_float_becomes_the_nearest_whole_number_within_2_to_the_30(lib: Any, v: float) -> None:
    inside = np.clip(np.float32(v), np.float32(-(2**30)), np.float32(2**30))
    assert lib.t_whole(v) == int(np.trunc(inside + np.copysign(np.float32(0.5), inside)))


@given(y=INT32, zero=st.integers(-128, 127), clip=st.tuples(st.integers(-128, 127), st.integers(-128, 127)))
def test_an_output_is_kept_exactly_when_it_was_not_clipped(lib: Any, y: int, zero: int, clip: tuple[int, int]) -> None:
    low, high = sorted(clip)
    mask = (c.c_uint8 * 1)(0)
    clipped = lib.t_clip(y, zero, low, high, mask)
    assert clipped == max(low, min(y + zero, high))
    assert mask[0] == (32 if clipped == y + zero else 0)


@given(
    e=st.integers(-127, 127),
    k=st.integers(-40, 80),
    acc=st.integers(-1_614_448_384, 1_614_448_384),
    k_acc=st.integers(-40, 80),
)
@example(e=127, k=0, acc=1_614_448_384, k_acc=22)  # the largest sum there can be: SPEC.md, "Bounds"
@example(e=-127, k=0, acc=-1_614_448_384, k_acc=52)
@example(e=1, k=80, acc=3, k_acc=0)
def test_gradients_of_any_exponents_merge_as_in_the_reference(lib: Any, e: int, k: int, acc: int, k_acc: int) -> None:
    total = np.array([acc], dtype=np.int32)
    merged_k = lib.t_merge(e, k, total.ctypes.data, k_acc)
    out = np.zeros(1, dtype=np.int8)
    final_k = lib.t_block(1, total.ctypes.data, merged_k, out.ctypes.data)
    expected = reference.block(*merged(one(acc).reshape(1), k_acc, reference.Gradient(one(e).reshape(1), k)))
    assert (out.tolist(), final_k) == (expected.e.tolist(), expected.k)


@given(acc=st.lists(st.integers(-(2**31) + 1, 2**31 - 1), min_size=1, max_size=9), k=st.integers(-40, 80))
def test_blocks_are_those_of_the_reference(lib: Any, acc: list[int], k: int) -> None:
    sums, out = np.array(acc, dtype=np.int32), np.zeros(len(acc), dtype=np.int8)
    final_k = lib.t_block(len(acc), sums.ctypes.data, k, out.ctypes.data)
    expected = reference.block(sums.astype(np.int64), k)
    assert (out.tolist(), final_k) == (expected.e.tolist(), expected.k)


def test_a_stochastic_step_is_right_on_average(lib: Any) -> None:
    """0.3 of a weight step, 20,000 times: standard deviation of the mean 0.0032. Five of them allowed."""
    rate, key = fixed.real(0.3 / 127), rng.key(3)
    steps = [20 - lib.t_step_weight(key, 0, c_real(rate), j, 20, 127) for j in range(20_000)]
    assert set(steps) == {0, 1}
    assert abs(np.mean(steps) - 0.3) < 5 * 0.0033
