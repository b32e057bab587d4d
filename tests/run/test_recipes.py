"""Runs under other recipes than the first release's: exact, charged, resumed, and known by what they are."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from fleet.base import rng
from fleet.base.errors import RunError
from fleet.learning.orders import sample_order
from fleet.node.model.fixed import real
from fleet.node.model.recipe import Exponents
from fleet.node.model.reference import Course, ReferenceNode
from fleet.node.plan.state import state_bytes
from fleet.record import LedgerRow, PlanRow, ValueRow, open_run
from fleet.run import execute, resume
from fleet.run.assemble import assemble
from fleet.scenario import personal_rate, round_rate
from tests.run.quickstart import fingerprint, short
from tests.run.test_resume import cut_after

RECIPES: dict[str, dict[str, object]] = {
    "fp32, residual8, momentum, batches, cosine": {
        "gradients": "fp32", "update": "residual8", "momentum": 0.9, "batch": 3, "schedule": "cosine",
    },
    "static, nearest, a step of the rate": {
        "exponents": "static", "update": "nearest", "schedule": {"kind": "step", "every": 1, "factor": 0.25},
    },
    "latent, unscaled": {"update": "latent", "scaled": False, "rate": 5000, "personal_rate": 1000},
    "truncate, batches": {"update": "truncate", "batch": 2},
}  # fmt: skip


def with_recipe(name: str, **values: object) -> dict[str, object]:
    recipe = {"personal_steps": 6, **RECIPES[name], **values}
    return {f"training__{key}": value for key, value in recipe.items()} | {"compare": ["alone"]}


@pytest.mark.parametrize("name", RECIPES)
def test_training_alone_is_what_the_reference_does_from_round_to_round(name: str, tmp_path: Path) -> None:
    """The reference forgets residuals, velocities and sums at the beginning of each round, as a node does."""
    scenario = short(**with_recipe(name, scheme="head"))
    run = open_run(execute(scenario, out=tmp_path / "run", jobs=2))
    party, training = assemble(scenario), scenario.training
    client = party.clients[3]
    node = ReferenceNode(party.graph, party.plan.scheme)
    rounds = [(6, round_rate(scenario, n), rng.Stream.ORDER, 6 * (n - 1)) for n in (1, 2)]
    course = Course(key=rng.key(0, rng.Stream.UPDATE, 3), rate=real(1), own=frozenset(range(7)))
    for steps, rate, stream, first in [*rounds, (6, personal_rate(training), rng.Stream.PERSONAL_ORDER, 0)]:
        node.values = node.values.copy()
        course.rate = real(rate)
        order = sample_order(0, stream, 3, client.shard.train.size, first, steps)
        for place, window in enumerate(order):
            node.step(client.shard.train.x[window], int(client.shard.train.y[window]), course, last=place == steps - 1)
    digest = hashlib.sha256(state_bytes(party.plan.layout, node.values)).hexdigest()
    assert {r.key: r.value for r in run.read(ValueRow)}["digest:alone:end:3"] == digest
    assert not np.array_equal(node.values, party.initial)


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_cut_in_any_recipe_is_resumed_to_the_same_fingerprint(name: str, tmp_path: Path) -> None:
    scenario = short(**with_recipe(name))
    whole = fingerprint(execute(scenario, out=tmp_path / "whole", jobs=1))
    with cut_after(37):
        execute(scenario, out=tmp_path / "cut", jobs=2)
    assert fingerprint(resume(tmp_path / "cut", jobs=2)) == whole


def test_a_resumed_run_refuses_another_recipe(tmp_path: Path) -> None:
    with cut_after(9):
        execute(short(**with_recipe("truncate, batches")), out=tmp_path / "cut", jobs=2)
    file = tmp_path / "cut" / "scenario.yaml"
    file.write_text(file.read_text().replace("update: truncate", "update: nearest"))
    with pytest.raises(RunError, match="expected a run of this plan, scenario, got another"):
        resume(tmp_path / "cut")


def test_the_ledger_and_the_small_facts_say_what_a_recipe_needs(tmp_path: Path) -> None:
    run = open_run(execute(short(**with_recipe("fp32, residual8, momentum, batches, cosine")), out=tmp_path / "run"))
    sizes = {r.item: r.bytes for r in run.read(LedgerRow) if r.memory == "sram"}
    assert (sizes["residuals"], sizes["velocities"], sizes["batch sums"]) == (3232, 4 * 3527, 4 * 3527)
    facts = {r.key: r.value for r in run.read(ValueRow)}
    assert facts["recipe"] == "fp32 gradients, residual8, momentum 0.9, batch 3, cosine schedule, lowest 0"
    assert "counts of a cortex-m4f, the worst of its samples" in facts["basis:one training step on nrf52840"]
    assert {r.tensor for r in run.read(PlanRow)}


def test_the_first_releases_recipe_adds_no_fact(tmp_path: Path) -> None:
    facts = {r.key: r.value for r in open_run(execute(short(compare=[]), out=tmp_path / "run")).read(ValueRow)}
    assert "recipe" not in facts
    basis = facts["basis:one training step on nrf52840"]
    counts = r"counts of a cortex-m4f, the worst of its samples \d+ % off"
    assert re.fullmatch(rf"[\d,]+ instructions, [\d.]+ ms, [\d.]+ mJ; {counts}", basis)


def test_momentum_and_batches_are_charged_in_time_and_energy() -> None:
    batch = {"batch": 3, "personal_steps": 6}
    plain, momentum, batches, both = (
        assemble(short(**{f"training__{key}": value for key, value in recipe.items()})).step_cost(0)
        for recipe in ({}, {"momentum": 0.9}, batch, {"momentum": 0.9, **batch})
    )
    for less, more in ((plain, momentum), (plain, batches), (batches, both)):
        assert (less.time_us, less.energy_nj) < (more.time_us, more.energy_nj)


def test_static_exponents_come_from_those_who_pretrain_whatever_the_seed_and_the_fleet() -> None:
    recipe = {"training__exponents": "static"}
    one, other = assemble(short(**recipe)), assemble(short(**recipe, seed=5, data__holders="1/3"))
    assert one.plan.scheme.recipe.exponents is Exponents.STATIC
    assert [name for name, _ in one.plan.scheme.recipe.shifts] == [
        "block3.dw", "block3.pw", "block4.dw", "block4.pw", "pool",
    ]  # fmt: skip
    assert one.plan.digest == other.plan.digest
    assert assemble(short()).plan.scheme.recipe.shifts == ()
