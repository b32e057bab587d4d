"""What a layer adds is what two trainings differ by, and a training is the engine's."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.base.rng import Stream
from fleet.node.engine.binding import Course, Node
from fleet.node.model.recipe import Recipe
from fleet.node.plan import plan_of
from fleet.run.progress import Silent
from fleet.run.search import Sample, Space, Task
from fleet.run.search.contribution import Bench, contributions, order_of, singles, trained
from fleet.run.search.results import Results
from tests.run.search.tiny import tiny_net, tiny_task

GRAPH = tiny_net()
SPACE = Space(GRAPH, Recipe())
TASK = tiny_task(GRAPH)


def bench(repeats: int = 1, jobs: int = 1, out: Path | None = None) -> Bench:
    results = Results(out, {})
    return Bench(space=SPACE, task=TASK, results=results, seed=0, repeats=repeats, jobs=jobs, progress=Silent())


def test_a_trial_is_a_training_through_the_engine() -> None:
    genes = SPACE.last(2)
    node = Node(plan_of(GRAPH, SPACE.scheme(genes)))
    course = Course(key=rng.key(5, Stream.UPDATE, 0), rate=TASK.rate, own=range(GRAPH.classes))
    node.train(TASK.train.windows, TASK.train.labels, order_of(len(TASK.train), TASK.steps, 5), course)
    logits = node.logits(TASK.validation.windows)
    trial = trained(SPACE, TASK, genes, 5)
    assert trial.correct == (logits.argmax(axis=1) == TASK.validation.labels).sum()
    powers = np.exp((logits - logits.max(axis=1, keepdims=True)) / 256)
    shares = powers[np.arange(len(logits)), TASK.validation.labels] / powers.sum(axis=1)
    assert trial.certainty / 32768 == pytest.approx(shares.sum(), rel=0.01)


def test_gains_of_single_changes_are_exact() -> None:
    one = bench()
    gains = contributions(one)
    head = one.known(SPACE.biases(0)).score
    for genes in singles(SPACE):
        assert gains.gain(genes) == one.known(genes).score - head
    assert any(gains.gain(genes) for genes in singles(SPACE))


def test_gains_of_several_layers_add_up() -> None:
    gains = contributions(bench())
    last, before = SPACE.layers - 1, SPACE.layers - 2
    whole = Fraction(1)
    both = SPACE.last(2)
    assert gains.gain(both) == gains.biases[2] + gains.weights[last][whole] + gains.weights[before][whole]


def test_every_layer_is_tried_with_every_share_and_every_number_of_biases() -> None:
    asked = list(singles(SPACE))
    assert len(asked) == len(set(asked)) == SPACE.layers + 1 + sum(map(len, SPACE.options))


def test_results_do_not_depend_on_how_many_trainings_run_at_once() -> None:
    assert contributions(bench(jobs=1)) == contributions(bench(jobs=3))


def test_repeats_are_trainings_in_other_orders() -> None:
    genes = SPACE.last(1)
    (both,) = bench(repeats=2).trials("two", [genes])
    alone = [trained(SPACE, TASK, genes, seed) for seed in (0, 1)]
    assert both.certainty == sum(trial.certainty for trial in alone)
    assert both.total == 2 * len(TASK.validation)
    assert alone[0].certainty != alone[1].certainty


def test_an_order_takes_every_window_once_each_time_round() -> None:
    order = order_of(7, 17, seed=3)
    assert sorted(order[:7]) == sorted(order[7:14]) == list(range(7))
    assert len(order) == 17
    assert list(order[:7]) != list(order[7:14])


def test_a_task_without_data_is_refused_in_one_sentence() -> None:
    nothing = Sample(windows=TASK.train.windows[:0], labels=TASK.train.labels[:0])
    with pytest.raises(InputError, match="bare: validation: expected one at least, got none"):
        Task(name="bare", train=TASK.train, validation=nothing, steps=1, rate=0.1, recipe=Recipe())
