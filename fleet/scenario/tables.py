"""The declaration of a scenario as documents: the field table in scenarios/README.md, the JSON Schema for editors."""

import json
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from fleet.base.declared import Field, declared_fields, scalar_type, undeclare
from fleet.scenario import names
from fleet.scenario.energy_schema import HarvestChoice, StoreChoice
from fleet.scenario.radio_names import COMMON
from fleet.scenario.radio_schema import LinkChoice, RadioChoice
from fleet.scenario.schema import ScenarioFile

_TYPES: Mapping[type, list[str]] = {
    int: ["integer"],
    float: ["number"],
    str: ["string"],
    bool: ["boolean"],
    Fraction: ["string", "number"],
    Path: ["string"],
}

_BY_KIND: Mapping[type, Mapping[str, Any]] = {
    RadioChoice: names.RADIOS,
    LinkChoice: names.LINKS,
    StoreChoice: names.STORES,
    HarvestChoice: names.HARVESTERS,
}

_HEAD = """# Scenarios

One file per question; the comment at the head of the file is the question, and `fleet run` prints it.
`fleet check FILE` says what a file resolves to, or everything that is wrong with it.

Files are YAML 1.2: `1e-3` is a number, `no` is a word, a key may stand only once. Durations, sizes and charges carry
their unit (`30 min`, `225 mAh`), shares are written `2 %` or `0.02`. Paths count from the scenario's own folder.
Where one word says enough, a mapping may be replaced by it: `scheme: sparse` is `scheme: {kind: sparse}`.

"""


def readme() -> str:
    """scenarios/README.md. Regenerate it with `fleet scenarios --fields > scenarios/README.md`."""
    registries = (
        ("Schemes read these parameters", {k: ", ".join(v) or "none" for k, v in names.SCHEME_PARAMETERS.items()}),
        ("Energy stores", {name: store.meaning for name, store in names.STORES.items()}),
        ("Energy stores read these keys beside harvest, restart, checkpoint", _keys(names.STORES, StoreChoice)),
        ("Harvesters", {name: harvester.meaning for name, harvester in names.HARVESTERS.items()}),
        ("Harvesters read these keys", _keys(names.HARVESTERS, HarvestChoice)),
        ("Radios", {name: radio.meaning for name, radio in names.RADIOS.items()}),
        ("Radios read these keys beside " + ", ".join(COMMON), _keys(names.RADIOS, RadioChoice)),
        ("Links", {name: link.meaning for name, link in names.LINKS.items()}),
        ("Links read these keys", _keys(names.LINKS, LinkChoice)),
        ("Strategies", names.STRATEGIES),
        ("Lines to compare with", names.LINES),
        ("Hold-outs", names.HOLD_OUTS),
        ("Classes in the loss", names.LOSS_CLASSES),
        ("Gradients", names.GRADIENTS),
        ("Exponents", names.EXPONENTS),
        ("Updates", names.UPDATES),
        ("Schedules", names.SCHEDULES),
        ("Heads of a network from a file", names.HEADS),
    )
    lists = "".join(f"\n**{title}**\n\n{_list(entries)}" for title, entries in registries)
    return f"{_HEAD}{field_table()}{lists}"


def _list(entries: Mapping[str, str]) -> str:
    return "".join(f"- `{name}`: {meaning}\n" for name, meaning in entries.items())


def _keys(kinds: Mapping[str, Any], choice: type) -> dict[str, str]:
    """Keys that each kind reads: those it needs, and the others with their defaults as a file would say them."""
    fields = {field.key: field for field in declared_fields(choice)}
    return {name: _keys_of(kind, fields) for name, kind in kinds.items()}


def _keys_of(kind: Any, fields: Mapping[str, Field]) -> str:
    either = getattr(kind, "either", ())
    shown = [*getattr(kind, "needs", ()), *([f"one of {', '.join(either)}"] if either else [])]
    for key, value in kind.defaults.items():
        shown.append(key if value is None else f"{key} (`{fields[key].says.write(value)}`)")
    return ", ".join(shown) or "none"


