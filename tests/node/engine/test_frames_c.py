"""Frames in C and in Python are the same bytes, and each side refuses what the other refuses."""

import ctypes as c
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.node.engine.binding import class_bits, library
from fleet.node.export.c_data import layout_fields
from fleet.node.model.fixed import Real
from fleet.node.model.scheme import Layout, Slice
from fleet.node.plan.state import state_bytes, state_size
from fleet.node.wire import frames
from fleet.node.wire.frames import FrameError, Push, Update

OK, BAD_FRAME, OTHER_FRAME, BAD_VALUES = 0, -5, -6, -7


class Head(c.Structure):
    _fields_ = [(name, c.c_uint32) for name in ("node", "base")] + [
        (name, c.c_uint16) for name in ("round", "steps", "windows")
    ]


class Pushed(c.Structure):
    _fields_ = [
        ("head", Head), ("mant", c.c_int32), ("exp", c.c_int32), ("own", c.c_void_p), ("values", c.c_void_p),
    ]  # fmt: skip


def c_layout(layout: Layout) -> c.Array:
    return (c.c_int32 * 6)(*layout_fields(layout))


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """Body slices before a head that trains whole, in part or not at all."""
    classes = draw(st.integers(2, 19))
    weights = draw(st.lists(st.integers(1, 40), max_size=2))
    biases = draw(st.lists(st.integers(1, 9), max_size=2))
    slices: list[Slice] = []
    head = draw(st.integers(0, 6)), draw(st.booleans())
    for kind, body in (("weight", weights), ("bias", biases)):
        shapes: list[tuple[str, tuple[int, ...]]] = [("body", (n,)) for n in body]
        if kind == "weight" and head[0]:
            shapes.append(("head", (classes, head[0])))
        if kind == "bias" and head[1]:
            shapes.append(("head", (classes,)))
        for op, shape in shapes:
            first = slices[-1].first + slices[-1].size if slices else 0
            slices.append(Slice(op=op, kind=kind, shape=shape, first=first))
    count = {kind: sum(s.size for s in slices if s.kind == kind) for kind in ("weight", "bias")}
    return Layout(slices=tuple(slices), weights=count["weight"], biases=count["bias"], head="head", classes=classes)


def values(layout: Layout, seed: int) -> NDArray[np.int32]:
    rng = np.random.default_rng(seed)
    weights, biases = rng.integers(-127, 128, layout.weights), rng.integers(-(2**30), 2**30, layout.biases)
    return np.concatenate([weights, biases]).astype(np.int32)


@st.composite
def pushes(draw: st.DrawFn) -> tuple[Layout, Push]:
    layout = draw(layouts())
    own = tuple(sorted(draw(st.sets(st.integers(0, layout.classes - 1)))))
    words, halves = st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1)
    return layout, Push(
        node=draw(words),
        round=draw(halves),
        steps=draw(halves),
        rate=Real(draw(st.integers(2**30, 2**31 - 1)), draw(st.integers(-31, 31))),
        own=own,
        values=values(layout, draw(words)),
    )


def read(layout: Layout, frame: bytes) -> tuple[int, Pushed, c.Array]:
    """Status, parts, and the buffer that the parts point into."""
    buffer = (c.c_uint8 * (len(frame) + 1)).from_buffer_copy(frame + b"\0")
    found = Pushed()
    return library().fe_read_push(c_layout(layout), buffer, len(frame), c.byref(found)), found, buffer


def python_refuses(layout: Layout, frame: bytes) -> bool:
    try:
        frames.decode_push(layout, frame)
    except FrameError:
        return True
    return False


