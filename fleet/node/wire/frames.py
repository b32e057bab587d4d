"""Frames between server and node, little-endian, the same bytes as fe_frame.c. SPEC.md, section "Frames".

Push:   head | rate mant s32, exp s32 | own bits | int8 weights | int32 biases | CRC-32
Update: head | clipped u32            | own bits | int8 weight deltas held | int32 bias deltas held | CRC-32
Head:   'F' | version u8 | kind u8 | own bytes u8 | node u32 | round, steps, windows, model u16 | base u32
base: CRC-32 of the pushed values as they lie in the state; an update names the push it was made against.
model: number of the model that values belong to, 0 for that of the firmware's image.
A delta is value minus pushed value; weight deltas beyond +-127 are clipped and counted.
"""

import struct
from collections.abc import Collection
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import FleetError
from fleet.node.model.fixed import Real
from fleet.node.model.scheme import Layout
from fleet.node.plan.state import state_bytes

VERSION = 1
PUSH, UPDATE = 1, 2
HEAD = struct.Struct("<cBBBIHHHHI")
MARK = b"F"
DELTA_LIMIT = 127


class FrameError(FleetError):
    """Bytes that are not a frame of ours, or not whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What the server sends to open a round. values: int32 [size]. own: classes of the softmax. rate: of the round."""

    node: int
    round: int
    steps: int
    rate: Real
    own: tuple[int, ...]
    values: NDArray[np.int32]
    model: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What a node answers. deltas: int32 [size], 0 where not held. clipped: weight deltas cut at +-127."""

    node: int
    round: int
    steps: int
    windows: int
    base: int
    own: tuple[int, ...]
    clipped: int
    deltas: NDArray[np.int32]
    model: int = 0


def base_of(layout: Layout, values: NDArray[np.int32]) -> int:
    """CRC-32 of pushed values, as node and server name a push."""
    return crc32(state_bytes(layout, values))


def deltas_of(layout: Layout, values: NDArray[np.int32], pushed: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    """values - pushed with weights clipped to +-127, and how many were clipped."""
    deltas = values - pushed
    clipped = np.clip(deltas[: layout.weights], -DELTA_LIMIT, DELTA_LIMIT)
    count = int((clipped != deltas[: layout.weights]).sum())
    return np.concatenate([clipped, deltas[layout.weights :]]), count


def encode_push(layout: Layout, push: Push) -> bytes:
    """The bytes of a push."""
    own = _class_bytes(layout, push.own)
    base = base_of(layout, push.values)
    head = HEAD.pack(MARK, VERSION, PUSH, len(own), push.node, push.round, push.steps, 0, push.model, base)
    rate = struct.pack("<ii", push.rate.mant, push.rate.exp)
    return _closed(head + rate + own + _packed(layout, push.values, np.ones(layout.size, dtype=np.bool_)))


def encode_update(layout: Layout, update: Update) -> bytes:
    """The bytes of an update; head columns of classes outside own are left out."""
    own = _class_bytes(layout, update.own)
    head = HEAD.pack(
        MARK,
        VERSION,
        UPDATE,
        len(own),
        update.node,
        update.round,
        update.steps,
        update.windows,
        update.model,
        update.base,
    )
    clipped = struct.pack("<I", update.clipped)
    return _closed(head + clipped + own + _packed(layout, update.deltas, layout.held(update.own)))


def decode_push(layout: Layout, frame: bytes) -> Push:
    """Raises FrameError with what is wrong."""
    fields, body = _opened(frame, PUSH, 8)
    rate = Real(*struct.unpack_from("<ii", body))
    own = _classes(layout, body[8 : 8 + fields.own_bytes])
    values = _unpacked(layout, body[8 + fields.own_bytes :], np.ones(layout.size, dtype=np.bool_))
    if fields.base != base_of(layout, values):
        raise FrameError("push: expected values of the named base, got others; send it again")
    return Push(
        node=fields.node, round=fields.round, steps=fields.steps, rate=rate, own=own, values=values,
        model=fields.model,
    )  # fmt: skip


def decode_update(layout: Layout, frame: bytes) -> Update:
    """Raises FrameError with what is wrong."""
    fields, body = _opened(frame, UPDATE, 4)
    own = _classes(layout, body[4 : 4 + fields.own_bytes])
    deltas = _unpacked(layout, body[4 + fields.own_bytes :], layout.held(own))
    (clipped,) = struct.unpack_from("<I", body)
    return Update(
        node=fields.node,
        round=fields.round,
        steps=fields.steps,
        windows=fields.windows,
        base=fields.base,
        model=fields.model,
        own=own,
        clipped=clipped,
        deltas=deltas,
    )


def push_bytes(layout: Layout) -> int:
    """Length of any push frame of a layout."""
    return HEAD.size + 8 + -(-layout.classes // 8) + layout.weights + 4 * layout.biases + 4


def most_update_bytes(layout: Layout) -> int:
    """Length of the update of a node with every class: the head of a push is followed by 8 bytes, of an update by 4."""
    return push_bytes(layout) - 4


@dataclass(frozen=True, slots=True)
class _Head:
    own_bytes: int
    node: int
    round: int
    steps: int
    windows: int
    model: int
    base: int


def _opened(frame: bytes, kind: int, fixed_bytes: int) -> tuple[_Head, bytes]:
    if len(frame) < HEAD.size + 4 or crc32(frame[:-4]) != int.from_bytes(frame[-4:], "little"):
        raise FrameError(
            f"frame of {len(frame)} bytes: expected a whole frame with its CRC-32, got a damaged one; send it again"
        )
    mark, version, got, own_bytes, node, number, steps, windows, model, base = HEAD.unpack_from(frame)
    if mark != MARK or version != VERSION or got != kind:
        raise FrameError(f"frame: expected kind {kind} of version {VERSION}, got {got} of {version}; update the sender")
    body = frame[HEAD.size : -4]
    if len(body) < fixed_bytes + own_bytes:
        raise FrameError(
            f"frame: expected {fixed_bytes + own_bytes} bytes after its head, got {len(body)}; send it again"
        )
    return _Head(own_bytes, node, number, steps, windows, model, base), body


def _closed(content: bytes) -> bytes:
    return content + crc32(content).to_bytes(4, "little")


def _packed(layout: Layout, values: NDArray[np.int32], held: NDArray[np.bool_]) -> bytes:
    weights, biases = values[: layout.weights], values[layout.weights :]
    return (
        weights[held[: layout.weights]].astype(np.int8).tobytes()
        + biases[held[layout.weights :]].astype("<i4").tobytes()
    )


def _unpacked(layout: Layout, body: bytes, held: NDArray[np.bool_]) -> NDArray[np.int32]:
    weights = int(held[: layout.weights].sum())
    biases = int(held[layout.weights :].sum())
    if len(body) != weights + 4 * biases:
        raise FrameError(
            f"frame: expected {weights} weights and {biases} biases, got {len(body)} bytes; check the plan"
        )
    values = np.zeros(layout.size, dtype=np.int32)
    values[: layout.weights][held[: layout.weights]] = np.frombuffer(body, dtype=np.int8, count=weights)
    values[layout.weights :][held[layout.weights :]] = np.frombuffer(body, dtype="<i4", offset=weights)
    return values


def _class_bytes(layout: Layout, classes: Collection[int]) -> bytes:
    bits = 0
    for label in classes:
        bits |= 1 << label
    return bits.to_bytes(-(-layout.classes // 8), "little")


def _classes(layout: Layout, content: bytes) -> tuple[int, ...]:
    if len(content) != -(-layout.classes // 8):
        raise FrameError(f"frame: expected {layout.classes} classes, got {8 * len(content)} bits; check the plan")
    bits = int.from_bytes(content, "little")
    classes = tuple(label for label in range(8 * len(content)) if bits >> label & 1)
    if classes and classes[-1] >= layout.classes:
        raise FrameError(f"frame: expected classes below {layout.classes}, got {classes[-1]}; check the plan")
    return classes
