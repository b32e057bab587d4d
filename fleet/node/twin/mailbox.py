"""Firmware with the node runtime, driven as its board would be: bytes into a mailbox, a turn, bytes out.

The runtime takes part in rounds by itself; what drives it is radio, clock and sensor. The fields of the mailbox are
those of runtime/fe_mailbox.h.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import CheckFailed
from fleet.node.model.graph import Int8
from fleet.node.plan.plan import Plan
from fleet.node.plan.slots import slots_of
from fleet.node.profile import Profile
from fleet.node.protocol.signature import PUBLIC_BYTES, SIGNATURE_BYTES, is_signed
from fleet.node.twin.firmware import LOG, Firmware
from fleet.node.twin.image import Image
from fleet.node.twin.running import DESK
from fleet.node.wire.frames import HEAD, decode_push
from fleet.node.wire.messages import ACK, GET, VALUES, Message, ack, decode, encode, set_values, values_of

KEY_AT = DESK
SIGNER_AT = DESK + 32
LABEL_AT = DESK + 64
INBOX_AT = DESK + 128
ROUND, ROUND_STEPS = 32, 36  # of round and steps in fe_runtime: behind course (24), node and base (4 each); asked is 34


class Field(IntEnum):
    """Words of fe_mailbox, by their offsets."""

    INBOX = 0
    INBOX_BYTES = 4
    NODE = 8
    KEY = 12
    SIGNER = 16
    TIME_MS = 20
    RANDOM = 24
    WINDOWS = 28
    LABELS = 32
    WINDOW_COUNT = 40
    VERDICT = 44
    QUESTION = 48
    OUTBOX = 64
    OUTBOX_BYTES = 68
    SENT = 72
    ROUNDS_DONE = 80


class Board(Firmware):
    """A node with its runtime, just switched on. key: of sealed frames, or b"" for plain ones. signer: public key of
    whose models it takes, or b"" for nobody's: whoever emulates is its `verify_ed25519`. flash: of its slots, as
    another Board gave it; b"" as it comes from the factory."""

    def __init__(
        self, image: Image, profile: Profile, plan: Plan, node: int, key: bytes = b"", signer: bytes = b"",
        flash: bytes = b"",
    ) -> None:  # fmt: skip
        super().__init__(image, profile, plan, node)
        self._mail = image.object("fe_mail").address
        self._write(Field.NODE, node)
        self._write(Field.RANDOM, node)
        self._write(Field.KEY, KEY_AT if key else 0)
        self._core.write(KEY_AT, key)
        if signer:
            self._core.write(SIGNER_AT, signer)
            self._write(Field.SIGNER, SIGNER_AT)
            self._core.on("fe_mailbox_ask", self._verify)
        places = slots_of(plan, profile)
        self._flash = places.first, places.end - places.first
        self._core.write(places.first, flash or b"\xff" * self._flash[1])
        self._input_bytes = plan.graph.input.size
        self._call("fe_node_start")

    @property
    def flash(self) -> bytes:
        """The slots as they are now: what outlives the power."""
        return self._core.read(*self._flash)

    @property
    def rounds_done(self) -> int:
        """Rounds whose update the server has acknowledged: fe_app_round_done blinks the LED."""
        return self._read(Field.ROUNDS_DONE)

    @property
    def steps_in_round(self) -> int:
        """Steps made since the push."""
        return int.from_bytes(self._core.read(self._runtime + ROUND_STEPS, 2), "little")

    @property
    def round(self) -> int:
        """Number of the round that was pushed last."""
        return int.from_bytes(self._core.read(self._runtime + ROUND, 2), "little")

    def turn(self) -> tuple[int, bytes | None]:
        """For how many ms the node would sleep now (2^32 - 1: until a frame comes), and the frame it sent, if any."""
        before = self._read(Field.SENT)
        sleep_ms = self._core.call("fe_node_turn") & 0xFFFFFFFF
        if self._read(Field.SENT) == before:
            return sleep_ms, None
        return sleep_ms, self._core.read(self._read(Field.OUTBOX), self._read(Field.OUTBOX_BYTES))

    def hear(self, frame: bytes) -> None:
        """A frame comes: the next turn takes it."""
        self._core.write(INBOX_AT, frame)  # a longer one than fe_frame is dropped there
        self._write(Field.INBOX, INBOX_AT)
        self._write(Field.INBOX_BYTES, len(frame))

    def pass_time(self, ms: int) -> None:
        """The node's clock goes on."""
        self._write(Field.TIME_MS, (self._read(Field.TIME_MS) + ms) % 2**32)

    def sense(self, window: Int8, label: int, count: int) -> None:
        """What the next step trains on. count: windows that the node has."""
        at = self.steps_in_round % count
        self._core.write(LOG, window.tobytes())
        self._core.write(LABEL_AT, bytes([label]))
        self._write(Field.WINDOWS, (LOG - at * self._input_bytes) % 2**32)
        self._write(Field.LABELS, (LABEL_AT - at) % 2**32)
        self._write(Field.WINDOW_COUNT, count)

    def _verify(self) -> None:
        """Answers the question of fe_mailbox_verify."""
        signer, message, count, signature = (self._core.word(self._mail + Field.QUESTION + 4 * i) for i in range(4))
        sizes = ((signer, PUBLIC_BYTES), (message, count), (signature, SIGNATURE_BYTES))
        self._write(Field.VERDICT, int(is_signed(*(self._core.read(at, size) for at, size in sizes))))

    def _read(self, field: Field) -> int:
        return self._core.word(self._mail + field)

    def _write(self, field: Field, value: int) -> None:
        self._core.write(self._mail + field, value.to_bytes(4, "little"))


