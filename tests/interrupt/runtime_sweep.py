"""The node runtime in C through every power cut: flash operations, frames to it, frames from it, of three rounds and a
pushed model. What must hold is that of tests/node/engine/test_runtime_power.py; here frames are cut as well, strangers
try after every cut, and points are counted."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from fleet.base.rng import below, key
from fleet.node.export import export
from fleet.node.profile import load_profile
from fleet.node.protocol.signature import is_signed
from fleet.node.wire import messages
from fleet.node.wire.messages import Message
from tests.node.engine.device import Device, build_device
from tests.node.engine.fleet_of_one import (
    NODE,
    SIGNER,
    STEPS,
    Server,
    new_model,
    new_plan,
    offer_of,
    simulated_update,
    small_plan,
)  # fmt: skip

TORN = (0, 1, 17, 31, 4096, -1, -17, -31, -4000)
STRANGER = bytes(range(1, 33))


@dataclass
class Cutting(Device):
    """A device whose power may go with a frame. cut_frame: which, from 1; answered: after the node has dealt with it
    and before its answer is out, else before it hears it."""

    frames: int = 0
    cut_frame: int = 0
    answered: bool = False

    def give(self, frame: bytes) -> None:
        super().give(frame)
        self.frames += 1
        if self.frames == self.cut_frame and not self.answered:
            self.word("sim_dead", 1)

    def turn(self) -> tuple[int, bytes | None]:
        found = super().turn()
        if self.frames == self.cut_frame and self.answered:
            self.word("sim_dead", 1)
            self.cut_frame = 0
            return found[0], None
        return found


class Patient(Server):
    """A server whose question which model runs may meet a node without power."""

    def running_model(self) -> int:
        frame = self.device.answer(messages.encode(Message(kind=messages.GET, node=NODE)))
        assert frame is not None or self.device.is_dead
        return 0 if frame is None else messages.decode(frame).model


def device_for(board: str, folder: Path, *, spoiled: tuple[str, str, str] | None = None) -> Cutting:
    """A small plan's node of a board, over windows drawn for it. spoiled: a source of the runtime, a text in it and
    what stands there instead."""
    plan, profile = small_plan(), load_profile(board)
    project = export(plan, profile, out=folder / "project", name="node", runtime=True)
    if spoiled is not None:
        source = project / "runtime" / spoiled[0]
        text = source.read_text(encoding="utf-8")
        assert text.count(spoiled[1]) == 1
        source.write_text(text.replace(spoiled[1], spoiled[2]), encoding="utf-8")
    library = build_device(project, plan, profile, folder / "node.so")
    rng = np.random.default_rng(1)
    windows = rng.integers(-128, 128, (7, *plan.graph.input.shape)).astype(np.int8)
    device = Cutting(library, plan, profile, NODE, windows, rng.integers(0, 2, 7).astype(np.uint8))
    device.trust(SIGNER, is_signed)
    return device


@dataclass(frozen=True)
class Point:
    """Cuts one after the other, each counted from the start before: (operation, torn bytes). Or one with a frame."""

    operations: tuple[tuple[int, int], ...] = ()
    frame: int = 0
    answered: bool = False


@dataclass
class Clean:
    """A run without cuts: conditions of the node by how many updates the server had, updates, operations, frames."""

    states: set[tuple[int, tuple[int, bytes]]]
    updates: dict[int, bytes]
    operations: int
    frames: int


@dataclass
class Tally:
    """What a sweep saw."""

    points: int = 0
    cuts: int = 0
    strangers: int = 0
    failures: list[str] = field(default_factory=list)


def fresh(device: Cutting) -> Patient:
    """From the factory."""
    device.power_on()
    device.erase()
    device.frames = device.cut_frame = 0
    for name in ("sim_time_ms", "sim_operations", "sim_faults"):
        device.word(name, 0)
    assert device.start() == 0
    return Patient(device)


def clean_run(device: Cutting) -> Clean:
    server = fresh(device)
    states = {(0, device.condition)}
    device.watch(lambda: states.add((len(server.updates), device.condition)))
    assert server.run()
    device.watch(None)
    return Clean(states, server.updates, device.word("sim_operations"), device.frames)


def points(clean: Clean) -> Iterator[Point]:
    """Every operation with every way to tear it, every frame before and after, and threes of cuts."""
    for frame in range(1, clean.frames + 1):
        yield Point(frame=frame)
        yield Point(frame=frame, answered=True)
    for number in range(1, clean.operations + 1):
        for torn in TORN:
            yield Point(((number, torn),))
        drawn = [below(key(number, j), 0, 40) for j in range(4)]
        torn = TORN[drawn[2] % len(TORN)]
        yield Point(((number, torn), (1 + drawn[0], TORN[drawn[3] % len(TORN)]), (1 + drawn[1], torn)))


def try_point(device: Cutting, clean: Clean, point: Point) -> tuple[int, int]:
    """Plays one point to its end. AssertionError if a promise does not hold. Cuts that happened, offers refused."""
    server, cuts, strangers = fresh(device), 0, 0
    device.cut_frame, device.answered = point.frame, point.answered
    for operation, torn in point.operations or ((0, 0),):
        device.cut(operation, torn)
        if server.run():
            break
        cuts += 1
        device.power_on()
        assert device.start() == 0
        assert_old_or_new(device, clean, len(server.steps_used))
        strangers += assert_strangers_are_refused(device)
    else:
        assert server.run()
    assert_ended(device, clean, server)
    return cuts, strangers


def without_step(device: Device, condition: tuple[int, bytes]) -> tuple[int, bytes]:
    """A node that comes back to its old model goes on counting steps from where the new one was."""
    at = device.plan.state_bytes + device.plan.value_bytes + 16
    return condition[0], condition[1][:at] + condition[1][at + 4 :]


def assert_old_or_new(device: Device, clean: Clean, received: int) -> None:
    known = {c for had, c in clean.states if had >= min(received, 2) or c[0] == 1}
    assert without_step(device, device.condition) in {without_step(device, c) for c in known}, "a mix, or too old"


def assert_strangers_are_refused(device: Device) -> int:
    """Offers with another's signature, with none, changed, of a sequence that was there, of another plan. How many."""
    flash, number = device.flash, device.number
    good = offer_of(new_model(device.plan, 9, 1000))
    other_plan = replace(new_model(device.plan, 9, 1000), plan=1)
    offers: tuple[Message, ...] = (
        offer_of(new_model(device.plan, 9, 1000), secret=STRANGER),
        offer_of(new_plan(device.plan, 9, 1000), secret=STRANGER),
        replace(good, body=good.body[:64] + bytes(64)),
        replace(good, body=bytes([good.body[0] ^ 1]) + good.body[1:]),
        replace(good, body=good.body[:8] + b"\xff" + good.body[9:]),
        replace(good, body=good.body[:-1]),
        offer_of(new_model(device.plan, 9, 0)),
        offer_of(other_plan),
    )
    for offer in offers:
        sent = device.answer(messages.encode(offer))
        assert sent is not None
        assert messages.decode(sent).status < 0, "a stranger's offer was taken"
    assert (device.flash, device.number) == (flash, number), "a refused offer changed something"
    return len(offers)


def assert_ended(device: Device, clean: Clean, server: Server) -> None:
    """The server has every update, each on its own roundings, as the simulator makes them; the new model runs."""
    assert server.updates == {n: simulated_update(device, n, begun) for n, begun in server.begun.items()}
    assert sorted(server.begun) == [1, 2, 3]
    assert all(b - a >= STEPS for a, b in pairwise(server.steps_used)), server.steps_used
    assert device.number == 1
    assert device.word("sim_faults") == 0
    if server.steps_used == [0, STEPS, 2 * STEPS]:
        assert server.updates == clean.updates


def sweep(device: Cutting, *, every: int = 1) -> Tally:
    """All points, or one in `every`."""
    clean, tally = clean_run(device), Tally()
    for number, point in enumerate(points(clean)):
        if number % every:
            continue
        tally.points += 1
        try:
            cuts, strangers = try_point(device, clean, point)
        except AssertionError as error:
            tally.failures.append(f"{point}: {str(error)[:200]}")
            continue
        tally.cuts += cuts
        tally.strangers += strangers
    return tally
