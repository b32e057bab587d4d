"""Updates over the air of a running fleet: the keys of `updates`, and what has to hold between them."""

import re
from collections.abc import Iterator
from typing import Annotated, Final

from fleet.base import units
from fleet.base.declared import Found, Key, declared
from fleet.base.units import SHARE, SIZE_BYTES, TIME_US
from fleet.base.yaml import KeyPath

CONTENTS: Final = {
    "firmware": "a whole image",
    "model": "the frozen part of the network, as it lies in flash",
    "plan": "the steps of training, as words",
}
MODES: Final = {
    "slots": "two slots, the newer one runs (MCUboot: direct XIP)",
    "swap-scratch": "MCUboot's swap through a scratch area",
    "swap-move": "MCUboot's swap that moves the old image by a sector",
    "swap-offset": "MCUboot's swap with the new image a sector further",
    "overwrite": "MCUboot's overwrite: no way back",
}


_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def _is_word(text: str) -> bool:
    return _WORD.fullmatch(text) is not None


@declared
class UpdateChoice:
    """One update of the whole fleet, in stages that stop when too many nodes fail."""

    name: Annotated[str, Key("what tables call it", also=(_is_word, "1 to 64 letters, digits, '-', '_', '.'"))]
    content: Annotated[str, Key("what is pushed", one_of=tuple(CONTENTS))]
    at_us: Annotated[int, Key("when the first stage begins", unit=TIME_US, least="0 s", most="3650 d")]
    size_bytes: Annotated[
        int, Key("its length; 0: that of the scenario's own model or plan", unit=SIZE_BYTES, least="0 B", most="16 MiB")
    ] = 0
    mode: Annotated[str, Key("how it comes to run", one_of=tuple(MODES))] = "slots"
    fragment_bytes: Annotated[
        int, Key("what one write of the download takes", unit=SIZE_BYTES, least="16 B", most="4 KiB")
    ] = 256
    canaries: Annotated[int, Key("nodes of the first stage", least=1, most=100_000)] = 10
    growth: Annotated[
        int, Key("each further stage has so many times the nodes of the one before", least=1, most=1_000_000)
    ] = 10
    within_us: Annotated[
        int, Key("how long a stage waits for its nodes", unit=TIME_US, least="1 min", most="365 d")
    ] = 86_400_000_000
    halt_above: Annotated[
        float, Key("failures of a stage, of those that answered, that stop all", unit=SHARE, least="0 %", most="100 %")
    ] = 0.05
    retries: Annotated[int, Key("how often a node that did not answer is asked again", least=0, most=20)] = 2
    retry_us: Annotated[
        int, Key("time before a node that was not reached is asked again", unit=TIME_US, least="1 min", most="365 d")
    ] = 21_600_000_000
    floor: Annotated[float, Key("charge below which a node does not begin", unit=SHARE, least="0 %", most="90 %")] = 0.2
    defective: Annotated[
        float,
        Key(
            "nodes on which the new content fails its self-test, to see what happens",
            unit=SHARE,
            least="0 %",
            most="100 %",
        ),
    ] = 0.0


def updates_are_told_apart(found: Found) -> Iterator[tuple[KeyPath, str]]:
    """Names once; sizes where nothing else says them."""
    seen: dict[object, KeyPath] = {}
    for path in dict.fromkeys(path[:2] for path in found if path[0] == "updates" and len(path) > 1):
        name, size, content = (found.get((*path, key)) for key in ("name", "size", "content"))
        if name in seen:
            yield (*path, "name"), f"expected each name once, got '{name}' again; rename one"
        if name is not None:
            seen[name] = path
        if content == "firmware" and size == 0:
            yield (*path, "size"), "expected the length of the image with firmware, got none; give it"


def updates_begin_in_time(found: Found) -> Iterator[tuple[KeyPath, str]]:
    """A line ends one interval after its last round; what begins later never begins."""
    rounds = found.get(("server", "rounds"))
    every = [value for path, value in found.items() if path[0] == "fleet" and path[2:] == ("every",)]
    known = [value for value in every if isinstance(value, int)]
    if not isinstance(rounds, int) or not known:
        return
    end_us = (rounds + 1) * max(known)
    for path, at_us in found.items():
        if path[0] == "updates" and path[2:] == ("at",) and isinstance(at_us, int) and at_us >= end_us:
            limit, got = units.show(end_us, TIME_US), units.show(at_us, TIME_US)
            text = f"expected less than {limit}, when the run ends (one interval after round {rounds}), got {got}"
            yield path, f"{text}; begin earlier, or raise server.rounds"