@given(pushes())
def test_a_push_from_python_is_read_in_c(given_push: tuple[Layout, Push]) -> None:
    layout, push = given_push
    frame = frames.encode_push(layout, push)
    assert library().fe_push_bytes(c_layout(layout)) == len(frame) == frames.push_bytes(layout)
    status, found, _ = read(layout, frame)
    assert status == OK
    head = found.head
    assert (head.node, head.round, head.steps, head.windows) == (push.node, push.round, push.steps, 0)
    assert head.base == frames.base_of(layout, push.values)
    assert (found.mant, found.exp) == (push.rate.mant, push.rate.exp)
    assert c.string_at(found.own, -(-layout.classes // 8)) == class_bits(push.own, layout.classes).tobytes()
    state = (c.c_uint8 * max(1, state_size(layout)))(*b"\xff" * state_size(layout))
    library().fe_unpack_values(c_layout(layout), c.c_void_p(found.values), state)
    assert bytes(state)[: state_size(layout)] == state_bytes(layout, push.values)
    assert library().fe_check_values(c_layout(layout), c.c_void_p(found.values)) == OK


@given(pushes(), st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1), st.integers(0, 300))
def test_an_update_from_c_is_the_one_from_python(
    given_push: tuple[Layout, Push], seed: int, windows: int, reach: int
) -> None:
    layout, push = given_push
    trained = push.values.copy()
    trained[: layout.weights] += np.random.default_rng(seed).integers(-reach, reach + 1, layout.weights, np.int32)
    trained[: layout.weights] = np.clip(trained[: layout.weights], -127, 127)
    trained[layout.weights :] = values(layout, seed)[layout.weights :]
    deltas, clipped = frames.deltas_of(layout, trained, push.values)
    base = frames.base_of(layout, push.values)
    expected = frames.encode_update(layout, Update(
        node=push.node, round=push.round, steps=push.steps, windows=windows, base=base, own=push.own,
        clipped=clipped, deltas=deltas,
    ))  # fmt: skip
    head = Head(push.node, base, push.round, push.steps, windows)
    own = class_bits(push.own, layout.classes).tobytes()
    frame = (c.c_uint8 * frames.push_bytes(layout))()
    state, pushed = state_bytes(layout, trained), state_bytes(layout, push.values)
    length = library().fe_write_update(c_layout(layout), c.byref(head), own, state, pushed, frame)
    assert bytes(frame)[:length] == expected
    held = layout.held(push.own)
    assert (frames.decode_update(layout, expected).deltas == np.where(held, deltas, 0)).all()


@given(pushes(), st.data())
def test_both_refuse_a_frame_with_changed_bytes_even_if_its_crc_was_made_again(
    given_push: tuple[Layout, Push], data: st.DataObject
) -> None:
    layout, push = given_push
    frame = bytearray(frames.encode_push(layout, push))
    at = data.draw(st.integers(0, len(frame) - 5))
    frame[at] ^= data.draw(st.integers(1, 255))
    assert read(layout, bytes(frame))[0] == BAD_FRAME
    assert python_refuses(layout, bytes(frame))
    frame[-4:] = crc32(frame[:-4]).to_bytes(4, "little")
    assert (read(layout, bytes(frame))[0] != OK) == python_refuses(layout, bytes(frame))


@given(pushes(), st.data())
def test_both_refuse_a_frame_that_is_too_short_or_too_long(
    given_push: tuple[Layout, Push], data: st.DataObject
) -> None:
    layout, push = given_push
    body = frames.encode_push(layout, push)[:-4]
    cut = body[: data.draw(st.integers(0, len(body) - 1))]
    for changed in (cut, body + b"\0"):
        frame = changed + crc32(changed).to_bytes(4, "little")
        assert read(layout, frame)[0] in (BAD_FRAME, OTHER_FRAME, BAD_VALUES)
        assert python_refuses(layout, frame)


@given(pushes(), layouts())
def test_both_refuse_a_push_for_another_layout(given_push: tuple[Layout, Push], other: Layout) -> None:
    layout, push = given_push
    frame = frames.encode_push(layout, push)
    assert (read(other, frame)[0] != OK) == python_refuses(other, frame)


@given(st.binary(max_size=90), st.integers(0, 90))
def test_the_crc_is_that_of_zlib_in_one_go_or_two(content: bytes, cut: int) -> None:
    crc = library().fe_crc32
    crc.restype = c.c_uint32
    assert crc(0, content, len(content)) == crc32(content)
    assert crc(crc(0, content[:cut], len(content[:cut])), content[cut:], len(content[cut:])) == crc32(content)


@pytest.mark.parametrize(
    "weight, bias, status",
    [
        (-127, 2**30, OK),
        (127, -(2**30), OK),
        (-128, 0, BAD_VALUES),
        (0, 2**30 + 1, BAD_VALUES),
        (0, -(2**31), BAD_VALUES),
    ],
)
def test_values_beyond_what_the_sums_are_proved_for_are_refused(weight: int, bias: int, status: int) -> None:
    slices = (Slice(op="body", kind="weight", shape=(5,), first=0), Slice(op="body", kind="bias", shape=(2,), first=5))
    layout = Layout(slices=slices, weights=5, biases=2, head="head", classes=3)
    content = np.array([1, 2, 3, 4, weight], np.int8).tobytes() + np.array([7, bias], "<i4").tobytes()
    assert library().fe_check_values(c_layout(layout), content) == status
