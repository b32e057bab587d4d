"""The origin of every number of a file, by its place in it."""

from collections.abc import Iterator
from typing import Any

from fleet.base.declared import declared_fields
from fleet.base.units import share
from fleet.base.yaml import Document, KeyPath, dotted
from fleet.node.profile.origin import Figure, Origin, Sourced


def sources_of(cls: type, document: Document, path: KeyPath = ()) -> Iterator[Sourced]:
    """The origin of every number below a path, in the order of the declarations."""
    here: Any = document.value
    for part in path:
        here = here[part]
    if issubclass(cls, Origin):
        own = {field.key for field in declared_fields(Origin)}
        yield _sourced(here, path, ", ".join(str(part) for key, part in here.items() if key not in own))
        return
    for field in declared_fields(cls):
        if here.get(field.key) is None:
            continue
        below = (*path, field.key)
        if isinstance(field.says, Figure):
            yield _sourced(here[field.key], below, str(here[field.key]["value"]))
        elif field.nested is not None:
            for each in [(*below, i) for i in range(len(here[field.key]))] if field.listed else [below]:
                yield from sources_of(field.nested, document, each)


def _sourced(found: dict[str, Any], path: KeyPath, text: str) -> Sourced:
    given = {field.attribute: found[field.key] for field in declared_fields(Origin) if field.key in found}
    if "error" in given:
        given["error"] = share(given["error"])
    return Sourced(field=dotted(path), text=text, **given)
