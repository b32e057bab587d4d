"""Whole frames over channels that lose, damage and repeat: they arrive, or the sender knows that they may not have."""

from collections.abc import Callable

import pytest

from fleet.federation.links.fragments import PAYLOAD
from fleet.federation.links.link import TRIES, WINDOW, Link
from tests.federation.links.fakes import End, Fate, ends, whole

FRAME = bytes(range(256)) * 80  # 21 pieces


def every(n: int, become: Callable[[bytes], list[bytes]]) -> Fate:
    """Each n-th datagram becomes something else."""
    count = [0]

    def fate(datagram: bytes) -> list[bytes]:
        count[0] += 1
        return become(datagram) if count[0] % n == 0 else [datagram]

    return fate


def lost(_: bytes) -> list[bytes]:
    return []


def damaged(datagram: bytes) -> list[bytes]:
    return [bytes([datagram[0] ^ 1]) + datagram[1:]]


def twice(datagram: bytes) -> list[bytes]:
    return [datagram, datagram]


def cut(datagram: bytes) -> list[bytes]:
    return [datagram[:-1]]


def joined(there: Fate, back: Fate) -> tuple[Link, Link, End]:
    """Two links; the second takes its turn whenever the first waits."""
    a, b = ends(there, back)
    first, second = Link(a), Link(b)

    def turn() -> None:
        while b.inbox:
            second._next()

    a.other = turn
    return first, second, a


@pytest.mark.parametrize("there", [whole, every(2, lost), every(3, damaged), every(2, twice), every(5, cut)])
@pytest.mark.parametrize("back", [whole, every(2, lost), every(3, damaged), every(2, twice)])
def test_a_frame_arrives_once_over_a_bad_channel(there: Fate, back: Fate) -> None:
    first, second, _ = joined(there, back)
    assert first.send(FRAME)
    assert second.receive() == FRAME
    assert second.receive() is None
    assert first.send(b"the next one")
    assert second.receive() == b"the next one"


def test_no_more_pieces_than_a_window_are_on_their_way_at_once() -> None:
    first, _, end = joined(whole, whole)
    end.other = lambda: None  # nobody there
    assert not first.send(bytes(3 * WINDOW * PAYLOAD))
    assert len(end.sent) == TRIES * WINDOW


def test_a_sender_whom_nobody_answers_gives_up() -> None:
    first, second, end = joined(lost, whole)
    assert not first.send(FRAME)
    assert len(end.sent) == TRIES * WINDOW
    assert second.receive() is None


def test_frames_of_both_sides_pass_each_other() -> None:
    a, b = ends()
    first, second = Link(a), Link(b)
    spoken: list[bool] = []

    def turn() -> None:
        if not spoken:
            spoken.append(True)
            second.send(b"from the second")
        second._next()

    a.other = turn
    assert first.send(b"from the first")
    assert second.receive() == b"from the first"
    assert first.receive() == b"from the second"


def test_noise_does_not_keep_a_sender_for_ever() -> None:
    first, _, end = joined(lost, whole)
    end.other = lambda: end.inbox.append(b"noise")
    assert not first.send(b"x")
    assert first.receive(waits=3) is None


def test_a_link_gives_its_channel_back() -> None:
    end, _ = ends()
    Link(end).close()
    assert end.closed