class RoundBoard(Board):
    """The same with plain frames, as the world drives it: each call does all turns that it takes."""

    def push(self, frame: bytes) -> None:
        """Opens a round. Rounds begin at 1 again in each line of a run: a set makes the node forget the last one."""
        push = decode_push(self.plan.layout, frame)
        self.set(push.values)
        self.hear(frame)
        if (said := self.turn()[1]) is not None:
            raise CheckFailed(f"{self}: expected it to take the push, got status {decode(said).status}")

    def train(self, windows: Int8, labels: NDArray[np.uint8], order: NDArray[np.int64]) -> None:
        """One step on windows[i] for each i in order, as many as the push asks for."""
        for i in order.tolist():
            self.sense(windows[i], int(labels[i]), len(labels))
            self.turn()

    def update(self, windows: int) -> bytes:
        """The update frame, which the server then has. windows: the node trains on."""
        self._write(Field.WINDOW_COUNT, windows)
        _, frame = self.turn()
        if frame is None:
            raise CheckFailed(f"{self}: expected an update frame, got none; push first")
        number, base = HEAD.unpack_from(frame)[5], HEAD.unpack_from(frame)[-1]
        before = self.rounds_done
        self.hear(encode(ack(node=self.node, number=number, base=base)))
        self.turn()
        if self.rounds_done != before + 1:
            raise CheckFailed(f"{self}: expected its round to be done, got none; see runtime/fe_turn.c")
        return frame

    @property
    def values(self) -> NDArray[np.int32]:
        """int32 [size]: the trained values, as the node answers a get."""
        return values_of(self.plan.layout, self._told(VALUES, encode(Message(kind=GET, node=self.node))))

    def set(self, values: NDArray[np.int32]) -> None:
        """Sets the trained values."""
        self._told(ACK, encode(set_values(self.plan.layout, values, node=self.node)))

    def _told(self, kind: int, frame: bytes) -> Message:
        self.hear(frame)
        _, said = self.turn()
        answer = None if said is None else decode(said)
        if answer is None or answer.kind != kind or (kind == ACK and answer.status != 0):
            raise CheckFailed(f"{self}: expected an answer of kind {kind}, got {answer}; see runtime/fe_turn.c")
        return answer
