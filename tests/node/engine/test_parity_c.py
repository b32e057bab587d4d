"""The parity decoder in C against the one in Python: same rows, same decisions after each fragment, same data."""

import ctypes as c
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from fleet.base import rng
from fleet.base.places import package_data
from fleet.node.engine.build import shared_library
from fleet.node.wire.parity import Decoder, cut, fragment, row

ROOM, SIZE = 128, 240  # as compiled
READ = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_uint32, c.POINTER(c.c_uint8), c.c_uint32)


class Store(c.Structure):
    _fields_ = [("context", c.c_void_p), ("read", READ), ("write", READ)]


class Head(c.Structure):
    """The fields of fe_parity that a test reads."""

    _fields_ = [
        ("store", Store),
        ("fragments", c.c_uint16),
        ("size", c.c_uint16),
        ("came", c.c_uint16),
        ("lost", c.c_uint16),
        ("rank", c.c_uint16),
        ("status", c.c_int),
    ]


@dataclass
class Node:
    """A session of the C decoder over a store that is written once, and fails at operation `fails_at`."""

    fragments: int
    size: int
    fails_at: int = -1
    places: dict[int, bytes] = field(default_factory=dict)
    operations: int = 0
    memory: c.Array = field(default_factory=c.c_uint64 * 1024)

    def __post_init__(self) -> None:
        folder = package_data("node", "engine", "parity")
        self.lib = c.CDLL(str(shared_library("fleet-parity", (folder / "fe_parity.c",), (folder / "fe_parity.h",))))
        self.callbacks = Store(None, READ(self.read), READ(self.write))
        self.begun = self.lib.fe_parity_start(
            self.memory, c.byref(self.callbacks), c.c_uint16(self.fragments), c.c_uint16(self.size)
        )

    @property
    def head(self) -> Head:
        return Head.from_buffer(self.memory)

    def failing(self) -> bool:
        self.operations += 1
        return self.operations - 1 == self.fails_at

    def read(self, _context: object, place: int, to: "c._Pointer[c.c_uint8]", count: int) -> int:
        if self.failing():
            return 1
        c.memmove(to, self.places[place], count)
        return 0

    def write(self, _context: object, place: int, source: "c._Pointer[c.c_uint8]", count: int) -> int:
        assert place not in self.places, "a place of the store is written once"
        assert place < self.fragments + ROOM
        if self.failing():
            return 1
        self.places[place] = c.string_at(source, count)
        return 0

    def take(self, number: int, content: bytes) -> int:
        result: int = self.lib.fe_parity_take(self.memory, c.c_uint32(number), content)
        return result

    def content(self) -> bytes:
        return b"".join(self.places[place] for place in range(self.fragments))


def heard(key: int, fragments: int, percent: int, *, shuffled: bool = False) -> Iterator[int]:
    """Numbers of the fragments that arrive of M + 300, some of them twice."""
    numbers = [n for n in range(1, fragments + 300) if rng.below(key, n, 100) >= percent]
    order = rng.permutation(key, len(numbers)) if shuffled else np.arange(len(numbers))
    for place in order:
        yield from [numbers[place]] * (1 + (place % 7 == 0))


@pytest.mark.parametrize("fragments", [1, 2, 8, 10, 16, 21, 457, 893, 2084])
def test_rows_are_the_same_bits(fragments: int) -> None:
    lib = Node(10, 8).lib
    for number in (1, 2, 3, 40, 300, 16_383 - fragments):
        found = (c.c_uint8 * (fragments // 8 + 1))()
        lib.fe_parity_row(c.c_uint32(number), c.c_uint32(fragments), found)
        assert int.from_bytes(bytes(found), "little") == row(number, fragments)


CASES = [
    (fragments, size, percent, trial)
    for fragments, size, percent in [
        (1, 1, 50), (2, 5, 40), (8, 240, 30), (10, 8, 20), (16, 3, 50), (40, 7, 10), (128, 4, 60), (457, 219, 10),
        (457, 4, 26), (893, 2, 12),
    ]
    for trial in range(3)
]  # fmt: skip


@pytest.mark.parametrize("fragments, size, percent, trial", CASES)
def test_both_decide_the_same_after_every_fragment(fragments: int, size: int, percent: int, trial: int) -> None:
    key = rng.key(trial, fragments, size, percent)
    content = rng.draws32(key, 1_000_000, fragments * size).astype(np.uint8).tobytes()
    pieces = cut(content, size)
    ours, theirs = Node(fragments, size), Decoder(fragments, size, room=ROOM)
    for number in heard(key, fragments, percent, shuffled=trial == 2):
        sent = fragment(pieces, number)
        done = theirs.take(number, sent)
        assert ours.take(number, sent) == int(done)
        assert (ours.head.lost, ours.head.rank) == (len(theirs.missing), theirs.rank)
    if theirs.done:
        assert ours.content() == theirs.content() == content
    else:
        assert ours.head.fragments - ours.head.came == theirs.lost


def test_most_sessions_of_the_cases_end() -> None:
    """What is compared above is not only failure."""
    ended = 0
    for fragments, size, percent, trial in CASES:
        key, node = rng.key(trial, fragments, size, percent), Decoder(fragments, size, room=ROOM)
        blank = cut(bytes(fragments * size), size)
        ended += any(node.take(number, blank[0]) for number in heard(key, fragments, percent, shuffled=trial == 2))
    assert ended >= 20


@pytest.mark.parametrize("fragments, size", [(0, 8), (2_305, 8), (10, 0), (10, 241)])
def test_a_session_larger_than_its_memory_is_refused(fragments: int, size: int) -> None:
    node = Node(fragments, size)
    assert node.begun == -1
    assert node.take(1, bytes(256)) == -1


def test_numbers_that_are_none_are_refused_and_leave_the_session_as_it_was() -> None:
    node = Node(10, 8)
    assert [node.take(number, bytes(8)) for number in (0, 16_384)] == [-1, -1]
    assert node.take(1, bytes(8)) == 0
    assert node.head.came == 1


def test_a_store_that_fails_at_any_operation_ends_the_session_and_says_so() -> None:
    content = rng.draws32(9, 0, 80).astype(np.uint8).tobytes()
    pieces = cut(content, 8)
    numbers = [number for number in range(1, 40) if number not in (2, 5, 9)]

    def run(fails_at: int) -> tuple[Node, int]:
        node = Node(10, 8, fails_at)
        for number in numbers:
            if (status := node.take(number, fragment(pieces, number))) != 0:
                return node, status
        return node, 0

    whole, status = run(-1)
    assert status == 1
    assert whole.content() == content
    assert whole.operations > 10
    for at in range(whole.operations):
        node, status = run(at)
        assert status == -2
        assert node.take(1, pieces[0]) == -2


def test_a_session_touches_no_more_than_three_and_a_half_kilobytes() -> None:
    """Memory is bounded when it is compiled; the one that is shipped solves for 128 of 2,304 fragments."""
    memory = (c.c_uint64 * 1024)(*[0xAAAA_AAAA_AAAA_AAAA] * 1024)
    node = Node(2_304, SIZE, memory=memory)
    for number in range(1 + ROOM, 2_304 + 2 * ROOM):
        status = node.take(number, bytes([number % 251]) * SIZE)
    assert (node.head.lost, status) == (ROOM, 1)
    assert bytes(memory)[3584:] == b"\xaa" * 4608
    assert bytes(memory)[3328:3584] != b"\xaa" * 256
