"""The engine's structs of 32-bit words, as its own headers declare them: generated C names their fields, never invents.

Only `typedef struct { ... } name;` of int32_t and of other such structs counts; a struct with anything else is none.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from fleet.base.places import package_data

_STRUCT = re.compile(r"typedef struct \{([^{}]*)\} (\w+);")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_WORD = "int32_t"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A field. struct: the name of its type, '' for a word."""

    name: str
    struct: str


@cache
def structs() -> dict[str, tuple[Member, ...]]:
    """Every struct of words of the engine's headers, by name."""
    found: dict[str, tuple[Member, ...]] = {}
    for path in sorted(package_data("node", "engine", "src").glob("*.h")):
        for body, name in _STRUCT.findall(_COMMENT.sub("", path.read_text(encoding="utf-8"))):
            found[name] = tuple(_members(body))
    while odd := [n for n, members in found.items() if any(m.struct and m.struct not in found for m in members)]:
        for name in odd:
            del found[name]
    return found


def words_of(name: str) -> int:
    """How many words a struct has."""
    return sum(words_of(member.struct) if member.struct else 1 for member in structs()[name])


def initialiser(name: str, words: Sequence[str]) -> list[str]:
    """A struct's fields with these words, each as `.field = word`; fields of "0" are left out, as C fills them."""
    fields, at = [], 0
    for member in structs()[name]:
        size = words_of(member.struct) if member.struct else 1
        part = words[at : at + size]
        at += size
        if member.struct:
            if inner := initialiser(member.struct, part):
                fields.append(f".{member.name} = {{{', '.join(inner)}}}")
        elif part[0] != "0":
            fields.append(f".{member.name} = {part[0]}")
    return fields


def _members(body: str) -> Iterator[Member]:
    for declaration in body.split(";"):
        kind, _, names = declaration.strip().partition(" ")
        for name in filter(None, (n.strip() for n in names.split(","))):
            plain = name.isidentifier() and kind != _WORD
            yield Member(name=name, struct="" if kind == _WORD and name.isidentifier() else kind if plain else "?")
