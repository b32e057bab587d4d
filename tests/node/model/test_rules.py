"""Rules of the update, one at a time: what each keeps, what it loses, and that nothing wraps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.rng import draws32, key
from fleet.node.model.fixed import LIMIT, Int64
from fleet.node.model.recipe import EXTRA_BITS, Rule
from fleet.node.model.reference.rules import latent_step, stepped

INTEGER = [rule for rule in Rule if rule is not Rule.LATENT]
RESIDUAL = [Rule.RESIDUAL4, Rule.RESIDUAL8, Rule.RESIDUAL16]
WEIGHTS = st.integers(-127, 127)
AMOUNTS = st.integers(-LIMIT, LIMIT)
EVERY_DRAW = np.arange(2**16, dtype=np.int64) << 16  # rules look at upper bits only


def one(value: int) -> Int64:
    return np.array([value], dtype=np.int64)


def step(rule: Rule, w: int, q: int, draw: int = 0, residual: int = 0) -> tuple[int, int]:
    after, kept = stepped(rule, one(w), one(q), one(draw), one(residual))
    return int(after[0]), int(kept[0])


@pytest.mark.parametrize("rule", INTEGER)
@given(w=WEIGHTS, draw=st.integers(0, 2**32 - 1), data=st.data())
def test_nothing_asked_for_changes_nothing(rule: Rule, w: int, draw: int, data: st.DataObject) -> None:
    half = (1 << EXTRA_BITS[rule]) // 2
    residual = data.draw(st.integers(-half, max(0, half - 1)))
    assert step(rule, w, 0, draw, residual) == (w, residual)


@given(w=st.integers(-100, 100), q=st.integers(-(2**20), 2**20))
def test_stochastic_rounding_is_right_on_average_over_all_draws(w: int, q: int) -> None:
    after, _ = stepped(Rule.STOCHASTIC, np.full(2**16, w), np.full(2**16, q), EVERY_DRAW, np.zeros(2**16, np.int64))
    assert (w - after).sum() == q
    assert np.unique(after).size <= 2


@pytest.mark.parametrize("rule", [Rule.RESIDUAL4, Rule.RESIDUAL8])
@given(q=st.integers(-(2**18), 2**18), data=st.data())
def test_a_short_residual_is_right_on_average_over_all_draws(rule: Rule, q: int, data: st.DataObject) -> None:
    """What moves and what is kept add up, in steps of the residual, to what came in and was kept before."""
    bits = EXTRA_BITS[rule]
    before = data.draw(st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1))
    full = np.full(2**16, before)
    after, kept = stepped(rule, np.zeros(2**16, np.int64), np.full(2**16, q), EVERY_DRAW, full)
    moved = (-after << bits) + kept - before
    assert moved.sum() * 2 ** (16 - bits) == q * 2**16


@given(amounts=st.lists(st.integers(-(2**17), 2**17), min_size=1, max_size=30))
def test_a_residual_of_16_bits_loses_nothing(amounts: list[int]) -> None:
    w, residual = 0, 0
    for q in amounts:
        w, residual = step(Rule.RESIDUAL16, w, q, 12345, residual)
        if abs(w) == 127:
            return
    assert -w * 65536 + residual == sum(amounts)


@given(w=st.integers(-100, 100), q=st.integers(-(2**20), 2**20))
def test_nearest_is_at_most_half_a_step_off(w: int, q: int) -> None:
    after, _ = step(Rule.NEAREST, w, q)
    assert abs(after * 65536 - (w * 65536 - q)) <= 32768


@given(w=WEIGHTS, q=st.integers(1, 65535))
def test_truncating_the_weight_takes_a_step_towards_zero_whatever_the_gradient_says(w: int, q: int) -> None:
    """A gradient below one step costs a weight a step when it points inwards and moves nothing when it points out."""
    for asked in (q, -q):
        after, _ = step(Rule.TRUNCATE, w, asked)
        inwards = asked * w > 0
        assert after == w - (int(np.sign(w)) if inwards else 0)


def test_truncating_shrinks_weights_that_random_gradients_leave_alone_under_every_other_rule() -> None:
    draws = draws32(key(3), 0, 40 * 64).astype(np.int64)
    amounts = ((draws & 0xFFFF) - 32768).reshape(40, 64) // 8
    sizes = {}
    for rule in INTEGER:
        w = np.resize(np.arange(-64, 65, 7), 64)
        residual = np.zeros(64, np.int64)
        for n, q in enumerate(amounts):
            w, residual = stepped(rule, w, q, draws32(key(5, n), 0, 64).astype(np.int64), residual)
        sizes[rule] = float(np.abs(w).mean() / np.abs(np.resize(np.arange(-64, 65, 7), 64)).mean())
    assert sizes.pop(Rule.TRUNCATE) < 0.6
    assert all(0.97 < size < 1.03 for size in sizes.values()), sizes


@pytest.mark.parametrize("rule", INTEGER)
@given(w=WEIGHTS, q=st.one_of(AMOUNTS, st.sampled_from([-LIMIT, LIMIT])), data=st.data())
def test_weights_stop_at_127_and_residuals_fit_their_bits(rule: Rule, w: int, q: int, data: st.DataObject) -> None:
    draw = data.draw(st.one_of(st.integers(0, 2**32 - 1), st.just(2**32 - 1)))
    half = (1 << EXTRA_BITS[rule]) // 2
    before = data.draw(st.integers(-half, max(0, half - 1)))
    after, kept = step(rule, w, q, draw, before)
    assert -127 <= after <= 127
    assert kept == 0 if rule not in RESIDUAL else -half <= kept < half
    exact = w - q / 65536
    assert abs(after - max(-127.0, min(127.0, exact))) <= 1 + 0.5 * (rule in RESIDUAL)


def test_sums_inside_a_rule_stay_within_32_bits() -> None:
    """SPEC.md, "Bounds": amounts within 2^30, with the largest draw or the largest residual on top."""
    assert LIMIT + 0xFFFF < 2**31
    assert LIMIT + 32767 + 32768 < 2**31
    assert -LIMIT - 32768 >= -(2**31)
    assert 2 * LIMIT == 2**31  # the sum of two amounts: 33 bits, clamped


@given(w=st.floats(-127, 127, width=32), delta=st.floats(-300, 300, width=32))
def test_a_latent_weight_moves_by_a_float_and_shows_the_nearest_whole_number(w: float, delta: float) -> None:
    shown, latent = latent_step(np.array([w], np.float32), np.array([delta], np.float32))
    assert latent[0] == np.clip(np.float32(w) - np.float32(delta), -127, 127)
    assert shown[0] == np.rint(latent[0])  # halves to even


def test_halves_of_a_latent_weight_go_to_the_even_neighbour() -> None:
    shown, _ = latent_step(np.array([0.5, 1.5, 2.5, -0.5, -1.5], np.float32), np.zeros(5, np.float32))
    assert shown.tolist() == [0, 2, 2, 0, -2]
