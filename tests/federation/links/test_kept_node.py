"""A node that was killed and comes back with its flash: the gateway that has heard it before goes on with it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from threading import Event

import pytest

from fleet.base.errors import CheckFailed, InputError
from fleet.base.places import scenarios_dir
from fleet.federation.links.link import Link
from fleet.federation.links.remote import RemoteNode
from fleet.federation.links.sealed import Session
from fleet.federation.links.udp import gateway_end
from fleet.node.model.fixed import real
from fleet.node.plan.slots import slots_of
from fleet.node.twin.firmware import firmware_image
from fleet.node.twin.image import Image
from fleet.node.twin.kept import KeptFlash, kept_flash
from fleet.node.twin.mailbox import Board
from fleet.node.wire.frames import Push, encode_push
from fleet.node.wire.seal import BY_NODE, BY_SERVER, unseal
from fleet.run.assemble import Drafted, drafted
from fleet.run.gateway import board_node
from tests.federation.links.fakes import ends
from tests.run.quickstart import Party

NODE, KEY = 3, bytes(range(32))
STEPS = 4
PATIENCE_S = 120  # for another process to start on a machine that does something else


@pytest.fixture(scope="module")
def image(party: Party) -> Image:
    return firmware_image(party.plan, party.profiles["nrf52840"], seed=0, runtime=True)


def push(party: Party, number: int, steps: int = STEPS) -> bytes:
    own = party.clients[NODE].shard.classes
    asked = Push(node=NODE, round=number, steps=steps, rate=real(0.06), own=own, values=party.initial)
    return encode_push(party.plan.layout, asked)


class Bench:
    """A gateway that stays, and a node that is switched off and on. path: of its flash, None for one that forgets."""

    def __init__(self, party: Party, image: Image, path: Path | None) -> None:
        self.party, self.image, self.path = party, image, path
        self.said: list[str] = []
        self.here, self.there = ends()
        self.ours = remote(party, self.here, self.said)
        self.here.other = self._turn
        self.there.other = lambda: self.ours.session._link._next() if self.here.inbox else None
        self.left = -1  # turns of the node until it is killed; -1 for never
        self.counters: list[int] = []
        self.switch_on()

    def switch_on(self) -> None:
        plan, profile = self.party.plan, self.party.profiles["nrf52840"]
        kept = None if self.path is None else kept_flash(self.path, slots_of(plan, profile), NODE)
        board = Board(self.image, profile, plan, NODE, KEY, flash=b"" if kept is None else kept.content)
        scenario = self.party.scenario
        self.node = board_node(scenario, drafted_once(self.party), NODE, board, self.there, self.said.append, kept)
        self.node._keep()
        link, sealed = self.node.link.send, self.counters

        def noted(frame: bytes) -> bool:
            sealed.append(unseal(KEY, BY_NODE, 0, frame)[1])
            return link(frame)

        self.node.link.send = noted  # type: ignore[method-assign]

    def _turn(self) -> None:
        """Whatever the node does while the gateway waits."""
        self.here.other = lambda: None
        self.node._take(self.node.link.receive())
        while self.left and self.node._turn() == 0:
            self.left -= 1
        if self.left == 0:  # the power goes, and comes again
            self.left = -1
            self.switch_on()
        self.here.other = self._turn


DRAFTS: dict[int, Drafted] = {}


def drafted_once(party: Party) -> Drafted:
    return DRAFTS.setdefault(id(party), drafted(party.scenario))


def remote(party: Party, channel: object, said: list[str]) -> RemoteNode:
    session = Session(Link(channel), KEY, iter(range(2, 1 << 20, 2)), ours=BY_SERVER, place="node 3", told=said.append)  # type: ignore[arg-type]
    return RemoteNode(
        session=session, layout=party.plan.layout, place="node 3", waits=60, told=said.append, leaving=Event()
    )  # fmt: skip


def test_a_node_that_was_killed_goes_on_from_its_flash(party: Party, image: Image, tmp_path: Path) -> None:
    bench = Bench(party, image, tmp_path / "node.flash")
    for number in (1, 2, 3):
        frame = push(party, number)
        assert bench.ours.answer(frame, 0) == party.clients[NODE].answer(frame, STEPS * (number - 1))
        bench.here.other()  # the acknowledgement arrives
        bench.switch_on()
    assert all(a < b for a, b in pairwise(bench.counters))


def test_without_its_flash_it_seals_with_counters_that_were_here_and_rounds_as_before(
    party: Party, image: Image
) -> None:
    bench = Bench(party, image, None)
    bench.ours.answer(push(party, 1), 0)
    bench.switch_on()
    frame = push(party, 2)
    said = bench.ours.answer(frame, 0)  # tried again until the counter is above the last one
    assert any("expected a counter above" in line for line in bench.said)
    assert len(set(bench.counters)) < len(bench.counters)
    assert said == party.clients[NODE].answer(frame, 0) != party.clients[NODE].answer(frame, STEPS)


@pytest.mark.parametrize("turns", range(1, STEPS + 3))
def test_a_node_that_is_killed_within_a_round_gives_the_same_update(
    party: Party, image: Image, tmp_path: Path, turns: int
) -> None:
    bench = Bench(party, image, tmp_path / "node.flash")
    bench.ours.answer(push(party, 1), 0)
    bench.here.other()
    bench.left = turns
    frame = push(party, 2)
    assert bench.ours.answer(frame, 0) == party.clients[NODE].answer(frame, STEPS)
    assert all(a < b for a, b in pairwise(bench.counters))


def test_a_file_of_another_size_or_node_is_refused(party: Party, image: Image, tmp_path: Path) -> None:
    path, slots = tmp_path / "node.flash", slots_of(party.plan, party.profiles["nrf52840"])
    Bench(party, image, path).ours.answer(push(party, 1), 0)
    with pytest.raises(InputError, match=r"expected the flash of node 4, got that of node 3; name a file for each"):
        kept_flash(path, slots, 4)
    path.write_bytes(path.read_bytes() + b"\0")
    size = slots.end - slots.first
    with pytest.raises(InputError, match=rf"expected {size:,} B of slots, .* got {size + 1:,}; name another"):
        kept_flash(path, slots, NODE)
    with pytest.raises(InputError, match=r"expected a file of flash, got .*; name another"):
        kept_flash(tmp_path, slots, NODE)


def test_a_file_that_cannot_be_written_stops_the_node_before_it_sends(
    party: Party, image: Image, tmp_path: Path
) -> None:
    bench = Bench(party, image, None)
    bench.node.kept = KeptFlash(tmp_path / "no folder" / "node.flash")
    with pytest.raises(CheckFailed, match="expected to write what the node must not forget, got"):
        bench.ours.answer(push(party, 1), 0)
    assert bench.counters == []


def test_a_new_file_is_not_there_until_something_is_to_be_remembered(party: Party, tmp_path: Path) -> None:
    slots = slots_of(party.plan, party.profiles["nrf52840"])
    kept = kept_flash(tmp_path / "node.flash", slots, NODE)
    assert kept.content == b""
    assert list(tmp_path.iterdir()) == []
    kept.keep(b"\xff" * (slots.end - slots.first))
    assert kept_flash(tmp_path / "node.flash", slots, NODE).content == kept.content


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`fleet node`, once it says that it is there; killed at the end, as if the machine had lost its power."""
    command = [sys.executable, "-m", "fleet", "node", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert " at udp:127.0.0.1:" in first, first + process.stdout.read()
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)
        process.stdout.close()


def test_the_command_goes_on_where_it_was_killed(party: Party, image: Image, tmp_path: Path) -> None:
    assert image.functions  # in the cache, so that the other process need not compile
    keys = tmp_path / "keys"
    keys.write_text(f"{NODE} {KEY.hex()}\n")
    keys.chmod(0o600)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    told = [str(scenarios_dir() / "quickstart.yaml"), "--node", str(NODE), "--at", f"udp:127.0.0.1:{port}"]
    told += ["--keys", str(keys), "--flash", str(tmp_path / "node.flash")]
    said: list[str] = []
    ours = remote(party, gateway_end("127.0.0.1", port), said)
    ours.waits = 4 * PATIENCE_S
    try:
        for number in (1, 2):
            frame = push(party, number)
            with running(*told):
                assert ours.answer(frame, 0) == party.clients[NODE].answer(frame, STEPS * (number - 1))
    finally:
        ours.close()
    assert said == []
