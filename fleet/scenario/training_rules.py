"""Checks of how a node trains: combinations that make no sense, parameters that nothing reads."""

from collections.abc import Iterator, Sequence

from fleet.base.declared import Found, Rule
from fleet.base.yaml import KeyPath
from fleet.scenario import names

Said = Iterator[tuple[KeyPath, str]]


def _at(key: str) -> KeyPath:
    return ("training", key)


def _static_is_of_int8(found: Found) -> Said:
    if found.get(_at("gradients")) == "fp32" and found.get(_at("exponents")) == "static":
        text = "expected dynamic with fp32 gradients, which carry their own exponents, got static"
        yield _at("exponents"), f"{text}; delete this, or take int8 gradients"


def _rates_of_real_weights(found: Found) -> Said:
    """Only without scaling is a rate that of steps of the weights, and may be large."""
    if found.get(_at("scaled")) is not True:
        return
    for key in ("rate", "personal_rate"):
        rate = found.get(_at(key))
        if isinstance(rate, float) and rate > 1:
            text = f"expected a number above 0 up to 1, got {rate:g}; int8 steps saturate above 1: lower it"
            yield _at(key), f"{text}, or take scaled: false"


def _batches_are_whole(found: Found) -> Said:
    """Steps are counted in windows; a batch that ends early would weigh its windows differently."""
    batch = found.get(_at("batch"))
    if not isinstance(batch, int) or batch == 1:
        return
    for key in ("steps_per_round", "personal_steps"):
        steps = found.get(_at(key))
        if isinstance(steps, int) and steps % batch:
            near = max(1, round(steps / batch)) * batch
            text = f"expected a multiple of the batch of {batch}, since a step is one window, got {steps}; take {near}"
            yield _at(key), text


def _something_outlives_an_update(found: Found) -> Said:
    """What rules and momentum remember is cleared when a round begins."""
    batch, steps = found.get(_at("batch")), found.get(_at("steps_per_round"))
    if not (isinstance(batch, int) and isinstance(steps, int)) or steps > batch:
        return
    shown = "1 step" if steps == 1 else f"{steps} steps"
    why = f"more than one update in a round, because nothing is remembered from one to the next, got {shown}"
    remedy = f"raise steps_per_round above {batch}"
    if found.get(_at("update")) in names.REMEMBERING:
        yield _at("update"), f"expected {why} with {found.get(_at('update'))}; {remedy}, or take stochastic"
    if found.get(_at("momentum")):
        yield _at("momentum"), f"expected {why} with momentum; {remedy}, or delete this"


def _schedule_parameters_are_used(found: Found) -> Said:
    kind = found.get((*_at("schedule"), "kind"))
    if not isinstance(kind, str):
        return
    used = names.SCHEDULE_PARAMETERS[kind]
    for name in sorted({name for names_ in names.SCHEDULE_PARAMETERS.values() for name in names_}):
        if found.given((*_at("schedule"), name)) and name not in used:
            known = f"only {', '.join(used)} with {kind}" if used else f"no parameters with {kind}"
            yield (*_at("schedule"), name), f"expected {known}, got {name}; delete it"


def _schedule_has_rounds(found: Found) -> Said:
    """A rate that changes does so at least once."""
    kind, rounds = found.get((*_at("schedule"), "kind")), found.get(("server", "rounds"))
    if not isinstance(rounds, int):
        return
    if kind == "cosine" and rounds == 1:
        yield _at("schedule"), "expected more than one round with cosine, got 1; take constant, or more rounds"
    every = found.get((*_at("schedule"), "every"))
    if kind == "step" and isinstance(every, int) and every >= rounds:
        text = f"expected fewer rounds than the {rounds} of the course, got {every}: no step would come; lower it"
        yield (*_at("schedule"), "every"), text


TRAINING_RULES: Sequence[Rule] = (
    _static_is_of_int8,
    _rates_of_real_weights,
    _batches_are_whole,
    _something_outlives_an_update,
    _schedule_parameters_are_used,
    _schedule_has_rounds,
)
