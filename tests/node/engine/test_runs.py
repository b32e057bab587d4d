"""Runs of steps: batches that stay open or are closed, rates that change on the way, rounds that begin clean."""

import numpy as np
import pytest

from fleet.base.errors import EngineError
from fleet.node.engine.binding import Course, Node
from fleet.node.model.fixed import real
from fleet.node.model.recipe import Gradients, Recipe, Rule
from fleet.node.model.scheme import build_scheme
from fleet.node.plan import plan_of
from tests.node.model.nets import imu_net, windows

NET = imu_net()
X, LABELS = windows(NET, 20), (np.arange(20) % 7).astype(np.uint8)
EVERYTHING = Recipe(rule=Rule.RESIDUAL8, momentum=0.9, batch=4)


def node_of(recipe: Recipe) -> Node:
    return Node(plan_of(NET, build_scheme(NET, "sparse", recipe=recipe)))


def course(rate: object = 0.03) -> Course:
    return Course(key=5, rate=rate, own=range(7))  # type: ignore[arg-type]


def trained(recipe: Recipe, *parts: range, close_last: bool = True) -> Node:
    """A node after parts of one run, of which only the last one closes its batch."""
    node, steps = node_of(recipe), course()
    for part in parts:
        node.train(X, LABELS, np.array(part), steps, close=close_last and part is parts[-1])
    return node


def test_a_run_in_parts_that_leave_the_batch_open_is_the_run() -> None:
    whole = trained(EVERYTHING, range(15))
    assert trained(EVERYTHING, range(3), range(3, 10), range(10, 15)).state == whole.state


def test_a_batch_that_is_not_full_waits_until_it_is_closed() -> None:
    node, steps = node_of(Recipe(batch=4)), course()
    before = node.values
    node.train(X, LABELS, np.arange(3), steps, close=False)
    assert (node.values == before).all()
    assert node.state != node_of(Recipe(batch=4)).state
    node.close_batch(steps)
    assert (node.values != before).any()
    assert node.state == trained(Recipe(batch=4), range(3)).state


def test_closing_a_full_batch_changes_nothing() -> None:
    node, steps = node_of(EVERYTHING), course()
    node.close_batch(steps)
    assert node.state == node_of(EVERYTHING).state
    node.train(X, LABELS, np.arange(8), steps, close=False)
    state = node.state
    node.close_batch(steps)
    assert node.state == state


@pytest.mark.parametrize("recipe", [Recipe(), EVERYTHING, Recipe(gradients=Gradients.FP32, rule=Rule.LATENT, batch=3)])
def test_a_rate_of_pieces_is_each_rate_from_its_first_step_on(recipe: Recipe) -> None:
    pieces = ((0, real(0.01)), (5, real(0.1)), (11, real(0.03)))
    node, steps = node_of(recipe), course(pieces)
    node.train(X, LABELS, np.arange(14), steps)
    other, own = node_of(recipe), course()
    for rate, part in (pieces[0][1], range(5)), (pieces[1][1], range(5, 11)), (pieces[2][1], range(11, 14)):
        own.rate = rate
        other.train(X, LABELS, np.array(part), own, close=part.stop == 14)
    assert node.state == other.state
    assert steps.step == own.step == 14


def test_a_schedule_that_begins_later_is_refused() -> None:
    with pytest.raises(EngineError, match="expected a piece from step 0 or before, got none"):
        node_of(Recipe()).train(X, LABELS, np.arange(2), course(((1, real(0.1)),)))


@pytest.mark.parametrize("rule", [Rule.RESIDUAL4, Rule.RESIDUAL16, Rule.LATENT])
def test_a_round_begins_clean_whatever_was_before(rule: Rule) -> None:
    """Setting values forgets residuals, velocities and sums, and starts latents at the weights."""
    recipe = Recipe(rule=rule, momentum=0.9, batch=4)
    used, fresh = node_of(recipe), node_of(recipe)
    used.train(X, LABELS, np.arange(18), course(), close=False)
    values = used.values
    assert used.state != node_of(recipe).state
    used.values = values
    fresh.values = values
    assert used.state == fresh.state
    for node in (used, fresh):
        node.train(X, LABELS, np.arange(9), course())
    assert used.state == fresh.state


def test_momentum_goes_on_at_a_rate_of_zero_and_rests_in_a_step_without_error() -> None:
    """With one own class there is no error, whatever the window."""
    node, steps = node_of(Recipe(rule=Rule.NEAREST, momentum=0.9)), course(1.0)
    node.train(X, LABELS, np.arange(1), steps)
    before, zero = node.values, Course(key=5, rate=0.0, own=range(7), step=1)
    node.train(X, LABELS, np.arange(1, 2), zero)
    assert (node.values != before).any()
    before, alone = node.values, Course(key=5, rate=1.0, own=(2,), step=2)
    node.train(X, LABELS, np.arange(2, 3), alone)
    assert (node.values == before).all()
