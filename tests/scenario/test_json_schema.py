"""The JSON Schema that editors read, against the scenarios that ship; a small reader of it stands in for an editor."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet.base.places import scenarios_dir
from fleet.base.yaml import read
from fleet.scenario.tables import json_schema_text


def refused(schema: dict[str, Any], value: object, at: str = "") -> list[str]:
    """Where a value is not as a JSON Schema says: of the keywords that ours has, and no others."""
    known = {"$schema", "title", "description", "default", "examples", *KEYWORDS}
    assert set(schema) <= known, set(schema) - known
    wrong = [f"{at} {word}" for word in KEYWORDS if word in schema and not KEYWORDS[word](schema[word], value)]
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        if schema.get("additionalProperties", True) is False:
            wrong += [f"{at}.{key} unknown" for key in value if key not in properties]
        for key in value.keys() & properties.keys():
            wrong += refused(properties[key], value[key], f"{at}.{key}")
    if isinstance(value, list) and "items" in schema:
        wrong += [said for item in value for said in refused(schema["items"], item, f"{at}[]")]
    return wrong


JSON_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
}


def _is_a(types: str | list[str], value: object) -> bool:
    names = [types] if isinstance(types, str) else types
    if isinstance(value, bool):
        return "boolean" in names
    return any(isinstance(value, JSON_TYPES[name]) for name in names)


KEYWORDS: dict[str, Callable[[Any, Any], bool]] = {
    "type": _is_a,
    "enum": lambda listed, value: value in listed,
    "anyOf": lambda schemas, value: any(not refused(schema, value) for schema in schemas),
    "required": lambda keys, value: not isinstance(value, dict) or set(keys) <= set(value),
    "properties": lambda *_: True,
    "additionalProperties": lambda *_: True,
    "items": lambda *_: True,
    "minimum": lambda least, value: isinstance(value, str) or value >= least,
    "maximum": lambda most, value: isinstance(value, str) or value <= most,
    "exclusiveMinimum": lambda above, value: isinstance(value, str) or value > above,
}


@pytest.mark.parametrize("file", sorted(scenarios_dir().glob("*.yaml")), ids=lambda file: file.stem)
def test_an_editor_that_reads_the_schema_marks_nothing_in_what_ships(file: Path) -> None:
    schema, value = json.loads(json_schema_text()), read(file).value
    assert refused(schema, value) == []
    assert isinstance(value, dict)
    assert refused(schema, value | {"sede": 1}) == [".sede unknown"]
    assert refused(schema, {key: part for key, part in value.items() if key != "model"}) == [" required"]
    (group, *others) = value["fleet"]
    odd = [group | {"radio": {"kind": "zigbee"}, "report": {"every": "1 h"}, "twin": -1}, *others]
    said = refused(schema, value | {"fleet": odd})
    assert sorted(said) == [".fleet[].radio.kind enum", ".fleet[].report required", ".fleet[].twin minimum"]
