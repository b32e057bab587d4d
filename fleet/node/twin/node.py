"""A node of the fleet that is emulated firmware: a Backend whose every answer is held against the engine's."""

from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import CheckFailed
from fleet.node.backend import Backend, Work
from fleet.node.model.graph import Int8
from fleet.node.plan.plan import Plan
from fleet.node.profile import Profile
from fleet.node.twin.firmware import Firmware
from fleet.node.twin.image import Image
from fleet.node.twin.mailbox import RoundBoard
from fleet.node.twin.round import first_difference
from fleet.node.wire.frames import Push, decode_update, encode_push

MOST_STEPS = 2**16 - 1  # a push counts steps in 16 bits


@dataclass(slots=True, kw_only=True)
class EmulatedNode:
    """What the firmware computes is the answer; CheckFailed, with the first value, where `beside` says otherwise.

    image: as firmware_image makes it; one with the runtime takes part in rounds by itself, frames in and frames out,
    else fe_client_* are called. beside: computes the same in the simulator's engine. The core is started by the
    first call and keeps running; a node that is handed another count of steps has been reset, as a resumed run does.
    """

    image: Image
    profile: Profile
    node: int
    beside: Backend
    _firmware: Firmware | None = field(default=None, init=False)
    _busy: Lock = field(default_factory=Lock, init=False)

    @property
    def plan(self) -> Plan:
        """What the node runs."""
        return self.beside.plan

    def answer(self, push: bytes, work: Work) -> bytes:
        """The update frame to a push frame, both as they are on the air."""
        with self._busy:
            frame = self._trained(push, work).update(work.labels.size)
        expected = self.beside.answer(push, work)
        if frame != expected:
            layout = self.plan.layout
            ours, theirs = decode_update(layout, expected), decode_update(layout, frame)
            said = first_difference(layout, ours.deltas, theirs.deltas) or "the frame's head differs"
            raise CheckFailed(f"emulated node {self.node}, update of round {ours.round}: {said}{_REMEDY}")
        return frame

    def train(self, work: Work) -> NDArray[np.int32]:
        """int32 [size]: the trained values after the work, read from the node's state."""
        with self._busy:
            firmware = self._trained(self._push(work), work)
            firmware.update(work.labels.size)  # closes the last batch
            values = firmware.values
        if said := first_difference(self.plan.layout, self.beside.train(work), values):
            raise CheckFailed(f"emulated node {self.node}, after {work.order.size} steps: {said}{_REMEDY}")
        return values

    def logits(self, values: NDArray[np.int32], windows: Int8) -> NDArray[np.int16]:
        """int16 [n, classes] of a model with these trained values, which the node is given first."""
        with self._busy:
            firmware = self._running()
            firmware.set(values)
            said = firmware.logits(windows)
        if not np.array_equal(said, expected := self.beside.logits(values, windows)):
            window, label = (int(i) for i in np.argwhere(said != expected)[0])
            text = f"expected {expected[window, label]}, got {said[window, label]}"
            raise CheckFailed(f"emulated node {self.node}, logit {label} of window {window}: {text}{_REMEDY}")
        return said

    def _trained(self, push: bytes, work: Work) -> Firmware:
        firmware = self._running()
        firmware.steps_made = work.first_step
        firmware.push(push)
        firmware.train(work.windows, work.labels, work.order)
        return firmware

    def _push(self, work: Work) -> bytes:
        """The frame of work that came without one."""
        own = tuple(sorted(work.own))
        push = Push(node=self.node, round=0, steps=work.order.size, rate=work.rate, own=own, values=work.values)
        return encode_push(self.plan.layout, push)

    def _running(self) -> Firmware:
        if self._firmware is None:
            kind = RoundBoard if "fe_node_turn" in self.image.functions else Firmware
            self._firmware = kind(self.image, self.profile, self.plan, self.node)
        return self._firmware


_REMEDY = "; `fleet export` this scenario for the board and `fleet verify` it"
