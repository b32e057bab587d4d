"""Profiles from their folders, and what can be asked of one."""

from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from fleet.base.declared import Found, declare, declared_fields
from fleet.base.errors import InputError
from fleet.base.keys import nearest
from fleet.base.places import devices_dir
from fleet.base.units import share
from fleet.base.yaml import Document, KeyPath, dotted, read
from fleet.node.profile.board import BoardFile, Profile
from fleet.node.profile.origin import Figure, Origin, Sourced
from fleet.node.profile.rules import RULES


def boards(devices: Path | None = None) -> tuple[str, ...]:
    """The names of all boards that have a profile, sorted."""
    folder = devices or devices_dir()
    return tuple(sorted(file.parent.name for file in folder.glob("*/profile.yaml")))


def load_profile(board: str, *, devices: Path | None = None) -> Profile:
    """The profile of a board; InputError with every fault of its file, or with the nearest known names."""
    folder = devices or devices_dir()
    known = boards(folder)
    if board not in known:
        near = nearest(board, known)
        advice = f"did you mean '{near}'?" if near else "add a folder with its profile.yaml"
        raise InputError.one("board", f"expected one of {', '.join(known)}, got '{board}'; {advice}")
    document = read(folder / board / "profile.yaml")
    file = declare(BoardFile, document, (*RULES, partial(_named_as_its_folder, board)))
    values = {field.name: getattr(file, field.name) for field in fields(BoardFile)}
    port = folder / board / "port"
    return Profile(**values, sources=tuple(_sources(BoardFile, document, ())), can_build=port.is_dir())


def _named_as_its_folder(folder: str, found: Found) -> Iterator[tuple[KeyPath, str]]:
    name = found.get(("board",), folder)
    if name != folder:
        yield ("board",), f"expected '{folder}', as the folder is called, got '{name}'; rename one of them"


def radio_refusal(profile: Profile, kind: str) -> str | None:
    """Why a board cannot speak this kind of radio, as 'expected …, got …; what to do'; None if it can."""
    kinds = profile.radio.kinds if profile.radio else ()
    if kind in kinds:
        return None
    if not kinds:
        return f"expected a board with a radio, got '{kind}' on {profile.board}, which has none; choose another board"
    return f"expected one of {', '.join(kinds)} on {profile.board}, got '{kind}'; choose one, or another board"


def _sources(cls: type, document: Document, path: KeyPath) -> Iterator[Sourced]:
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
                yield from _sources(field.nested, document, each)


def _sourced(found: dict[str, Any], path: KeyPath, text: str) -> Sourced:
    given = {field.attribute: found[field.key] for field in declared_fields(Origin) if field.key in found}
    if "error" in given:
        given["error"] = share(given["error"])
    return Sourced(field=dotted(path), text=text, **given)