def field_table() -> str:
    """Every key of a scenario as a Markdown table: what it may be, its default, what it means."""
    rows = "".join(f"| {' | '.join(row)} |\n" for row in _rows(ScenarioFile, ""))
    return f"| key | value | default | meaning |\n|---|---|---|---|\n{rows}"


def _rows(cls: type, prefix: str) -> Iterator[tuple[str, str, str, str]]:
    kinds: Iterable[Any] = _BY_KIND.get(cls, {}).values()
    by_kind = {key for kind in kinds for key in kind.keys if key not in COMMON}
    for field in declared_fields(cls):
        key = f"{prefix}{field.key}{'[]' if field.listed and field.nested else ''}"
        default = "by kind" if field.key in by_kind else _default(field)
        yield f"`{key}`", _value(field), default, field.says.meaning
        if field.nested is not None:
            yield from _rows(field.nested, f"{key}.")


def _value(field: Field) -> str:
    if field.nested is not None:
        return "list of mappings" if field.listed else "mapping"
    if field.listed:
        return f"list of {_item_names(field)}"
    if field.key == "board":
        return "a board, as `fleet devices` lists them"
    return field.says.expected(scalar_type(field.inner))


def _item_names(field: Field) -> str:
    return ", ".join(_item(field).says.names())


def _item(field: Field) -> Field:
    """The items of a list of words as a field of its own."""
    annotation = field.inner.__args__[0]
    says = annotation.__metadata__[0]
    return Field(
        attribute=field.attribute,
        key=field.key,
        says=says,
        annotation=annotation,
        inner=annotation.__origin__,
        default=field.default,
    )


def _default(field: Field) -> str:
    if field.required:
        return "required"
    written = _written_default(field)
    if written is None:
        return "none"
    if isinstance(written, list):
        return f"`[{', '.join(written)}]`"
    return f"`{written[field.says.short or '']}`" if isinstance(written, dict) else f"`{written}`"


def _written_default(field: Field) -> object:
    """The default as it would stand in a file; None when there is none."""
    if field.default is None:
        return None
    if field.nested is not None and not field.listed:
        return undeclare(field.default)
    return list(field.default) if isinstance(field.default, tuple) else field.says.write(field.default)


def json_schema_text() -> str:
    """The JSON Schema of a scenario file, as text."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "mcufleet scenario"}
    return json.dumps(head | _object(ScenarioFile), indent=2, ensure_ascii=False) + "\n"


def _object(cls: type) -> dict[str, object]:
    fields = declared_fields(cls)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [field.key for field in fields if field.required],
        "properties": {field.key: _property(field) for field in fields},
    }


def _property(field: Field) -> dict[str, object]:
    said: dict[str, object] = {"description": field.says.meaning}
    if not field.required and field.default is not None:
        said["default"] = _written_default(field)
    return said | (_list_schema(field) if field.listed else _single_schema(field))


def _list_schema(field: Field) -> dict[str, object]:
    return {"type": "array", "items": _object(field.nested) if field.nested is not None else _scalar(_item(field))}


def _single_schema(field: Field) -> dict[str, object]:
    if field.nested is None:
        return _scalar(field)
    if field.says.short is None:
        return _object(field.nested)
    short = next(inner for inner in declared_fields(field.nested) if inner.key == field.says.short)
    return {"anyOf": [_scalar(short), _object(field.nested)]}


def _scalar(field: Field) -> dict[str, object]:
    """Types and names; ranges of quantities are words, since their text carries units."""
    kind = scalar_type(field.inner)
    assert kind is not None, "declared fields are scalars, declared classes or lists of them"
    says = field.says
    if says.one_of is not None:
        listed: dict[str, object] = {"enum": list(says.names())}
        return listed if says.also is None else {"anyOf": [listed, {"type": "string"}]}
    if says.unit is not None:
        return {"type": "string"} if says.unit.stored else {"type": ["string", "number"]}
    bounds = {"minimum": says.least, "maximum": says.most, "exclusiveMinimum": says.above}
    numbers = {name: bound for name, bound in bounds.items() if isinstance(bound, int | float)}
    types = _TYPES[kind]
    schema: dict[str, object] = {"type": types[0] if len(types) == 1 else types}
    return schema | (numbers if kind in (int, float) else {})
