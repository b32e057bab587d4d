"""Frames beside push and update: values set and asked for, acknowledgements, models in pieces. SPEC.md, "Frames"; the
same bytes as fe_message.c.

All have the head of frames.py, with no classes: its fourth byte is 0.
"""

import struct
from dataclasses import dataclass
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from fleet.node.model.scheme import Layout
from fleet.node.wire.frames import HEAD, MARK, VERSION, FrameError, base_of

SET, GET, VALUES, ACK, OFFER, PIECE = 3, 4, 5, 6, 7, 8
KINDS: Final = {SET: "set", GET: "get", VALUES: "values", ACK: "ack", OFFER: "offer", PIECE: "piece"}
SIGNATURE_BYTES: Final = 64
SLOT_HEAD_BYTES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A frame of any of these kinds. body: what lies between head and checksum.

    base: of a set or values, of these values; of an ack, of what is acknowledged; of an offer or a piece, the sequence
    of the model. windows: of an ack 0, or what was wrong as -fe_status.
    """

    kind: int
    node: int
    round: int = 0
    steps: int = 0
    windows: int = 0
    model: int = 0
    base: int = 0
    body: bytes = b""

    @property
    def status(self) -> int:
        """fe_status that an ack reports."""
        return -self.windows

    @property
    def done(self) -> int:
        """Bytes of an offered model that the node has, as its ack says."""
        return int.from_bytes(self.body, "little")


def encode(message: Message) -> bytes:
    """The bytes of a message."""
    m = message
    head = HEAD.pack(MARK, VERSION, m.kind, 0, m.node, m.round, m.steps, m.windows, m.model, m.base)
    return head + m.body + crc32(head + m.body).to_bytes(4, "little")


def decode(frame: bytes) -> Message:
    """Raises FrameError with what is wrong."""
    if len(frame) < HEAD.size + 4 or crc32(frame[:-4]) != int.from_bytes(frame[-4:], "little"):
        raise FrameError(f"frame of {len(frame)} bytes: expected a whole one with its CRC-32; send it again")
    mark, version, kind, own, node, number, steps, windows, model, base = HEAD.unpack_from(frame)
    if mark != MARK or version != VERSION or kind not in KINDS or own:
        raise FrameError(f"frame: expected a message of version {VERSION}, got kind {kind} of {version}")
    return Message(
        kind=kind, node=node, round=number, steps=steps, windows=windows, model=model, base=base,
        body=frame[HEAD.size : -4],
    )  # fmt: skip


def set_values(layout: Layout, values: NDArray[np.int32], *, node: int, model: int = 0) -> Message:
    """What makes a node take values and forget its round. values: int32 [size]."""
    body = packed(layout, values)
    return Message(kind=SET, node=node, model=model, base=base_of(layout, values), body=body)


def values_of(layout: Layout, message: Message) -> NDArray[np.int32]:
    """int32 [size]: what a set or a node's answer to a get holds. Raises FrameError for those of another plan."""
    if len(message.body) != layout.weights + 4 * layout.biases:
        raise FrameError(f"values: expected {layout.size} of this plan, got {len(message.body)} bytes; check the plan")
    weights = np.frombuffer(message.body, np.int8, layout.weights)
    biases = np.frombuffer(message.body, "<i4", layout.biases, layout.weights)
    values = np.concatenate([weights.astype(np.int32), biases.astype(np.int32)])
    if message.base != base_of(layout, values):
        raise FrameError("values: expected those that the head names, got others; ask again")
    return values


def packed(layout: Layout, values: NDArray[np.int32]) -> bytes:
    """s8 [weights], then s32 [biases]: values or deltas as frames and fe_client_get_values give them."""
    weights, biases = values[: layout.weights], values[layout.weights :]
    return weights.astype(np.int8).tobytes() + biases.astype("<i4").tobytes()


def ack(*, node: int, number: int, base: int, model: int = 0) -> Message:
    """The server's: it has the update of round `number`, made against this push."""
    return Message(kind=ACK, node=node, round=number, base=base, model=model, body=bytes(4))


def offer(description: bytes, signature: bytes, *, node: int) -> Message:
    """A model on offer. description: fields and digest of its slot, u8 [64] (slots.py). signature: Ed25519 of it."""
    if len(description) != SLOT_HEAD_BYTES or len(signature) != SIGNATURE_BYTES:
        raise FrameError("offer: expected 64 bytes of description and 64 of signature, got others; see slots.py")
    (sequence,) = struct.unpack_from("<I", description, 8)
    return Message(kind=OFFER, node=node, base=sequence, body=description + signature)


def piece(content: bytes, at: int, size_bytes: int, *, node: int, sequence: int) -> Message:
    """Bytes of an offered model from `at` on, at most so many."""
    body = at.to_bytes(4, "little") + content[at : at + size_bytes]
    return Message(kind=PIECE, node=node, base=sequence, body=body)
