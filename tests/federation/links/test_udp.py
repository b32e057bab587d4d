"""Frames over real UDP sockets of this machine."""

from collections.abc import Iterator
from threading import Thread

import pytest

from fleet.federation.links.fragments import LinkError
from fleet.federation.links.link import Link
from fleet.federation.links.udp import UdpChannel, gateway_end, node_end

WAIT_S = 0.05
FRAME = bytes(range(256)) * 200


@pytest.fixture
def node() -> Iterator[UdpChannel]:
    end = node_end("127.0.0.1", 0, wait_s=WAIT_S)
    yield end
    end.close()


@pytest.fixture
def gateway(node: UdpChannel) -> Iterator[UdpChannel]:
    end = gateway_end(*node.address, wait_s=WAIT_S)
    yield end
    end.close()


def test_a_node_answers_whoever_asked_it(node: UdpChannel, gateway: UdpChannel) -> None:
    def echo() -> None:
        link = Link(node)
        if (frame := link.receive(waits=100)) is not None:
            link.send(frame[::-1])

    thread = Thread(target=echo)
    thread.start()
    link = Link(gateway)
    assert link.send(FRAME)
    assert link.receive(waits=100) == FRAME[::-1]
    link.receive()  # acknowledges what comes late
    thread.join()


def test_a_node_that_nobody_asked_sends_nothing_and_hears_nothing(node: UdpChannel) -> None:
    node.send(b"x")
    assert node.receive() is None
    assert str(node) == "udp"


def test_a_gateway_hears_its_node_only(node: UdpChannel, gateway: UdpChannel) -> None:
    gateway.send(b"hello")
    assert node.receive() == b"hello"
    stranger = gateway_end(*gateway.address, wait_s=WAIT_S)
    stranger.send(b"I am the node")
    node.send(b"here")
    assert sorted([gateway.receive(), gateway.receive()]) == [b"", b"here"]  # type: ignore[type-var]
    stranger.close()


def test_where_nobody_listens_a_frame_is_not_taken(node: UdpChannel) -> None:
    nowhere = node.address
    node.close()
    end = gateway_end(*nowhere, wait_s=WAIT_S)
    assert not Link(end).send(b"x")
    end.close()


def test_an_address_that_is_taken_or_none_is_said_so(node: UdpChannel) -> None:
    host, port = node.address
    with pytest.raises(LinkError, match=f"udp:{host}:{port}: expected a free address here, got"):
        node_end(host, port)
    with pytest.raises(LinkError, match=r"udp:no such host:7: expected the address of a node, got"):
        gateway_end("no such host", 7)
