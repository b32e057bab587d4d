"""Checks of what nodes run on: keys that a store or harvester does not read, harvests that nothing can take."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from fleet.base.declared import Found, Rule, declared_fields
from fleet.base.keys import nearest
from fleet.base.yaml import KeyPath
from fleet.scenario.energy_names import HARVESTERS, RESTART, STORES
from fleet.scenario.energy_schema import HarvestChoice, StoreChoice

Said = Iterator[tuple[KeyPath, str]]
_EVERY: tuple[str, ...] = ("store", "harvest", "restart", "checkpoint")


def _stores(found: Found) -> Iterator[tuple[KeyPath, str]]:
    """Path and kind of every group's store that is known."""
    for path in found:
        if len(path) == 4 and path[0] == "fleet" and path[2:] == ("energy", "store"):
            yield path[:3], str(found[path])


def _harvests(found: Found) -> Iterator[tuple[KeyPath, str, str]]:
    """Path and kind of every group's harvester that is known, and its store."""
    for path, store in _stores(found):
        kind = found.get((*path, "harvest", "kind"))
        if isinstance(kind, str):
            yield (*path, "harvest"), kind, store


def _keys_are_read(found: Found) -> Said:
    for path, store in _stores(found):
        yield from _unread(found, path, StoreChoice, store, (*_EVERY, *STORES[store].keys))
    for path, kind, _store in _harvests(found):
        yield from _unread(found, path, HarvestChoice, kind, HARVESTERS[kind].keys)
        for key in HARVESTERS[kind].needs:
            if found.is_none((*path, key)):
                yield path, f"expected {key} with {kind}, got none; add it"


def _unread(found: Found, path: KeyPath, choice: type, kind: str, used: Sequence[str]) -> Said:
    for field in declared_fields(choice):
        if field.key not in used and found.get((*path, field.key)) is not None:
            near = nearest(field.key, used)
            advice = f"did you mean '{near}'?" if near else "delete it"
            yield (*path, field.key), f"expected only {', '.join(used)} with {kind}, got {field.key}; {advice}"


def _a_harvest_has_somewhere_to_go(found: Found) -> Said:
    can = ", ".join(name for name, store in STORES.items() if store.rechargeable)
    for path, _kind, store in _harvests(found):
        if not STORES[store].rechargeable:
            yield path, f"expected one of {can} to take a harvest, got {store}; take another store, or delete this"
        elif "capacity" in STORES[store].keys and not _has_capacity(found, path[:-1], store):
            yield path, f"expected a capacity beside it, got {store} without; add one, or delete this"


def _has_capacity(found: Found, path: KeyPath, store: str) -> bool:
    return found.get((*path, "capacity")) is not None or STORES[store].capacity_mah is not None


def _outages_need_a_harvest(found: Found) -> Said:
    """A node that nothing charges dies; levels to come back at would mean nothing."""
    harvesting = {path[:-1] for path, _kind, _store in _harvests(found)}
    for path, _store in _stores(found):
        for key in ("restart", "checkpoint"):
            if found.get((*path, key)) is not None and path not in harvesting and found.get((*path, "harvest")) is None:
                yield (*path, key), "expected a harvest beside it, got none; add `harvest`, or delete this"
        restart, checkpoint = found.get((*path, "restart")) or RESTART, found.get((*path, "checkpoint"))
        if isinstance(restart, float) and isinstance(checkpoint, float) and checkpoint >= restart:
            yield (*path, "checkpoint"), f"expected less than restart, {restart:.0%}, got {checkpoint:.0%}; lower it"


def traces_are_there(scenario: Path | None) -> Rule:
    """A file of powers that is named exists; what is in it is read when the nodes are made."""

    def rule(found: Found) -> Said:
        for path, _kind, _store in _harvests(found):
            given = found.get((*path, "path"))
            if isinstance(given, Path):
                file = (scenario.parent if scenario is not None else Path()) / given.expanduser()
                if not file.is_file():
                    yield (*path, "path"), f"expected a file, got none at {file}; correct the path"

    return rule


ENERGY_RULES: Sequence[Rule] = (_keys_are_read, _a_harvest_has_somewhere_to_go, _outages_need_a_harvest)
