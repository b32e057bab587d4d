"""Frames over a serial line: a pair of pseudo-terminals, whose one end pyserial opens as it would open a board's."""

import os
import tty
from collections.abc import Iterator
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.federation.links.fragments import LinkError
from fleet.federation.links.link import Link
from fleet.federation.links.serial_line import END, SerialChannel, slip, unslip

WAIT_S = 0.1
FRAME = bytes(range(256)) * 40


@pytest.fixture
def line() -> Iterator[tuple[SerialChannel, int]]:
    """A port as pyserial sees it, and the file descriptor of whatever is at the other end."""
    ours, theirs = os.openpty()
    tty.setraw(ours)
    port = SerialChannel(os.ttyname(theirs), wait_s=WAIT_S)
    yield port, ours
    port.close()
    os.close(theirs)
    os.close(ours)


@given(body=st.binary(max_size=100))
def test_no_end_byte_is_inside_and_the_datagram_comes_back(body: bytes) -> None:
    framed = slip(body)
    assert framed[0] == framed[-1] == END
    assert bytes([END]) not in framed[1:-1]
    assert unslip(framed[1:-1]) == body


def test_a_datagram_is_as_rfc_1055_writes_it() -> None:
    assert slip(b"\x01\xc0\xdb\x02").hex() == "c001dbdcdbdd02c0"


def test_datagrams_pass_a_line_whatever_noise_is_between(line: tuple[SerialChannel, int]) -> None:
    port, board = line
    os.write(board, b"boot: ready\r\n" + slip(b"one") + slip(b"two\xc0\xdb"))
    assert [port.receive() for _ in range(4)] == [b"boot: ready\r\n", b"one", b"two\xc0\xdb", None]
    port.send(b"\xc0!")
    assert os.read(board, 100) == slip(b"\xc0!")


def test_a_datagram_that_comes_in_two_parts_is_one(line: tuple[SerialChannel, int]) -> None:
    port, board = line
    framed = slip(b"a longer one")
    os.write(board, framed[:5])
    assert port.receive() is None
    os.write(board, framed[5:])
    assert port.receive() == b"a longer one"


def test_noise_without_an_end_is_forgotten(line: tuple[SerialChannel, int]) -> None:
    port, board = line
    for _ in range(3):
        os.write(board, b"\x55" * 1024)
        port.receive()
    os.write(board, slip(b"x"))
    assert b"x" in [port.receive() for _ in range(2)]


def test_whole_frames_pass_between_two_ends(line: tuple[SerialChannel, int]) -> None:
    port, board = line
    other = _Raw(board)
    heard: list[bytes | None] = []
    thread = Thread(target=lambda: heard.append(Link(other).receive(waits=200)))
    thread.start()
    assert Link(port).send(FRAME)
    thread.join()
    assert heard == [FRAME]


def test_a_port_that_is_not_there_or_goes_away_is_said_so() -> None:
    with pytest.raises(LinkError, match=r"serial:/dev/no-such-port: expected a serial port, got .*; check the cable"):
        SerialChannel("/dev/no-such-port")


class _Raw:
    """The board's end: the same framing over a file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._coming = b""
        os.set_blocking(descriptor, True)

    def send(self, datagram: bytes) -> None:
        os.write(self._descriptor, slip(datagram))

    def receive(self) -> bytes | None:
        while True:
            body, end, rest = self._coming.partition(bytes([END]))
            if not end:
                self._coming += os.read(self._descriptor, 4096)
                continue
            self._coming = rest
            if body:
                return unslip(body)

    def close(self) -> None:
        """Nothing is open."""
