"""Whole frames over a channel of datagrams: pieces are sent again until they are acknowledged."""

from collections import deque
from typing import Final, Protocol

from fleet.federation.links.fragments import ACK, PIECE, Fragment, Incoming, parse, split

WINDOW: Final = 16  # pieces on their way at once: what fits the receive buffer of a small stack
TRIES: Final = 8  # waits in a row without an acknowledgement, after which the other side is silent
NOISE: Final = 64  # datagrams that are not what is waited for, after which pieces are sent again


class Channel(Protocol):
    """Datagrams of at most 1 KB, which may be lost, repeated, damaged or out of order."""

    def send(self, datagram: bytes) -> None:
        """Sends one; nothing says whether it arrives. LinkError when the device itself is gone."""
        ...

    def receive(self) -> bytes | None:
        """The next one, or None after a wait whose length is the channel's."""
        ...

    def close(self) -> None:
        """Gives the device back."""
        ...


class Link:
    """Frames over a channel. One thread at a time."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._incoming = Incoming()
        self._inbox: deque[bytes] = deque()

    def send(self, frame: bytes) -> bool:
        """Whether the other side has acknowledged every piece. Frames that come meanwhile are kept."""
        waiting = {piece.index: piece for piece in split(frame)}
        silent = 0
        while waiting and silent < TRIES:
            before = len(waiting)
            self._send_some(waiting)
            silent = 0 if len(waiting) < before else silent + 1
        return not waiting

    def receive(self, waits: int = 1) -> bytes | None:
        """The next frame, or None after so many waits of the channel, or as many datagrams that are no last piece."""
        for _ in range(waits):
            if self._inbox:
                break
            self._next()
        return self._inbox.popleft() if self._inbox else None

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()

    def _send_some(self, waiting: dict[int, Fragment]) -> None:
        """Sends the first pieces that wait, and takes those out that are acknowledged before the channel is quiet."""
        batch = list(waiting.values())[:WINDOW]
        for piece in batch:
            self._channel.send(piece.encoded())
        for _ in range(NOISE):
            if not any(piece.index in waiting for piece in batch):
                return
            heard, fragment = self._next()
            if not heard:
                return
            if fragment is None or fragment.kind != ACK:
                continue
            meant = waiting.get(fragment.index)
            if meant is not None and fragment == meant.acknowledgement:
                waiting.pop(fragment.index)

    def _next(self) -> tuple[bool, Fragment | None]:
        """Whether a datagram came, and what it was; pieces are acknowledged and put together."""
        datagram = self._channel.receive()
        if datagram is None:
            return False, None
        fragment = parse(datagram)
        if fragment is not None and fragment.kind == PIECE:
            self._channel.send(fragment.acknowledgement.encoded())
            if (frame := self._incoming.feed(fragment)) is not None:
                self._inbox.append(frame)
        return True, fragment
