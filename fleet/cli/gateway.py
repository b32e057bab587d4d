"""`fleet gateway`: what was typed, as nodes at their places, and the words of what happens to them."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Final

import typer

from fleet.base import units
from fleet.base.errors import Fault, InputError
from fleet.base.units import TIME_US
from fleet.federation.links.keys import key_lines
from fleet.federation.links.sealed import Counters, read_keys
from fleet.federation.links.serial_line import BAUD
from fleet.federation.links.udp import WAIT_S
from fleet.federation.supernode import SuperLink
from fleet.run.flower_app import write_app
from fleet.run.gateway import Kind, Place, join, party_of, serve
from fleet.scenario import Scenario

_FORMS: Final = "udp:HOST:PORT, serial:DEVICE[:BAUD], emulated[:COUNT] or simulated[:COUNT]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options as they were typed."""

    superlink: str
    nodes: str
    keys: Path | None
    first: int
    once: bool
    patience: str
    certificates: Path | None
    jobs: int


def run_gateway(scenario: Scenario, asked: Asked) -> None:
    """Joins the nodes to the SuperLink, until Ctrl-C or the end of a run."""
    places = parse_nodes(asked.nodes)
    superlink = parse_superlink(asked.superlink, asked.certificates)
    waits = max(1, round(parse_patience(asked.patience) / (WAIT_S * 1_000_000)))
    keys = {} if asked.keys is None else read_keys(asked.keys)
    counters = None if asked.keys is None else Counters(asked.keys.with_name(f"{asked.keys.name}.counters"))
    with _until_interrupted() as stop:
        party = party_of(
            scenario, places, first=asked.first, keys=keys, counters=counters, waits=waits, told=typer.echo, stop=stop
        )
        join(party, superlink, jobs=asked.jobs, once=asked.once)
        typer.echo(f"left {superlink}")


def run_node(scenario: Scenario, number: int, at: str, keys: Path, project: Path | None, flash: Path | None) -> None:
    """An emulated node at an address of this machine, until Ctrl-C."""
    places = parse_nodes(at)
    if len(places) != 1 or places[0].kind not in (Kind.UDP, Kind.SERIAL):
        raise InputError.one("--at", f"expected one udp:HOST:PORT or serial:DEVICE[:BAUD], got '{at}'; correct it")
    with _until_interrupted() as stop:
        serve(
            scenario, number, places[0], keys=read_keys(keys), project=project, flash=flash, told=typer.echo, stop=stop
        )


def make_app(scenario: Scenario, folder: Path, model: Path) -> None:
    """Writes the server's side, and says how to start it."""
    made = write_app(scenario, folder, model)
    typer.echo(f"Flower app: {made}\nnext: flower-superlink --insecure, fleet gateway with the nodes, flwr run {made}")


def make_keys(count: int, first: int) -> None:
    """Prints new keys."""
    typer.echo(key_lines(count, first), nl=False)


def parse_nodes(text: str) -> tuple[Place, ...]:
    """Places from `udp:10.0.0.3:7000,serial:/dev/ttyUSB0,emulated:2`; InputError with every fault."""
    places: list[Place] = []
    faults: list[Fault] = []
    for item in text.split(","):
        try:
            places += _places(item.strip())
        except ValueError:
            faults.append(Fault("--nodes", f"expected {_FORMS}, got '{item.strip()}'; correct it"))
    if faults:
        raise InputError(faults)
    return tuple(places)


def _places(item: str) -> list[Place]:
    """The nodes of one item; ValueError for one that is none."""
    name, _, rest = item.partition(":")
    kind = Kind(name)
    if kind is Kind.UDP:
        host, _, port = rest.rpartition(":")
        return [Place(kind=kind, host=_given(host), port=_whole(port, 65535))]
    if kind is Kind.SERIAL:
        device, _, baud = rest.partition(":")
        return [Place(kind=kind, device=_given(device), baud=_whole(baud or str(BAUD), 10_000_000))]
    return [Place(kind=kind)] * _whole(rest or "1", 1000)


def _given(text: str) -> str:
    if not text:
        raise ValueError(text)
    return text


def _whole(text: str, most: int) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise ValueError(text)
    return int(text)


def parse_superlink(text: str, certificates: Path | None) -> SuperLink:
    """A SuperLink at `host:port`."""
    host, _, port = text.rpartition(":")
    try:
        pem = None if certificates is None else certificates.read_bytes()
    except OSError as fault:
        error = f"expected a file of certificates, got '{fault}'; correct the path"
        raise InputError.one("--root-certificates", error) from fault
    try:
        return SuperLink(host=_given(host), port=_whole(port, 65535), certificates=pem)
    except ValueError as fault:
        raise InputError.one("--superlink", f"expected HOST:PORT, got '{text}'; write 127.0.0.1:8000") from fault


def parse_patience(text: str) -> int:
    """Microseconds of a duration as '90 s'."""
    try:
        if (found := units.whole(text, TIME_US)) > 0:
            return found
        raise ValueError(text)
    except ValueError as fault:
        raise InputError.one("--patience", f"expected a duration, got '{text}'; write it like '90 s'") from fault


@contextmanager
def _until_interrupted() -> Iterator[Event]:
    """An event that Ctrl-C and SIGTERM set: nodes that compute here come to their end, then all leave."""
    stop = Event()

    def stopped(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, stopped) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
