"""Frames: what goes in comes out, and nothing damaged or foreign gets in."""

from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.node.model.fixed import Real, real
from fleet.node.model.scheme import Layout, build_scheme, layout_of, trained_values
from fleet.node.wire.frames import (
    HEAD,
    FrameError,
    Push,
    Update,
    base_of,
    decode_push,
    decode_update,
    deltas_of,
    encode_push,
    encode_update,
    most_update_bytes,
    push_bytes,
)
from tests.node.model.nets import Builder, graphs, imu_net, schemes

NET = imu_net()
SPARSE = layout_of(NET, build_scheme(NET, "sparse"))
HEAD_ONLY = layout_of(NET, build_scheme(NET, "head"))
VALUES = trained_values(NET, SPARSE)
GOLDEN_PUSH = "4601010102010000030040000000000010371c1d00000040fdffffff0501fe03fc058100010000ffffffff0000004055ed3dc8"
GOLDEN_UPDATE = "4601020102010000030040005a00000010371c1d010000000501ff7f8101000000feffffff70e9204b"
PUSH = Push(node=3, round=2, steps=64, rate=real(0.06), own=(0, 1, 4), values=VALUES)


def update_of(layout: Layout, own: tuple[int, ...], seed: int = 0) -> Update:
    """An update with some delta in every held place."""
    rng = np.random.default_rng(seed)
    deltas = rng.integers(-127, 128, layout.size).astype(np.int32)
    deltas[layout.weights :] = rng.integers(-(2**31), 2**31, layout.biases)
    deltas[~layout.held(own)] = 0
    return Update(node=9, round=7, steps=64, windows=93, base=0xDEADBEEF, own=own, clipped=5, deltas=deltas)


def resealed(frame: bytes) -> bytes:
    """The frame with a checksum that fits its content."""
    return frame[:-4] + crc32(frame[:-4]).to_bytes(4, "little")


def same(a: Push | Update, b: Push | Update) -> bool:
    """Equality, field by field; arrays by content."""
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in type(a).__dataclass_fields__)


@given(
    node=st.integers(0, 2**32 - 1),
    number=st.integers(0, 2**16 - 1),
    steps=st.integers(0, 2**16 - 1),
    rate=st.floats(1e-6, 1e3),
    own=st.sets(st.integers(0, 6)),
)
def test_a_push_comes_back_as_it_was_sent(node: int, number: int, steps: int, rate: float, own: set[int]) -> None:
    push = Push(node=node, round=number, steps=steps, rate=real(rate), own=tuple(sorted(own)), values=VALUES)
    frame = encode_push(SPARSE, push)
    assert same(decode_push(SPARSE, frame), push)
    assert len(frame) == push_bytes(SPARSE)


@given(own=st.sets(st.integers(0, 6), min_size=1), seed=st.integers(0, 2**20))
def test_an_update_comes_back_as_it_was_sent(own: set[int], seed: int) -> None:
    update = update_of(SPARSE, tuple(sorted(own)), seed)
    assert same(decode_update(SPARSE, encode_update(SPARSE, update)), update)


