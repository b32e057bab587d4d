"""What a scenario says about training, as the engine takes it: the recipe, and the rate of each round."""

from typing import Final

from fleet.node.model.recipe import Exponents, Gradients, Recipe, Rule
from fleet.node.model.schedule import Schedule, constant, cosine, stepped
from fleet.scenario.names import SCHEDULE_PARAMETERS
from fleet.scenario.schema import Scenario, ScheduleChoice, Training

_PLAIN: Final = Recipe()


def recipe_of(training: Training) -> Recipe:
    """The recipe of the engine; static exponents still lack their shifts, which need a network and data."""
    return Recipe(
        gradients=Gradients(training.gradients),
        exponents=Exponents(training.exponents),
        rule=Rule(training.update),
        scaled=training.scaled,
        momentum=training.momentum,
        batch=training.batch,
    )


def factors(choice: ScheduleChoice, rounds: int) -> Schedule:
    """What the rate is multiplied by in each round: the first round is step 0 of the schedule."""
    match choice.kind:
        case "step":
            return stepped(1.0, every=choice.every, factor=choice.factor, steps=rounds)
        case "cosine":
            return cosine(1.0, steps=rounds, pieces=rounds, lowest=choice.lowest)
        case _:
            return constant(1.0)


def round_rate(scenario: Scenario, number: int, rate: float | None = None) -> float:
    """The rate of the engine in round `number` from 1 on: of the sum of a batch, so that the mean has the scenario's.

    rate: what a strategy asks for, instead of the scenario's own.
    """
    training = scenario.training
    pieces = factors(training.schedule, scenario.server.rounds).pieces
    factor = [piece.rate for piece in pieces if piece.first <= max(0, number - 1)][-1]
    return (training.rate if rate is None else rate) * factor / training.batch


def personal_rate(training: Training) -> float:
    """The rate of the engine in the personal steps; no schedule."""
    return training.personal_rate / training.batch


def recipe_text(training: Training) -> str:
    """How a node trains, in words: 'int8 gradients, dynamic exponents, stochastic'; more only where it is not usual."""
    parts = [f"{training.gradients} gradients"]
    if training.gradients == Gradients.INT8.value:
        parts.append(f"{training.exponents} exponents")
    parts.append(training.update)
    if not training.scaled:
        parts.append("unscaled")
    if training.momentum:
        parts.append(f"momentum {training.momentum:g}")
    if training.batch > 1:
        parts.append(f"batch {training.batch}")
    if training.schedule.kind != "constant":
        parts.append(schedule_text(training.schedule))
    return ", ".join(parts)


def schedule_text(choice: ScheduleChoice) -> str:
    """'step, every 3, factor 0.5'."""
    used = SCHEDULE_PARAMETERS[choice.kind]
    return ", ".join([f"{choice.kind} schedule", *(f"{name} {getattr(choice, name):g}" for name in used)])


def is_plain(training: Training) -> bool:
    """Whether it is the recipe of the first release, at a constant rate."""
    return recipe_of(training) == _PLAIN and training.schedule.kind == "constant"
