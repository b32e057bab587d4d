"""A loaded YAML document turned into frozen dataclasses, or the complete list of what is wrong with it.

A file's shape is declared once, as dataclasses whose fields carry a `Key`:

    @declared
    class Server:
        rounds: Annotated[int, Key("rounds of the federation", least=1, most=10_000)]
        timeout_us: Annotated[int, Key("longest wait for replies", unit=TIME_US, least="1 s", most="7 d")]

    server = declare(Server, read(Path("server.yaml")))      # InputError holds every fault, with its line

The instances are plain dataclasses: constructing one in code takes stored values and checks nothing.
Nested declared classes, tuples of them, and `X | None` with a default work; every field needs a Key.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType
from typing import Annotated, Any, Final, TypeVar, cast, dataclass_transform, get_args, get_origin

from pydantic import ConfigDict, TypeAdapter, ValidationError

from fleet.base.errors import Fault, InputError
from fleet.base.keys import Key, got, nearest, scalar_type
from fleet.base.yaml import Document, KeyPath

T = TypeVar("T")
Rule = Callable[["Found"], Iterator[tuple[KeyPath, str]]]


@dataclass_transform(kw_only_default=True, frozen_default=True)
def declared(cls: type[T]) -> type[T]:
    """The class as a frozen, slotted, keyword-only dataclass whose keys `declare` knows."""
    made: Any = dataclass(frozen=True, slots=True, kw_only=True)(cls)
    names = {field.name: _key_of(made, field.name, field.type).key(field.name) for field in fields(made)}
    config = ConfigDict(extra="forbid", alias_generator=lambda name: names[name])
    made.__pydantic_config__ = config
    return cast(type[T], made)


def _key_of(cls: type, name: str, annotation: Any) -> Key:
    for part in get_args(annotation)[1:] if get_origin(annotation) is Annotated else ():
        if isinstance(part, Key):
            return part
    raise TypeError(f"{cls.__name__}.{name}: expected Annotated[type, Key(meaning)], got {annotation}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One declared key. attribute: its name in the class; key: in the file; inner: the type without None."""

    attribute: str
    key: str
    says: Key
    annotation: Any
    inner: Any
    default: object

    @property
    def required(self) -> bool:
        return self.default is MISSING

    @property
    def nested(self) -> type | None:
        """The declared class of this field, or of its items."""
        candidates = (self.inner, *get_args(self.inner))
        return next((part for part in candidates if isinstance(part, type) and is_dataclass(part)), None)

    @property
    def listed(self) -> bool:
        return get_origin(self.inner) is tuple


def declared_fields(cls: type) -> tuple[Field, ...]:
    """The keys of a declared class in order; looked up once."""
    if cls not in _KNOWN:
        _KNOWN[cls] = tuple(_field(cls, field) for field in fields(cls))
    return _KNOWN[cls]


_KNOWN: Final[dict[type, tuple[Field, ...]]] = {}


def _field(cls: type, field: Any) -> Field:
    says = _key_of(cls, field.name, field.type)
    bare = get_args(field.type)[0]
    parts = [part for part in get_args(bare) if part is not NoneType] if NoneType in get_args(bare) else [bare]
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    key, inner = says.key(field.name), parts[0]
    return Field(attribute=field.name, key=key, says=says, annotation=field.type, inner=inner, default=default)


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    """Built once for each declared type: building costs a millisecond, and `_found` asks for every key."""
    return TypeAdapter(annotation)


class Found(dict[KeyPath, object]):
    """Every part of a document that is valid by itself, by its path of file keys; defaults included."""

    def __init__(self, parts: Iterable[tuple[KeyPath, object]], document: Document) -> None:
        super().__init__(parts)
        self._lines = document.lines

    def given(self, path: KeyPath) -> bool:
        """Whether the file itself holds this key, so that its value is no default."""
        return path in self._lines

    def is_none(self, path: KeyPath) -> bool:
        """Whether nothing stands here; not where something does that is wrong by itself, and was reported."""
        return path in self and self[path] is None


def declare(cls: type[T], document: Document, rules: Sequence[Rule] = ()) -> T:
    """The document as an instance of cls; InputError with every fault of syntax, shape, value and rule.

    rules: checks across keys. Each gets the valid parts and yields (path, 'expected …, got …; what to do'),
    so that one bad key does not hide what is wrong elsewhere.
    """
    value, faults = _validate(cls, document)
    parts = Found(_found(cls, document.value, ()), document)
    said = [document.fault(path, text) for rule in rules for path, text in rule(parts)]
    everything = _ordered([*document.faults, *faults, *said])
    if everything or value is None:
        raise InputError(everything)
    return value


