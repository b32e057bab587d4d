"""Datagrams over UDP: a gateway's end, which knows the node's address, and a node's end, which answers who asks."""

import socket
from typing import Final

from fleet.federation.links.fragments import MOST, LinkError

Address = tuple[str, int]
WAIT_S: Final = 0.25


class UdpChannel:
    """One end. Made by `gateway_end` or `node_end`. A peer of None is learnt from each datagram that comes."""

    def __init__(self, end: socket.socket, peer: Address | None) -> None:
        self._socket = end
        self._fixed = peer is not None
        self._peer = peer

    @property
    def address(self) -> Address:
        """Of this end."""
        host, port = self._socket.getsockname()
        return str(host), int(port)

    def send(self, datagram: bytes) -> None:
        """Sends one. A node that nobody has asked yet sends nothing; LinkError when the network is gone."""
        if self._peer is None:
            return
        try:
            self._socket.sendto(datagram, self._peer)
        except ConnectionRefusedError:
            return  # said of an earlier datagram: nobody listens there now
        except OSError as fault:
            raise LinkError(f"{self}: expected to send, got '{fault}'; check the network") from fault

    def receive(self) -> bytes | None:
        """The next one, or None after a wait. One that is longer than ours is cut, and so refused by its CRC."""
        try:
            datagram, sender = self._socket.recvfrom(MOST + 1)
        except (TimeoutError, ConnectionRefusedError):
            return None
        if self._fixed and sender != self._peer:
            return b""
        self._peer = sender
        return datagram

    def close(self) -> None:
        """Closes the socket."""
        self._socket.close()

    def __str__(self) -> str:
        return "udp" if self._peer is None else f"udp:{self._peer[0]}:{self._peer[1]}"


def gateway_end(host: str, port: int, *, wait_s: float = WAIT_S) -> UdpChannel:
    """The end that talks to a node at an address; LinkError for a name that is none."""
    try:
        peer = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
    except OSError as fault:
        raise LinkError(f"udp:{host}:{port}: expected the address of a node, got '{fault}'; correct it") from fault
    return UdpChannel(_socket(wait_s), (str(peer[0]), int(peer[1])))


def node_end(host: str, port: int, *, wait_s: float = WAIT_S) -> UdpChannel:
    """The end of a node at an address of this machine; port 0 for any. LinkError when it is taken."""
    end = _socket(wait_s)
    try:
        end.bind((host, port))
    except OSError as fault:
        end.close()
        raise LinkError(f"udp:{host}:{port}: expected a free address here, got '{fault}'; choose another") from fault
    return UdpChannel(end, None)


def _socket(wait_s: float) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(wait_s)
    return made