@given(data=st.data())
def test_frames_of_any_scheme_come_back(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    layout = layout_of(graph, data.draw(schemes(graph)))
    own = tuple(sorted(data.draw(st.sets(st.integers(0, graph.classes - 1), min_size=1))))
    push = replace(PUSH, own=own, values=trained_values(graph, layout))
    assert same(decode_push(layout, encode_push(layout, push)), push)
    update = update_of(layout, own)
    assert same(decode_update(layout, encode_update(layout, update)), update)


def test_the_payload_of_the_quickstart_is_4412_bytes_with_all_classes_and_4212_with_five() -> None:
    """Beside it: 20 bytes of head, 4 of clip count, 1 of classes, 4 of checksum; a push has 8 of rate instead of 4."""
    assert HEAD.size == 20
    assert len(encode_update(SPARSE, update_of(SPARSE, tuple(range(7))))) == 4_412 + 29
    assert len(encode_update(SPARSE, update_of(SPARSE, (0, 1, 2, 3, 4)))) == 4_212 + 29
    assert push_bytes(SPARSE) == 4_412 + 33


def test_the_bytes_of_a_small_push_and_its_answer_are_the_golden_ones() -> None:
    """SPEC.md shows them, byte by byte."""
    build = Builder(1)
    graph = build.head(build.input((1, 1, 2)), 3)
    layout = layout_of(graph, build_scheme(graph, "head"))
    values = np.array([1, -2, 3, -4, 5, -127, 256, -1, 2**30], dtype=np.int32)
    push = Push(node=258, round=3, steps=64, rate=Real(2**30, -3), own=(0, 2), values=values)
    assert encode_push(layout, push).hex() == GOLDEN_PUSH
    deltas = np.array([1, -1, 0, 0, 127, -127, 1, 0, -2], dtype=np.int32)
    base = base_of(layout, values)
    update = Update(node=258, round=3, steps=64, windows=90, base=base, own=(0, 2), clipped=1, deltas=deltas)
    assert encode_update(layout, update).hex() == GOLDEN_UPDATE


def test_every_flipped_bit_is_noticed() -> None:
    build = Builder(1)
    graph = build.head(build.input((1, 1, 8)), 3)
    layout = layout_of(graph, build_scheme(graph, "head"))
    push = encode_push(layout, replace(PUSH, own=(0, 1), values=trained_values(graph, layout)))
    update = encode_update(layout, update_of(layout, (0, 1)))
    for frame, decode in ((push, decode_push), (update, decode_update)):
        for bit in range(8 * len(frame)):
            damaged = bytearray(frame)
            damaged[bit // 8] ^= 1 << bit % 8
            with pytest.raises(FrameError, match="got a damaged one"):
                decode(layout, bytes(damaged))


def test_every_flipped_byte_of_a_real_frame_is_noticed() -> None:
    frame = encode_push(SPARSE, PUSH)
    for place in range(0, len(frame), 7):
        damaged = frame[:place] + bytes([frame[place] ^ 0xFF]) + frame[place + 1 :]
        with pytest.raises(FrameError, match="got a damaged one"):
            decode_push(SPARSE, damaged)


@given(length=st.integers(0, len(encode_push(SPARSE, PUSH)) - 1))
def test_a_frame_cut_short_is_noticed(length: int) -> None:
    with pytest.raises(FrameError, match="got a damaged one"):
        decode_push(SPARSE, encode_push(SPARSE, PUSH)[:length])


@given(content=st.binary(max_size=80))
def test_no_bytes_with_a_right_checksum_do_more_than_be_refused(content: bytes) -> None:
    """The parser raises FrameError and nothing else."""
    for decode in (decode_push, decode_update):
        with pytest.raises(FrameError):
            decode(SPARSE, resealed(content + bytes(4)))


@given(head=st.binary(min_size=16, max_size=16), kind=st.integers(1, 2), body=st.binary(max_size=60))
def test_no_body_under_a_right_head_does_more_than_be_refused(head: bytes, kind: int, body: bytes) -> None:
    frame = resealed(b"F\x01" + bytes([kind, 1]) + head + body + bytes(4))
    for decode in (decode_push, decode_update):
        with pytest.raises(FrameError):
            decode(SPARSE, frame)


def test_a_push_is_no_update_and_an_update_no_push() -> None:
    with pytest.raises(FrameError, match="expected kind 2 of version 1, got 1 of 1"):
        decode_update(SPARSE, encode_push(SPARSE, PUSH))
    with pytest.raises(FrameError, match="expected kind 1 of version 1, got 2 of 1"):
        decode_push(SPARSE, encode_update(SPARSE, update_of(SPARSE, (0,))))


def test_a_frame_of_another_version_is_refused() -> None:
    frame = bytearray(encode_push(SPARSE, PUSH))
    frame[1] = 2
    with pytest.raises(FrameError, match="of version 1, got 1 of 2; update the sender"):
        decode_push(SPARSE, resealed(bytes(frame)))


def test_a_frame_for_another_layout_is_refused() -> None:
    with pytest.raises(FrameError, match="expected 672 weights and 7 biases"):
        decode_push(HEAD_ONLY, encode_push(SPARSE, PUSH))
    with pytest.raises(FrameError, match="expected 672 weights and 7 biases"):
        decode_update(HEAD_ONLY, encode_update(SPARSE, update_of(SPARSE, tuple(range(7)))))


def test_classes_the_net_does_not_have_are_refused() -> None:
    frame = bytearray(encode_push(SPARSE, PUSH))
    frame[HEAD.size + 8] |= 1 << 7
    with pytest.raises(FrameError, match="expected classes below 7, got 7"):
        decode_push(SPARSE, resealed(bytes(frame)))


def test_values_that_are_not_those_of_the_named_base_are_refused() -> None:
    frame = bytearray(encode_push(SPARSE, PUSH))
    frame[HEAD.size + 9] ^= 1
    with pytest.raises(FrameError, match="expected values of the named base"):
        decode_push(SPARSE, resealed(bytes(frame)))


def test_a_base_names_its_values() -> None:
    other = VALUES.copy()
    other[-1] += 1
    assert base_of(SPARSE, VALUES) == base_of(SPARSE, VALUES.copy()) != base_of(SPARSE, other)


@given(data=st.data())
def test_a_delta_leads_from_the_push_to_the_values_unless_it_was_clipped(data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 2**20))
    after = VALUES + np.random.default_rng(seed).integers(-90, 91, SPARSE.size).astype(np.int32)
    after[: SPARSE.weights] = np.clip(after[: SPARSE.weights], -127, 127)
    deltas, clipped = deltas_of(SPARSE, after, VALUES)
    assert clipped == 0
    assert (VALUES + deltas == after).all()


def test_deltas_of_weights_beyond_127_are_clipped_and_counted() -> None:
    after = VALUES.copy()
    before = VALUES.copy()
    before[:3], after[:3] = (-127, 127, 0), (127, -127, 127)
    after[-1] = before[-1] + 5_000
    deltas, clipped = deltas_of(SPARSE, after, before)
    assert clipped == 2
    assert deltas[:3].tolist() == [127, -127, 127]
    assert deltas[-1] == 5_000


@given(st.data())
def test_an_update_of_every_class_is_as_long_as_was_said(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    layout = layout_of(graph, data.draw(schemes(graph)))
    deltas = np.zeros(layout.size, dtype=np.int32)
    update = Update(
        node=1, round=1, steps=1, windows=1, base=0, own=tuple(range(layout.classes)), clipped=0, deltas=deltas
    )
    assert len(encode_update(layout, update)) == most_update_bytes(layout)
