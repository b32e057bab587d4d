"""A small node with the runtime, and the server of a fleet of one that keeps asking until it has what it wants."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from fleet.base.rng import Stream, key
from fleet.node.engine.binding import Course, Node
from fleet.node.export import export
from fleet.node.export.c_data import layout_fields
from fleet.node.model.fixed import real
from fleet.node.model.graph import Graph
from fleet.node.model.recipe import Recipe, Rule
from fleet.node.model.scheme import build_scheme, trained_values
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.slots import plan_id
from fleet.node.profile import load_profile
from fleet.node.protocol.signature import is_signed, public_key, sign
from fleet.node.wire import messages
from fleet.node.wire.frames import Push, Update, base_of, deltas_of, encode_push, encode_update
from fleet.node.wire.slots import NEW_MODEL, NEW_PLAN, Slot
from tests.node.engine.device import FOREVER, Device, build_device
from tests.node.model.nets import Builder

NODE, STEPS = 5, 4
BOARD = "nrf52840"
RECIPE = Recipe(rule=Rule.RESIDUAL8, batch=3, momentum=0.5)
SECRET = bytes(range(32))
SIGNER = public_key(SECRET)


def small_net(seed: int = 3) -> Graph:
    build = Builder(seed)
    x = build.conv(build.input((4, 4, 2)), 4, (3, 3), pad=(1, 1, 1, 1))
    return build.head(build.pool(x), 3)


def small_plan(seed: int = 3) -> Plan:
    graph = small_net(seed)
    return plan_of(graph, replace(build_scheme(graph, "full"), recipe=RECIPE))


def device_of(plan: Plan, folder: Path, *more: str, sizes: Mapping[str, int] = MappingProxyType({})) -> Device:
    """The plan's node over windows drawn for it. more: flags for the compiler. sizes: definitions of the project that
    its owner has changed."""
    profile = load_profile(BOARD)
    project = export(plan, profile, out=folder / "project", name="node", runtime=True)
    header = project / "data" / "fe_project.h"
    for name, size in sizes.items():
        text, times = re.subn(rf"(#define {name}) \d+\n", rf"\1 {size}\n", header.read_text(encoding="utf-8"))
        assert times == 1
        header.write_text(text, encoding="utf-8")
    library = build_device(project, plan, profile, folder / "node.so", *more)
    rng = np.random.default_rng(1)
    windows = rng.integers(-128, 128, (7, *plan.graph.input.shape)).astype(np.int8)
    labels = rng.integers(0, 2, 7).astype(np.uint8)
    device = Device(library, plan, profile, NODE, windows, labels)
    device.trust(SIGNER, is_signed)
    return device


def values_of_round(plan: Plan, number: int) -> NDArray[np.int32]:
    """What a server could push in a round."""
    values = trained_values(plan.graph, plan.layout)
    moved = np.random.default_rng(number).integers(-9, 10, plan.layout.size).astype(np.int32)
    return np.concatenate(
        [np.clip(values + moved, -127, 127)[: plan.layout.weights], (values + moved)[plan.layout.weights :]]
    )


def push_frame(plan: Plan, number: int, *, model: int = 0, steps: int = STEPS, node: int = NODE) -> bytes:
    push = Push(
        node=node,
        round=number,
        steps=steps,
        rate=real(0.05),
        own=(0, 1),
        values=values_of_round(plan, number),
        model=model,
    )
    return encode_push(plan.layout, push)


def ack_frame(plan: Plan, number: int, *, model: int = 0) -> bytes:
    base = base_of(plan.layout, values_of_round(plan, number))
    return messages.encode(messages.ack(node=NODE, number=number, base=base, model=model))


def new_model(plan: Plan, number: int, sequence: int) -> Slot:
    """Another model for the same plan: the same network with other weights."""
    other = small_plan(17)
    assert len(other.model) == len(plan.model)
    return Slot(kind=NEW_MODEL, number=number, sequence=sequence, plan=plan_id(plan), content=other.model)


def new_plan(plan: Plan, number: int, sequence: int, *, model: bytes | None = None) -> Slot:
    """Another plan with its model. model: other bytes than those that the plan was made for."""
    fields = np.array([*layout_fields(plan.layout), len(plan.content) // 4], "<i4")
    content = fields.tobytes() + plan.content + (plan.model if model is None else model)
    return Slot(kind=NEW_PLAN, number=number, sequence=sequence, plan=plan_id(plan), content=content)


def told(device: Device, message: messages.Message) -> messages.Message:
    """What the node says to a message."""
    sent = device.answer(messages.encode(message))
    assert sent is not None
    return messages.decode(sent)


def delivered(device: Device, slot: Slot) -> None:
    """Offered and sent, every piece of it."""
    assert told(device, offer_of(slot)).status == 0
    for at in range(0, len(slot.content), 96):
        piece = messages.piece(slot.content, at, 96, node=NODE, sequence=slot.sequence)
        assert told(device, piece).status == 0


def restart(device: Device) -> None:
    """The power was gone."""
    device.power_on()
    assert device.start() == 0


def offer_of(slot: Slot, *, secret: bytes = SECRET) -> messages.Message:
    """A slot on offer, signed."""
    return messages.offer(slot.description, sign(secret, slot.description), node=NODE)


@dataclass
class Server:
    """Wants rounds 1 and 2 of the image's model, then model 1 on the node, then round 3 of it. Asks again whenever the
    node has restarted; a model that was rejected is offered under a higher sequence.

    updates: by round. begun: the node's step at which the training of each began; steps_used: of all that ever came.
    """

    device: Device
    updates: dict[int, bytes] = field(default_factory=dict)
    begun: dict[int, int] = field(default_factory=dict)
    steps_used: list[int] = field(default_factory=list)
    sequence: int = 0
    turns: int = 0
    _slots: dict[int, Slot] = field(default_factory=dict)

    def run(self) -> bool:
        """Until all is done, True, or the node has lost its power."""
        steps = (lambda: self._round(1, 0), lambda: self._round(2, 0), self._model, lambda: self._round(3, 1))
        return all(step() for step in steps)

    def _round(self, number: int, model: int) -> bool:
        if number in self.updates:
            return self._settle()
        sent = self.device.answer(push_frame(self.device.plan, number, model=model))
        while not self.device.is_dead and not (sent is not None and is_update(sent, number)):
            _, sent = self._turn()
        if sent is None or self.device.is_dead:
            return False
        self.updates[number], self.begun[number] = sent, self.device.step - STEPS
        self.steps_used.append(self.begun[number])
        self.device.give(ack_frame(self.device.plan, number, model=model))
        self._turn()
        return not self.device.is_dead

    def _turn(self) -> tuple[int, bytes | None]:
        self.turns += 1
        assert self.turns < 2000
        wait, sent = self.device.turn()
        if wait:
            self.device.word("sim_time_ms", (self.device.word("sim_time_ms") + min(wait, 10**6)) % 2**32)
        return wait, sent

    def running_model(self) -> int:
        """The number of the model that the node runs, as it tells when asked for its values."""
        frame = self.device.answer(messages.encode(messages.Message(kind=messages.GET, node=NODE)))
        assert frame is not None
        return messages.decode(frame).model

    def _settle(self) -> bool:
        """Turns until the node waits for us; an update that came before is acknowledged again."""
        wait = 0
        while wait != FOREVER and not self.device.is_dead:
            wait, sent = self._turn()
            if sent is not None and sent in self.updates.values():
                number = int.from_bytes(sent[8:10], "little")
                self.device.give(ack_frame(self.device.plan, number, model=int.from_bytes(sent[14:16], "little")))
        return not self.device.is_dead

    def _model(self) -> bool:
        if not self._settle():
            return False
        if self.running_model() == 1:
            return True
        self.updates.pop(3, None)
        self.sequence += 1
        slot = self._slots.setdefault(self.sequence, new_model(self.device.plan, 1, self.sequence))
        frames = [offer_of(slot)]
        frames += [
            messages.piece(slot.content, at, 96, node=NODE, sequence=self.sequence)
            for at in range(0, len(slot.content), 96)
        ]
        for message in frames:
            sent = self.device.answer(messages.encode(message))
            if self.device.is_dead:
                return False
            assert sent is not None
            if messages.decode(sent).status:  # a sequence that was there before
                break
        return self._model()


def is_update(frame: bytes, number: int) -> bool:
    return frame[2] == 2 and int.from_bytes(frame[8:10], "little") == number


def simulated_update(device: Device, number: int, begun: int) -> bytes:
    """The update of a round as the simulator makes it. begun: the node's step at its begin."""
    model = int(number == 3)
    plan = small_plan(17) if model else device.plan
    node, pushed = Node(plan), values_of_round(device.plan, number)
    node.values = pushed
    course = Course(key=key(0, Stream.UPDATE, NODE), rate=real(0.05), own=(0, 1), step=begun)
    node.train(device.windows, device.labels, np.arange(STEPS), course)
    deltas, clipped = deltas_of(plan.layout, node.values, pushed)
    return encode_update(device.plan.layout, Update(
        node=NODE, round=number, steps=STEPS, windows=len(device.labels), base=base_of(plan.layout, pushed),
        own=(0, 1), clipped=clipped, deltas=deltas, model=model,
    ))  # fmt: skip