def _ordered(faults: Sequence[Fault]) -> list[Fault]:
    """By line, each once."""

    def line(fault: Fault) -> int:
        return next((int(part) for part in fault.where.split(":") if part.isdigit()), 0)

    return sorted(dict.fromkeys(faults), key=line)


def _checked(annotation: Any, value: object) -> Any:
    return _adapter(annotation).validate_python(value)


def _validate(cls: type[T], document: Document) -> tuple[T | None, list[Fault]]:
    try:
        return _checked(cls, document.value), []
    except ValidationError as error:
        return None, [_fault(cls, document, dict(item)) for item in error.errors(include_url=False)]


def _fault(cls: type, document: Document, item: dict[str, Any]) -> Fault:
    path: KeyPath = tuple(item["loc"])
    field = _at(cls, path)
    match item["type"]:
        case "missing":
            text = _missing(field)
        case "unexpected_keyword_argument":
            text = _unknown(_class_at(cls, path[:-1]), str(path[-1]))
        case "value_error":
            text = str(item["ctx"]["error"])
        case "dataclass_type" | "dataclass_exact_type":
            keys = ", ".join(f.key for f in declared_fields(_class_at(cls, path)))
            text = f"expected a mapping with the keys {keys}, got {got(item['input'])}; write one key per line"
        case "tuple_type" | "list_type":
            text = f"expected a list, got {got(item['input'])}; write it like [a, b] or with dashes"
        case other:
            text = f"expected {item['msg'].lower()}, got {got(item['input'])} ({other}); correct the value"
    return document.fault(path, text)


def _missing(field: Field | None) -> str:
    assert field is not None, "pydantic reports only declared keys as missing"
    example = field.says.example
    advice = f"add it, for example `{field.key}: {example}`" if example else "add it"
    return f"expected this key ({field.says.meaning}), got nothing; {advice}"


def _unknown(cls: type, key: str) -> str:
    known = [field.key for field in declared_fields(cls)]
    near = nearest(key, known)
    advice = f"did you mean '{near}'?" if near else "delete it"
    return f"expected one of the keys {', '.join(known)}, got {got(key)}; {advice}"


def _at(cls: type, path: KeyPath) -> Field | None:
    """The field a path of file keys leads to."""
    found, here = None, cls
    for part in path:
        if isinstance(part, int):
            continue
        found = next((field for field in declared_fields(here) if field.key == part), None)
        if found is None or found.nested is None:
            return found
        here = found.nested
    return found


def _class_at(cls: type, path: KeyPath) -> type:
    field = _at(cls, path)
    return cls if field is None or field.nested is None else field.nested


def _found(cls: type, value: object, path: KeyPath) -> Iterator[tuple[KeyPath, object]]:
    if not isinstance(value, dict):
        return
    for field in declared_fields(cls):
        here = (*path, field.key)
        if field.key in value:
            yield from _valid(field, field.annotation, value[field.key], here)
        elif not field.required:
            yield here, field.default


def _valid(field: Field, annotation: Any, value: object, path: KeyPath) -> Iterator[tuple[KeyPath, object]]:
    """The value if it is valid, and whatever below it is."""
    with suppress(ValidationError):  # `_validate` has reported it; here only valid parts count
        yield path, _checked(annotation, value)
    if field.nested is None:
        return
    if field.listed and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _valid(_item_of(field), field.nested, item, (*path, index))
    else:
        short = {field.says.short: value} if field.says.short and isinstance(value, str) else value
        yield from _found(field.nested, short, path)


def _item_of(field: Field) -> Field:
    return Field(
        attribute=field.attribute, key=field.key, says=field.says, annotation=field.nested, inner=field.nested,
        default=MISSING,
    )  # fmt: skip


def undeclare(instance: object, cls: type | None = None) -> dict[str, object]:
    """The instance as the mapping its file would hold: keys in declared order, units written, None left out.

    cls: the declared class, where the instance's own class adds fields that no file holds.
    """
    written: dict[str, object] = {}
    for field in declared_fields(cls or type(instance)):
        value = getattr(instance, field.attribute)
        if value is not None:
            written[field.key] = _written(field, value)
    return written


def _written(field: Field, value: object) -> object:
    if isinstance(value, tuple):
        return [_written(field, item) for item in value]
    if is_dataclass(value):
        return undeclare(value)
    return field.says.write(value)


__all__ = ["Field", "Found", "Key", "declare", "declared", "declared_fields", "scalar_type", "undeclare"]
