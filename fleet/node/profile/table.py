"""The declarations as text."""

from collections.abc import Iterator

from fleet.base.declared import Field, declared_fields, scalar_type
from fleet.node.profile.board import BoardFile
from fleet.node.profile.modules import ModuleFile
from fleet.node.profile.origin import Figure, Origin


def field_table() -> str:
    """The fields of a board, of a module and of an origin as three Markdown tables; devices/README.md holds them."""
    parts: list[str] = []
    for cls in (BoardFile, ModuleFile, Origin):
        parts += ["| key | value | meaning |", "|---|---|---|", *_rows(cls, ""), ""]
    return "\n".join(parts)


def _rows(cls: type, prefix: str) -> Iterator[str]:
    for field in declared_fields(cls):
        if prefix and field in declared_fields(Origin):
            continue
        key = f"{prefix}{field.key}{'[]' if field.nested and field.listed else ''}"
        yield f"| `{key}` | {_value_text(field)} | {field.says.meaning}{'' if field.required else ' (optional)'} |"
        if field.nested is not None:
            yield from _rows(field.nested, f"{key}.")


def _value_text(field: Field) -> str:
    if field.nested is not None:
        return "an entry with its source" if issubclass(field.nested, Origin) else "a mapping"
    text = "words" if field.listed else field.says.expected(scalar_type(field.inner))
    return f"{text}, with its source" if isinstance(field.says, Figure) else text
