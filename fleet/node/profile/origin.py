"""Where the numbers of a board come from: the keys beside every value, and a key that demands them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from fleet.base.declared import Key, declared, declared_fields, scalar_type
from fleet.base.keys import got, nearest
from fleet.base.units import SHARE


@declared
class Origin:
    """Where a number comes from and how far to trust it."""

    source: Annotated[str, Key("document, version, table", example='"DS10916, 6.3.6"')]
    unverified: Annotated[bool, Key("nobody looked it up: from memory, or an assumption")] = False
    quoted: Annotated[bool, Key("read in a text that quotes the source")] = False
    note: Annotated[str, Key("conditions and doubts")] = ""
    error: Annotated[float | None, Key("known relative error", unit=SHARE, least="0 %", most="500 %")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced(Origin):
    """The origin of one value. field: its place in the file. text: the value as written there."""

    field: str
    text: str


class Figure(Key):
    """A number that carries its origin in the file; the attribute holds the number alone."""

    __slots__ = ()

    def check(self, value: object, kind: type) -> object:
        """The number in stored units; ValueError with everything that is wrong with it and its origin."""
        if not isinstance(value, dict):
            raise ValueError(f"expected {{value: …, source: …}}, got {got(value)}; write down where the number is from")
        stored, texts = None, []
        try:
            stored = super().check(value.get("value"), kind)
        except ValueError as text:
            texts.append(str(text))
        texts += _origin_faults({key: part for key, part in value.items() if key != "value"})
        if texts:
            raise ValueError("; and ".join(texts))
        return stored


def _origin_faults(found: dict[str, object]) -> Iterator[str]:
    known = {field.key: field for field in declared_fields(Origin)}
    if not found.get("source"):
        yield "source: expected where the number is from, got nothing; name document, version and table"
    for key, part in found.items():
        if key not in known:
            near = nearest(key, known)
            advice = f"did you mean '{near}'?" if near else "delete it"
            yield f"expected value, {', '.join(known)}, got '{key}'; {advice}"
        elif key != "source" or part:
            try:
                known[key].says.check(part, scalar_type(known[key].inner) or str)
            except ValueError as text:
                yield f"{key}: {text}"
