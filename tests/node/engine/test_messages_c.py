"""Frames beside push and update: C and Python make and read the same bytes, and each refuses what the other refuses."""

import ctypes as c
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.node.engine.binding import library
from fleet.node.model.scheme import Layout
from fleet.node.plan.state import state_bytes
from fleet.node.wire import messages
from fleet.node.wire.frames import FrameError
from fleet.node.wire.messages import Message, decode, encode, packed, set_values, values_of
from tests.node.engine.test_frames_c import Head, c_layout, layouts, values

U16, U32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
OK, BAD_FRAME, OTHER_FRAME, BAD_VALUES = 0, -5, -6, -7


class FullHead(c.Structure):
    _fields_ = [(name, c.c_uint32) for name in ("node", "base")] + [
        (name, c.c_uint16) for name in ("round", "steps", "windows", "model")
    ]


class Read(c.Structure):
    _fields_ = [
        ("kind", c.c_uint8), ("own", c.c_uint8), ("head", FullHead), ("body", c.c_void_p), ("body_bytes", c.c_uint32),
    ]  # fmt: skip


@st.composite
def any_message(draw: st.DrawFn) -> Message:
    return Message(
        kind=draw(st.sampled_from(sorted(messages.KINDS))), node=draw(U32), round=draw(U16), steps=draw(U16),
        windows=draw(U16), model=draw(U16), base=draw(U32), body=draw(st.binary(max_size=50)),
    )  # fmt: skip


def read(frame: bytes) -> tuple[int, Read, c.Array]:
    buffer = (c.c_uint8 * max(1, len(frame)))(*frame)
    found = Read()
    return library().fe_read_message(buffer, len(frame), c.byref(found)), found, buffer


@given(any_message())
def test_a_message_from_python_is_read_in_c(message: Message) -> None:
    frame = encode(message)
    status, found, _ = read(frame)
    assert status == OK
    assert decode(frame) == message
    head = found.head
    assert (found.kind, found.own, head.node, head.base) == (message.kind, 0, message.node, message.base)
    assert (head.round, head.steps, head.windows, head.model) == (
        message.round, message.steps, message.windows, message.model,
    )  # fmt: skip
    assert c.string_at(found.body, found.body_bytes) == message.body


@given(layouts(), U32, U32, U16)
def test_values_from_c_are_those_of_python(layout: Layout, seed: int, node: int, model: int) -> None:
    held = values(layout, seed)
    size = 20 + layout.weights + 4 * layout.biases + 4
    frame = (c.c_uint8 * size)()
    head = FullHead(node=node, base=0, round=3, steps=4, windows=5, model=model)
    assert library().fe_write_values(c_layout(layout), c.byref(head), state_bytes(layout, held), frame) == size
    message = decode(bytes(frame))
    assert (message.kind, message.node, message.round, message.model) == (messages.VALUES, node, 3, model)
    assert (values_of(layout, message) == held).all()
    as_set = set_values(layout, held, node=node, model=model)
    assert (as_set.base, as_set.body) == (message.base, packed(layout, held))


@given(U32, U32, U16, U16, U32)
def test_an_acknowledgement_from_c_is_that_of_python(
    node: int, base: int, number: int, windows: int, done: int
) -> None:
    frame = (c.c_uint8 * 28)()
    head = FullHead(node=node, base=base, round=number, steps=0, windows=windows, model=9)
    assert library().fe_write_ack(c.byref(head), done, frame) == 28
    expected = Message(
        kind=messages.ACK, node=node, round=number, windows=windows, model=9, base=base, body=done.to_bytes(4, "little")
    )
    assert bytes(frame) == encode(expected)
    assert (decode(bytes(frame)).done, decode(bytes(frame)).status) == (done, -windows)


def check_set(layout: Layout, frame: bytes) -> int:
    status, found, _buffer = read(frame)
    return status or library().fe_check_set(c_layout(layout), c.byref(found))


@given(layouts(), layouts(), U32, st.data())
def test_both_refuse_a_set_of_another_layout_or_of_changed_values(
    layout: Layout, other: Layout, seed: int, data: st.DataObject
) -> None:
    frame = encode(set_values(layout, values(layout, seed), node=1))
    assert check_set(layout, frame) == OK
    changed = bytearray(frame)
    changed[data.draw(st.integers(16, len(frame) - 5))] ^= data.draw(st.integers(1, 255))
    changed[-4:] = crc32(changed[:-4]).to_bytes(4, "little")
    for theirs, content in ((other, frame), (layout, bytes(changed))):
        refused = check_set(theirs, content) != OK
        try:
            values_of(theirs, decode(content))
        except FrameError:
            assert refused
        else:
            assert not refused


def test_a_set_of_values_that_no_sum_is_proved_for_is_refused() -> None:
    layout = Layout(slices=(), weights=1, biases=1, head="head", classes=2)
    for weight, bias, status in ((1, 2, OK), (-128, 2, BAD_VALUES), (1, 2**30 + 1, BAD_VALUES)):
        message = set_values(layout, np.array([weight, bias], np.int32), node=1)
        assert check_set(layout, encode(message)) == status


@given(st.binary(max_size=60))
def test_no_bytes_do_more_than_be_refused(content: bytes) -> None:
    assert read(content)[0] in (OK, BAD_FRAME, OTHER_FRAME)
    sealed = content + crc32(content).to_bytes(4, "little")
    status = read(sealed)[0]
    assert status in (OK, BAD_FRAME, OTHER_FRAME)
    try:
        decode(sealed)
    except FrameError:
        return
    assert status == OK


def test_a_head_of_version_1_without_a_model_is_one_of_model_0() -> None:
    assert c.sizeof(Head) == c.sizeof(FullHead) == 16
    with pytest.raises(FrameError, match="expected a message of version 1, got kind 1 of 1"):
        decode(encode(Message(kind=1, node=0)))
