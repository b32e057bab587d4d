"""Checks of how nodes talk: keys that a radio does not read, settings off its grid, boards that have no such radio."""

from collections.abc import Iterable, Iterator, Sequence

from fleet.base import units
from fleet.base.declared import Found, Rule, declared_fields
from fleet.base.errors import InputError
from fleet.base.keys import nearest
from fleet.base.units import TIME_US
from fleet.base.yaml import KeyPath
from fleet.node.profile import load_profile, radio_of, radio_refusal
from fleet.scenario.radio_names import LINKS, RADIOS
from fleet.scenario.radio_schema import LinkChoice, RadioChoice

Said = Iterator[tuple[KeyPath, str]]


def _radios(found: Found) -> Iterator[tuple[KeyPath, str]]:
    """Path and kind of every group's radio that has a known kind."""
    for path in found:
        if len(path) == 4 and path[0] == "fleet" and path[2:] == ("radio", "kind"):
            yield path[:3], str(found[path])


def _boards_have_the_radio(found: Found) -> Said:
    for path, kind in _radios(found):
        board = found.get((*path[:2], "board"))
        if isinstance(board, str):
            module, tx_dbm = found.get((*path, "module")), found.get((*path, "tx"))
            if (module is None or isinstance(module, str)) and (tx_dbm is None or isinstance(tx_dbm, int)):
                yield from _refused(path, board, kind, module=module, tx_dbm=tx_dbm)


def _refused(path: KeyPath, board: str, kind: str, *, module: str | None, tx_dbm: int | None) -> Said:
    """What a board or a module cannot do."""
    try:
        profile = load_profile(board)
        refusal = radio_refusal(profile, kind, module)
        part = radio_of(profile, kind, module) if refusal is None else None
    except InputError as error:  # the board's own file is at fault; every line of it is reported
        yield from (((*path[:-1], "board"), str(fault)) for fault in error.faults)
        return
    if refusal is not None:
        yield (*path, "module" if module else "kind"), refusal
    elif part is not None and tx_dbm is not None and (too_much := part.transmit_refusal(tx_dbm)) is not None:
        yield (*path, "tx"), too_much


def _intervals_lie_on_the_grid(found: Found) -> Said:
    for path, kind in _radios(found):
        interval_us, step_us = found.get((*path, "interval")), RADIOS[kind].interval_step_us
        if isinstance(interval_us, int) and step_us and interval_us % step_us:
            step, got = units.show(step_us, TIME_US), units.show(interval_us, TIME_US)
            near = units.show(max(1, round(interval_us / step_us)) * step_us, TIME_US)
            yield (*path, "interval"), f"expected a multiple of {step}, got {got}; take {near}"


def _keys_are_read(found: Found) -> Said:
    """A key that means nothing to the kind would be a setting that does nothing."""
    for path, kind in _radios(found):
        yield from _unread(found, path, RadioChoice, kind, RADIOS[kind].keys)
        link = found.get((*path, "link", "kind"))
        if isinstance(link, str):
            yield from _unread(found, (*path, "link"), LinkChoice, link, LINKS[link].keys)


def _unread(found: Found, path: KeyPath, choice: type, kind: str, used: Sequence[str]) -> Said:
    for field in declared_fields(choice):
        if field.key not in used and found.get((*path, field.key)) is not None:
            near = nearest(field.key, used)
            advice = f"did you mean '{near}'?" if near else "delete it"
            yield (*path, field.key), f"expected only {', '.join(used)} with {kind}, got {field.key}; {advice}"


def _links_are_whole(found: Found) -> Said:
    for path, _kind in _radios(found):
        here = (*path, "link")
        kind = found.get((*here, "kind"))
        if not isinstance(kind, str):
            continue
        if found.get((*path, "loss")):
            yield (*path, "loss"), "expected no `loss` beside `link`, which says what is lost, got one; delete it"
        model = LINKS[kind]
        for key in _missing(found, here, model.needs):
            yield here, f"expected {key} with {kind}, got none; add it"
        given = [key for key in model.either if not found.is_none((*here, key))]
        if model.either and len(given) != 1:
            text = f"expected one of {', '.join(model.either)} with {kind}, got {' and '.join(given) or 'none'}"
            yield here, f"{text}; give exactly one"


def _gateways_agree(found: Found) -> Said:
    """One gateway has one number of links, and a kept connection keeps one of them."""
    known: dict[tuple[str, str], int] = {}
    kept: dict[tuple[str, str], int] = {}
    for path, kind in _radios(found):
        here = (*path, "gateway")
        name, links, count = found.get((*here, "name")), found.get((*here, "links")), found.get((*path[:2], "count"))
        if not isinstance(name, str) or not isinstance(links, int):
            continue
        if known.setdefault((kind, name), links) != links:
            text = f"expected {known[kind, name]}, as another group has for {name}, got {links}"
            yield (*here, "links"), f"{text}; give both the same, or another name"
        if found.get((*path, "kept")) is True and isinstance(count, int):
            kept[kind, name] = kept.get((kind, name), 0) + count
            if kept[kind, name] > links:
                text = f"expected at least {kept[kind, name]}, one for each kept connection, got {links}"
                yield (*here, "links"), f"{text}; raise it, or take kept: false"


def _missing(found: Found, path: KeyPath, keys: Iterable[str]) -> Iterator[str]:
    return (key for key in keys if found.is_none((*path, key)))


RADIO_RULES: Sequence[Rule] = (
    _boards_have_the_radio,
    _intervals_lie_on_the_grid,
    _keys_are_read,
    _links_are_whole,
    _gateways_agree,
)
