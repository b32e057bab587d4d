"""From a YAML file to a Scenario and back. Loading reports every fault of a file at once."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

from fleet.base.declared import declare, declared_fields, undeclare
from fleet.base.errors import InputError
from fleet.base.yaml import Document, parse, read
from fleet.base.yaml import dump as dump_yaml
from fleet.scenario.data_rules import data_rule
from fleet.scenario.energy_rules import traces_are_there
from fleet.scenario.names import RADIOS, SCHEDULE_PARAMETERS, SCHEME_PARAMETERS
from fleet.scenario.radio_schema import RadioChoice
from fleet.scenario.rules import RULES, own_code, pretrained_is_there
from fleet.scenario.schema import Scenario, ScenarioFile

Overrides = Mapping[str, object]

LATER: Final = {
    "data": ("shared",), "model": ("file", "head"), "training": ("scaled", "momentum", "batch", "schedule"),
    "fleet": ("life", "report", "twin"), "server": ("sample", "select"),
}  # fmt: skip
"""Keys that came after the first release, by section; of a list, those of its items."""


def load(
    path: Path | str,
    *,
    seed: int | None = None,
    overrides: Overrides | None = None,
    allow_code: bool = False,
    preparing: bool = False,
    origin: Path | None = None,
) -> Scenario:
    """The checked scenario of a file; InputError with every fault.

    overrides: values by dotted key, written as in the file: {"data.draw": 3, "server.timeout": "5 min"}.
    preparing: the file of pretrained weights may be missing, because it is about to be made.
    origin: the file that relative paths count from, where this one is a copy of it (in a run folder).
    """
    file = Path(path)
    changed = dict(overrides or {}) | ({} if seed is None else {"seed": seed})
    return _checked(read(file), origin or file, changed, allow_code=allow_code, preparing=preparing)


def loads(
    text: str, *, name: str = "scenario", overrides: Overrides | None = None, allow_code: bool = False
) -> Scenario:
    """The checked scenario of a text. name: what messages call it; relative paths count from here."""
    return _checked(parse(text, name), None, overrides or {}, allow_code=allow_code, preparing=False)


def _checked(
    document: Document, path: Path | None, overrides: Overrides, *, allow_code: bool, preparing: bool
) -> Scenario:
    for dotted, value in overrides.items():
        _override(document, dotted, value)
    rules = [*RULES, own_code(allow_code), data_rule(path), traces_are_there(path)]
    if not preparing:
        rules.append(pretrained_is_there(path))
    file = declare(ScenarioFile, document, rules)
    values = {field.name: getattr(file, field.name) for field in fields(file)}
    return Scenario(**values, question=document.comment, path=path)


def _override(document: Document, dotted: str, value: object) -> None:
    """Sets one key of a document that was just read and is nobody else's."""
    *parents, last = dotted.split(".")
    here = document.value
    for parent in parents:
        here = here.get(parent) if isinstance(here, dict) else None
    if not isinstance(here, dict):
        raise InputError.one(dotted, f"expected a key of {document.name}, got one whose parent is missing; check it")
    here[last] = value


def dump(scenario: Scenario) -> str:
    """The scenario as resolved, in declared order; loads to an equal Scenario.

    Every key is written, except parameters that nothing reads, and keys of LATER that have their default: the text of
    a scenario, which a run is known by, does not change when a later version has more keys.
    """
    head = "".join(f"# {line}\n" for line in wrap(scenario.question, width=110, break_long_words=False))
    written: dict[str, Any] = undeclare(scenario, ScenarioFile)
    for section, keys in LATER.items():
        parts, texts = getattr(scenario, section), written[section]
        for part, text in zip(parts, texts, strict=True) if isinstance(parts, tuple) else ((parts, texts),):
            _without_defaults(part, text, keys)
    for group, text in zip(scenario.fleet, written["fleet"], strict=True):
        _without_radio_defaults(group.radio, text["radio"])
    for name, parameters in (("scheme", SCHEME_PARAMETERS), ("schedule", SCHEDULE_PARAMETERS)):
        if name in written["training"]:
            written["training"][name] = _read_ones(written["training"][name], parameters)
    if not scenario.updates:
        written.pop("updates")
    if scenario.model.file is not None:
        written["model"].pop("pretrained")  # the file's weights are its own
    if scenario.training.personal_steps == 0:
        written["training"].pop("personal_rate")  # refused beside no steps
    return head + dump_yaml(written)


def _without_defaults(part: object, text: dict[str, Any], keys: tuple[str, ...]) -> None:
    """Takes those of the keys that have their default out of the text of a part."""
    defaults = {field.attribute: field.default for field in declared_fields(type(part))}
    for key in keys:
        if getattr(part, key) == defaults[key]:
            text.pop(key, None)


def _without_radio_defaults(radio: RadioChoice, text: dict[str, Any]) -> None:
    """Takes out later keys of the radio's kind that have their default, and the loss that a link model replaces."""
    kind = RADIOS[radio.kind]
    for field in declared_fields(RadioChoice):
        if field.key in kind.later and getattr(radio, field.attribute) == kind.defaults[field.key]:
            text.pop(field.key, None)
    if radio.link is not None:
        text.pop("loss")


def _read_ones(choice: Mapping[str, Any], parameters: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """The kind of a scheme or schedule, and the parameters that this kind reads."""
    return {key: value for key, value in choice.items() if key == "kind" or key in parameters[choice["kind"]]}
