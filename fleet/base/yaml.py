"""Strict YAML: the JSON-like part of YAML 1.2 (core schema), with the line of every value.

What differs from PyYAML's own loader, each for a reason:
- numbers and booleans are those of YAML 1.2, section 10.3: `1e-3` is a number, `no`, `on` and `1:30` are words;
- a duplicate key is a fault, where PyYAML silently takes the last;
- tags, anchors, aliases and further documents are faults: nothing can be constructed, nothing can expand;
- size and depth are limited.
Source: "YAML Ain't Markup Language, version 1.2.2", https://yaml.org/spec/1.2.2/
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from fleet.base.errors import Fault, InputError

KeyPath = tuple[str | int, ...]

LARGEST_BYTES = 2**18  # a scenario has 2 KiB; the composer is pure Python and takes seconds for this much
DEEPEST = 32  # levels of nesting; keeps recursion far from Python's limit

_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
# Numbers longer than any that is meant are words, so that no text can make arithmetic slow.
_INT = re.compile(r"[-+]?[0-9]{1,400}")
_OCTAL = re.compile(r"0o[0-7]{1,400}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,400}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,400}|[0-9]{1,400}(?:\.[0-9]{0,400})?)(?:[eE][-+]?[0-9]{1,400})?")
_INF = re.compile(r"[-+]?(?:\.inf|\.Inf|\.INF)")
_NAN = re.compile(r"\.nan|\.NaN|\.NAN")
_WORD = re.compile(r"[\w-]+")
_WORDS = r"[A-Za-z_./][A-Za-z0-9_./%+-]*(?: [A-Za-z0-9_./%+-]+)*"
_AMOUNT = r"[0-9]+(?:[./][0-9]+)? [A-Za-z%/]+|[0-9]+/[0-9]+|[0-9]+[A-Za-z]"
_PLAIN = re.compile(f"{_WORDS}|{_AMOUNT}")  # text that needs no quotes when written
_OLD_BOOLEANS = frozenset(("y", "n", "yes", "no", "on", "off"))  # to readers of YAML 1.1; quoted for their sake


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One YAML file: plain dicts, lists, str, int, float, bool and None, and where each stands.

    name: the file as the user wrote it. lines: 1-based line of each key path, () being the document.
    comment: the comment lines before anything else, without '#', joined by spaces.
    faults: duplicate keys, tags and the like, which leave the rest readable: `declared.declare` reports them
    together with its own, so that a user sees everything at once. Whoever reads `value` directly must look.
    """

    name: str
    value: object
    lines: Mapping[KeyPath, int]
    comment: str
    faults: tuple[Fault, ...] = ()

    def where(self, path: KeyPath) -> str:
        """'file.yaml:12: fleet[0].radio.loss'; a path that is not in the file takes its nearest parent's line."""
        known = next(path[:n] for n in range(len(path), -1, -1) if path[:n] in self.lines or n == 0)
        place = f"{self.name}:{self.lines.get(known, 1)}"
        return f"{place}: {dotted(path)}" if path else place

    def fault(self, path: KeyPath, text: str) -> Fault:
        return Fault(self.where(path), text)


def dotted(path: KeyPath) -> str:
    """('fleet', 0, 'radio') as 'fleet[0].radio'. A key that is no plain word is quoted, so that it can be printed."""
    words = (f".{part}" if isinstance(part, str) and _WORD.fullmatch(part) else f"[{part!r}]" for part in path)
    return "".join(words).removeprefix(".")


def read(path: Path) -> Document:
    """The document in a file; InputError when it cannot be read or is not strict YAML."""
    name = str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise InputError.one(name, f"expected a YAML file, got an error ({reason}); check the path") from None
    if len(raw) > LARGEST_BYTES:
        raise InputError.one(name, f"expected at most {LARGEST_BYTES:,} bytes, got more; is this the right file?")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError.one(f"{name}:{line}", "expected UTF-8 text, got other bytes; save it as UTF-8") from None
    return parse(text, name)


def parse(text: str, name: str) -> Document:
    """The document in a text, which may carry faults; InputError when it is no YAML. name stands in messages."""
    reading = _Reading()
    value = None
    try:
        root = _StrictComposer(text, reading).get_single_node()
        value = None if root is None else reading.value(root, ())
    except yaml.MarkedYAMLError as error:
        reading.say(_line(error), f"expected YAML, got an error ({_reason(error)}); check quotes, colons, indentation")
        raise InputError(reading.named(name)) from None
    except ReaderError as error:
        line = text[: int(error.position)].count("\n") + 1
        raise InputError.one(f"{name}:{line}", "expected text, got a control character; delete it") from None
    lines, faults = reading.lines, reading.named(name)
    return Document(name=name, value=value, lines=lines, comment=_comment(text), faults=faults)


