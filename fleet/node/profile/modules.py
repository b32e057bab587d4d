"""Radios on a chip of their own: `devices/modules/<name>.yaml`, which any board may carry."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated

from fleet.base.declared import Found, Key, declare, declared
from fleet.base.errors import InputError
from fleet.base.keys import nearest
from fleet.base.places import devices_dir
from fleet.base.units import VOLTAGE_MV
from fleet.base.yaml import KeyPath, read
from fleet.node.profile.memory import FIRST, FLASH, Reserved
from fleet.node.profile.origin import Figure, Sourced
from fleet.node.profile.radio import Radio
from fleet.node.profile.rules import levels_ascend
from fleet.node.profile.sources import sources_of


@declared
class ModuleFile:
    """What `devices/modules/<name>.yaml` holds."""

    schema: Annotated[int, Key("version of this format", least=1, most=1)]
    module: Annotated[str, Key("name of the module, as its file")]
    supply_mv: Annotated[int, Figure("supply at which the currents hold", unit=VOLTAGE_MV, least="0.8 V", most="6 V")]
    supply_min_mv: Annotated[int, Figure("lowest supply", unit=VOLTAGE_MV, least="0.8 V", most="6 V")]
    supply_max_mv: Annotated[int, Figure("highest supply", unit=VOLTAGE_MV, least="0.8 V", most="6 V")]
    radios: Annotated[tuple[Radio, ...], Key("what it speaks")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Module(ModuleFile):
    """One module. sources: the origin of every number."""

    sources: tuple[Sourced, ...]

    @property
    def unverified(self) -> tuple[str, ...]:
        """Fields that nobody looked up."""
        return tuple(item.field for item in self.sources if item.unverified)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What it speaks."""
        return tuple(radio.kind for radio in self.radios)


def modules(devices: Path | None = None) -> tuple[str, ...]:
    """The names of all modules, sorted."""
    return tuple(sorted(file.stem for file in _folder(devices).glob("*.yaml")))


def load_module(name: str, *, devices: Path | None = None) -> Module:
    """A module; InputError with every fault of its file, or with the nearest known names."""
    known = modules(devices)
    if name not in known:
        near = nearest(name, known)
        advice = f"did you mean '{near}'?" if near else "add its file to devices/modules"
        raise InputError.one("module", f"expected one of {', '.join(known) or 'none'}, got '{name}'; {advice}")
    path = _folder(devices) / f"{name}.yaml"
    return _read(name, path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _read(name: str, path: Path, changed_ns: int) -> Module:  # noqa: ARG001 (a file that changed is read again)
    document = read(path)
    file = declare(ModuleFile, document, (levels_ascend, _reserves_by_place, partial(_named_as_its_file, name)))
    values = {field.name: getattr(file, field.name) for field in fields(ModuleFile)}
    return Module(**values, sources=tuple(sources_of(ModuleFile, document)))


def _folder(devices: Path | None) -> Path:
    return (devices or devices_dir()) / "modules"


def _reserves_by_place(found: Found) -> Iterator[tuple[KeyPath, str]]:
    for path, part in found.items():
        if isinstance(part, Reserved) and part.bank not in (FIRST, FLASH):
            yield (*path, "bank"), f"expected {FIRST} or {FLASH}, since a module knows no board, got '{part.bank}'"


def _named_as_its_file(name: str, found: Found) -> Iterator[tuple[KeyPath, str]]:
    written = found.get(("module",), name)
    if written != name:
        yield ("module",), f"expected '{name}', as the file is called, got '{written}'; rename one of them"
