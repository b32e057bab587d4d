"""Profiles from their folders, and what can be asked of one."""

from collections.abc import Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path

from fleet.base.declared import Found, declare
from fleet.base.errors import InputError
from fleet.base.keys import nearest
from fleet.base.places import devices_dir
from fleet.base.yaml import KeyPath, read
from fleet.node.profile.board import BoardFile, Profile
from fleet.node.profile.carried import own_part
from fleet.node.profile.rules import RULES
from fleet.node.profile.sources import sources_of


def boards(devices: Path | None = None) -> tuple[str, ...]:
    """The names of all boards that have a profile, sorted."""
    folder = devices or devices_dir()
    return tuple(sorted(file.parent.name for file in folder.glob("*/profile.yaml")))


def load_profile(board: str, *, devices: Path | None = None) -> Profile:
    """The profile of a board, using the first of its radios; InputError with every fault of its file, or with the
    nearest known names."""
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
    profile = Profile(**values, sources=tuple(sources_of(BoardFile, document)), can_build=port.is_dir())
    return profile.using(own_part(profile, profile.radios[0])) if profile.radios else profile


def _named_as_its_folder(folder: str, found: Found) -> Iterator[tuple[KeyPath, str]]:
    name = found.get(("board",), folder)
    if name != folder:
        yield ("board",), f"expected '{folder}', as the folder is called, got '{name}'; rename one of them"
