"""What a scenario says about training reaches the engine, and defaults leave no trace in its text."""

import pytest

from fleet.base.errors import InputError
from fleet.base.places import scenarios_dir
from fleet.node.model.recipe import Exponents, Gradients, Recipe, Rule
from fleet.scenario import Scenario, dump, load, loads, personal_rate, recipe_of, recipe_text, round_rate

QUICKSTART = scenarios_dir() / "quickstart.yaml"
EVERYTHING = {"update": "residual8", "exponents": "static", "scaled": True, "momentum": 0.9, "batch": 4}


def with_training(**values: object) -> Scenario:
    return load(QUICKSTART, overrides={f"training.{key}": value for key, value in values.items()})


def test_the_quickstart_trains_as_in_the_first_release() -> None:
    scenario = load(QUICKSTART)
    assert recipe_of(scenario.training) == Recipe()
    assert [round_rate(scenario, n) for n in (1, 5, 10)] == [scenario.training.rate] * 3
    assert personal_rate(scenario.training) == scenario.training.personal_rate
    assert recipe_text(scenario.training) == "int8 gradients, dynamic exponents, stochastic"


def test_keys_that_came_later_are_written_only_where_they_say_something() -> None:
    plain, changed = dump(load(QUICKSTART)), dump(with_training(momentum=0.5, schedule="cosine"))
    assert not any(f"  {key}:" in plain for key in ("scaled", "momentum", "batch", "schedule", "file", "head"))
    assert "  momentum: 0.5\n  schedule:\n    kind: cosine\n    lowest: 0 %\n" in changed
    assert dump(with_training(momentum=0.0, scaled=True, batch=1, schedule="constant")) == plain


def test_a_whole_recipe_reaches_the_engine_and_survives_the_round_trip() -> None:
    scenario = with_training(**EVERYTHING, schedule={"kind": "step", "every": 3, "factor": 0.1})
    assert recipe_of(scenario.training) == Recipe(
        gradients=Gradients.INT8, exponents=Exponents.STATIC, rule=Rule.RESIDUAL8, momentum=0.9, batch=4
    )
    assert loads(dump(scenario)) == scenario
    said = "int8 gradients, static exponents, residual8, momentum 0.9, batch 4, step schedule, every 3, factor 0.1"
    assert recipe_text(scenario.training) == said
    assert recipe_text(with_training(gradients="fp32", scaled=False).training) == "fp32 gradients, stochastic, unscaled"


def test_a_step_schedule_multiplies_the_rate_after_so_many_rounds() -> None:
    scenario = with_training(rate=0.5, schedule={"kind": "step", "every": 3, "factor": 0.5})
    assert [round_rate(scenario, n) for n in range(1, 11)] == [0.5] * 3 + [0.25] * 3 + [0.125] * 3 + [0.0625]


def test_a_cosine_falls_over_all_rounds_to_its_lowest_part() -> None:
    scenario = with_training(rate=0.5, schedule={"kind": "cosine", "lowest": "10 %"})
    rates = [round_rate(scenario, n) for n in range(1, 11)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] + rates[-1] == pytest.approx(0.55)
    assert 0.05 < rates[-1] < 0.053


def test_the_engine_gets_the_rate_of_a_sum_so_that_the_mean_of_a_batch_has_the_scenarios() -> None:
    scenario = with_training(rate=0.5, batch=4)
    assert round_rate(scenario, 1) == 0.125
    assert round_rate(scenario, 1, 0.25) == 0.0625  # what a strategy asked for
    assert personal_rate(scenario.training) == scenario.training.personal_rate / 4


def test_only_rates_of_unscaled_steps_may_be_above_one() -> None:
    assert with_training(rate=500, scaled=False).training.rate == 500
    with pytest.raises(InputError, match="int8 steps saturate above 1: lower it, or take scaled: false"):
        with_training(rate=500)
