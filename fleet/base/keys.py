"""What one key of a declared file may hold, said once: meaning, unit, range, names; everything else follows.

    @declared
    class Radio:
        loss: Annotated[float, Key("lost frames", unit=SHARE, least="0 %", most="99 %")] = 0.0
        interval_us: Annotated[int, Key("connection interval", unit=TIME_US, least="7.5 ms", most="4 s")]

The key in the file is the attribute's name less its unit suffix (`interval`), or `name` where given.
From the type and the Key come the check, its message, the written form, the field table and the JSON Schema.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from math import isfinite
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from fleet.base import units
from fleet.base.units import SHARE, Measure

Bound = int | float | str | Fraction
Names = tuple[str, ...] | Callable[[], Iterable[str]]
_WRITTEN_AS: Mapping[type, tuple[type, ...]] = {float: (int, float), Path: (str,)}  # types in the file, if not its own
SCALARS = (int, float, str, bool, Fraction, Path)
_NOUNS = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    Fraction: "a fraction",
    Path: "a path",
}


@dataclass(frozen=True, slots=True)
class Key:
    """Everything a file's reader is told about one key.

    unit: the value is text with a unit and is stored in unit.stored; without it numbers are bare.
    least, most: inclusive, written as in the file. above: exclusive lower bound.
    one_of: the known names, or a function that lists them (asked at load time). also: what else is allowed, as a
    test and its description, such as a path; without one_of, what is allowed at all.
    short: for a nested object, the key that a bare word stands for.
    name: the key in the file, where it is not the attribute's name less its unit. example: shown in messages.
    why: what a value out of range would do; the message says so.
    """

    meaning: str
    unit: Measure | None = None
    least: Bound | None = None
    most: Bound | None = None
    above: Bound | None = None
    one_of: Names | None = None
    also: tuple[Callable[[str], bool], str] | None = None
    short: str | None = None
    name: str | None = None
    example: str | None = None
    why: str | None = None

    def key(self, attribute: str) -> str:
        """The key in the file for an attribute of this name."""
        if self.name is not None:
            return self.name
        return attribute.removesuffix(f"_{self.unit.suffix}") if self.unit is not None else attribute

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        kind = scalar_type(source)
        if kind is not None:
            return core_schema.no_info_plain_validator_function(lambda value: self.check(value, kind))
        if self.short is None:
            return handler(source)
        return core_schema.no_info_before_validator_function(self._lengthen, handler(source))

    def _lengthen(self, value: object) -> object:
        return {self.short: value} if isinstance(value, str) else value

    def check(self, value: object, kind: type) -> object:
        """The value as stored; ValueError with 'expected …, got …; what to do'."""
        if self.one_of is not None or self.also is not None:
            return self._named(value)
        if self.unit is not None and kind in (int, float):
            stored: Any = units.whole(value, self.unit) if kind is int else float(units.exact(value, self.unit))
        elif kind is Fraction:
            stored = units.fraction(value)
        else:
            stored = self._bare(value, kind)
        if not self._in_range(stored):
            advice = f"{self.why}; choose a value in that range" if self.why else "choose a value in that range"
            raise ValueError(f"expected {self.expected(kind)}, got {value!r}; {advice}")
        return stored

    def _bare(self, value: object, kind: type) -> Any:
        allowed = _WRITTEN_AS.get(kind, (kind,))
        if type(value) not in allowed or (isinstance(value, float) and not isfinite(value)):
            raise ValueError(f"expected {self.expected(kind)}, got {got(value)}; {self._remedy(value, kind)}")
        return kind(value)

    def _remedy(self, value: object, kind: type) -> str:
        if self.example is not None:
            return f"write it like {self.example}"
        if kind in (str, Path) and isinstance(value, int | float | bool):
            return "put it in quotes"
        if kind is int and isinstance(value, float):
            return "write it without a point and an exponent"
        return {bool: "write true or false", str: "write a word", Path: "write a path"}.get(
            kind, "write digits without a unit"
        )

    def _named(self, value: object) -> str:
        """A known name, or text that passes `also`."""
        known = self.names()
        if isinstance(value, str) and (value in known or (self.also is not None and self.also[0](value))):
            return value
        near = nearest(str(value), known)
        advice = f"did you mean '{near}'?" if near else "choose one of these" if known else "change it"
        raise ValueError(f"expected {self.expected(str)}, got {got(value)}; {advice}")

    def names(self) -> tuple[str, ...]:
        """The known names; empty when any are allowed."""
        return tuple(self.one_of() if callable(self.one_of) else self.one_of or ())

    def _in_range(self, stored: Any) -> bool:
        return (
            (self.least is None or stored >= self._bound(self.least))
            and (self.most is None or stored <= self._bound(self.most))
            and (self.above is None or stored > self._bound(self.above))
        )

    def _bound(self, bound: Bound) -> Any:
        if self.unit is not None:
            return units.exact(bound, self.unit)
        return units.fraction(bound) if isinstance(bound, str) else bound

    def expected(self, kind: type | None) -> str:
        """'a duration from 1 s to 30 d', 'one of ble, none': what a message and the field table say."""
        if self.one_of is not None or self.also is not None:
            listed = f"one of {', '.join(self.names())}" if self.one_of is not None else ""
            return ", or ".join(part for part in (listed, self.also[1] if self.also is not None else "") if part)
        noun = self.unit.noun if self.unit is not None else _NOUNS.get(kind or object, "a mapping")
        return noun + self._range()

    def _range(self) -> str:
        low = f"from {self.least}" if self.least is not None else f"above {self.above}" * (self.above is not None)
        high = "" if self.most is None else f"to {self.most}" if self.least is not None else f"up to {self.most}"
        return "".join(f" {part}" for part in (low, high) if part)

    def write(self, stored: object) -> object:
        """The value as it stands in a file: text with unit, fraction, or the bare value."""
        if self.unit is not None and isinstance(stored, int | float | Fraction):
            return units.show(stored, self.unit)
        if isinstance(stored, Fraction):
            return units.show_fraction(stored)
        return stored.as_posix() if isinstance(stored, Path) else stored


def scalar_type(source: Any) -> type | None:
    """The scalar behind an annotation (`float | None` is a float); None for anything nested."""
    inner = [part for part in get_args(source) if part is not NoneType] or [source]
    return inner[0] if len(inner) == 1 and inner[0] in SCALARS else None


def got(value: object) -> str:
    """A value as a message shows it: short, and never a whole subtree."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word closest to a misspelt one, if any is close."""
    lowered = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return lowered[near[0]] if near else None


__all__ = ["SCALARS", "SHARE", "Key", "got", "nearest", "scalar_type"]
