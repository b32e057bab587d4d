"""Steps counted in an emulated core beside the shipped table: a table that kernels have left behind is noticed."""

import pytest

from fleet.base import rng
from fleet.base.errors import InputError
from fleet.node.cost import core_table
from fleet.node.engine.binding import Course, Node
from fleet.node.model.recipe import Recipe
from fleet.node.twin.calibrate import bench_of, compared, counted_samples, table_text
from fleet.node.twin.calibrate.bench import Bench
from fleet.node.twin.calibrate.samples import FP32, STATIC, Sample, imu, planned, zoo

CORE = "cortex-m4f"
BOUND = 0.13
"""More than the worst of a fresh table (11 %): beyond it `fleet calibrate` has to be run again."""


@pytest.fixture(scope="module")
def bench() -> Bench:
    return bench_of(CORE)


def recounted() -> list[Sample]:
    """A few that hold most kinds of work."""
    ds_cnn = zoo("ds-cnn", shape=(12, 10, 1))
    nets = {"imu": imu(), "ds-cnn": ds_cnn}
    recipes = {"int8": Recipe(), "static": STATIC, "fp32": FP32, "batch": Recipe(batch=2, momentum=0.9)}
    return [
        Sample(name=f"{net} {name}", plan=planned(graph, "full", recipe))
        for net, graph in nets.items()
        for name, recipe in recipes.items()
    ]


def test_the_shipped_table_still_tells_what_the_engine_takes(bench: Bench) -> None:
    lines = list(compared(core_table(CORE), counted_samples(bench, recounted())))
    stale = [" ".join(line.cells) for line in lines if abs(line.off) > BOUND]
    assert stale == [], f"the kernels have changed: run `fleet calibrate --core {CORE}`, and the other cores"
    assert len(lines) == len(recounted())


def test_what_is_counted_is_the_training_step_of_the_simulator(bench: Bench) -> None:
    sample = Sample(name="imu", plan=planned(imu(), "full", Recipe()))
    trial = sample.trial
    bench.load(sample.plan, trial)
    bench.train(0)
    counted = bench.count(1)
    node = Node(sample.plan)
    key = rng.key(trial.seed, rng.Stream.UPDATE, trial.node)
    node.train(trial.windows, trial.labels, trial.order[:2], Course(key=key, rate=trial.rate, own=trial.own))
    assert bench.state == node.state
    assert [count.step for count in counted] == list(range(len(sample.plan.steps)))
    assert all(count.share is None or 0 < count.share < 1 for count in counted)


def test_a_core_that_no_emulator_runs_is_refused() -> None:
    with pytest.raises(InputError, match="got 'z80'"):
        bench_of("z80")


@pytest.mark.parametrize("core", ["cortex-m4f", "cortex-m7f"])
def test_a_shipped_table_is_what_calibrate_writes(core: str) -> None:
    from fleet.base.places import package_data

    shipped = (package_data("node", "cost", "counts") / f"{core}.yaml").read_text(encoding="utf-8")
    assert table_text(core_table(core)) == shipped