def _line(error: yaml.MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return 1 if mark is None else int(mark.line) + 1


def _reason(error: yaml.MarkedYAMLError) -> str:
    return " ".join(str(part) for part in (error.context, error.problem) if part)


def _comment(text: str) -> str:
    lines = []
    for line in text.splitlines():
        if not line.lstrip().startswith("#"):
            break
        lines.append(line.strip().removeprefix("#").strip())
    return " ".join(line for line in lines if line)


class _Reading:
    """Faults and lines gathered while one document is turned into plain values."""

    def __init__(self) -> None:
        self.faults: list[tuple[int, str]] = []
        self.lines: dict[KeyPath, int] = {}

    def say(self, line: int, text: str) -> None:
        self.faults.append((line, text))

    def named(self, name: str) -> tuple[Fault, ...]:
        return tuple(Fault(f"{name}:{line}", said) for line, said in sorted(self.faults))

    def value(self, node: Node, path: KeyPath) -> object:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return scalar(node.value) if _is_plain(node) else node.value

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, object]:
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = scalar(key_node.value) if _is_plain(key_node) else key_node.value
            if not isinstance(key, str):
                shown = repr(key_node.value) if isinstance(key_node, ScalarNode) else "a list or mapping"
                self.say(line, f"expected a word as key, got {shown}; put it in quotes")
            elif key in result:
                again = f"got it again (first in line {self.lines[(*path, key)]})"
                self.say(line, f"{dotted((*path, key))}: expected each key once, {again}; delete one")
            else:
                self.lines[(*path, key)] = line
                result[key] = self.value(value_node, (*path, key))
        return result


def _is_plain(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.style is None


class _StrictComposer(Reader, Scanner, Parser, Composer, BaseResolver):
    """PyYAML's node composer without tags, anchors and aliases, and with a depth limit."""

    def __init__(self, text: str, reading: _Reading) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self._reading = reading
        self._depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        line = mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            self._reading.say(line, f"expected a value, got the alias *{event.anchor}; write the value out")
            self.get_event()  # type: ignore[no-untyped-call]
            return ScalarNode("", "", mark, style="'")
        if event.anchor is not None:
            self._reading.say(line, f"expected a plain value, got the anchor &{event.anchor}; delete it")
            event.anchor = None
        if event.tag is not None:
            self._reading.say(line, f"expected a plain value, got the tag {event.tag}; delete it")
        if self._depth >= DEEPEST:
            problem = f"nested deeper than {DEEPEST} levels"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def scalar(text: str) -> str | int | float | bool | None:
    """What a plain (unquoted) scalar means in the YAML 1.2 core schema."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return bool(_TRUE.fullmatch(text))
    if _INT.fullmatch(text):
        return int(text, 10)
    if _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INF.fullmatch(text) or _NAN.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text


def dump(value: Mapping[str, object]) -> str:
    """Block YAML in the mapping's own order that `parse` reads back to an equal value."""
    return "".join(f"{line}\n" for line in _block(value))


def _block(value: object) -> list[str]:
    if isinstance(value, Mapping) and value:
        return [line for key, item in value.items() for line in _entry(f"{_scalar_text(key)}:", item)]
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return [line for item in value for line in _item(item)]
    return [_flow(value)]


def _entry(head: str, item: object) -> list[str]:
    if _is_flat(item):
        return [f"{head} {_flow(item)}"]
    return [head, *(f"  {line}" for line in _block(item))]


def _item(item: object) -> list[str]:
    first, *rest = _block(item)
    return [f"- {first}", *(f"  {line}" for line in rest)]


def _is_flat(value: object) -> bool:
    """Scalars, lists of scalars and empty mappings fit on one line."""
    if isinstance(value, Mapping):
        return not value
    if isinstance(value, Sequence) and not isinstance(value, str):
        return not any(isinstance(item, Mapping | list | tuple) for item in value)
    return True


def _flow(value: object) -> str:
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(_scalar_text(item) for item in value)}]"
    return _scalar_text(value)


def _scalar_text(value: object) -> str:
    """JSON's spelling (valid YAML), without quotes where a word reads back as itself."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and scalar(value) == value:
        return _quoted(value) if value.lower() in _OLD_BOOLEANS else value
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float):
        return repr(value).replace("inf", ".inf").replace("nan", ".nan")
    return json.dumps(value)


def _quoted(text: str) -> str:
    """Double quotes; what another reader may not print or may take for the end of a line is escaped."""
    inside = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in inside)
