"""Two ends of a channel in memory, what goes wrong between them, and a node in Python at one of them."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from fleet.federation.client_app import Answering
from fleet.federation.links.sealed import Session
from fleet.node.model.scheme import Layout
from fleet.node.wire.frames import FrameError, decode_push
from fleet.node.wire.messages import SET, ack, decode, encode

Fate = Callable[[bytes], list[bytes]]  # what becomes of a datagram on its way


def whole(datagram: bytes) -> list[bytes]:
    return [datagram]


class End:
    """One end: what it sends goes through a fate into the other end's mailbox, and runs what waits there."""

    def __init__(self, inbox: deque[bytes], outbox: deque[bytes], fate: Fate) -> None:
        self.inbox, self.outbox, self.fate = inbox, outbox, fate
        self.other: Callable[[], object] = lambda: None  # the other side's turn, while this one waits
        self.closed = False
        self.sent: list[bytes] = []

    def send(self, datagram: bytes) -> None:
        self.sent.append(datagram)
        self.outbox.extend(self.fate(datagram))

    def receive(self) -> bytes | None:
        if not self.inbox:
            self.other()
        return self.inbox.popleft() if self.inbox else None

    def close(self) -> None:
        self.closed = True


def ends(there: Fate = whole, back: Fate = whole) -> tuple[End, End]:
    """Both ends of a channel. there: of what the first sends. back: of what the second does."""
    a: deque[bytes] = deque()
    b: deque[bytes] = deque()
    return End(a, b, there), End(b, a, back)


@dataclass
class PythonNode:
    """What a node does in rounds, without its firmware: answers a push, once trained; keeps what is acknowledged."""

    number: int
    node: Answering
    layout: Layout
    session: Session
    told: list[str]
    push: bytes = b""
    update: bytes = b""
    steps_made: int = 0
    acknowledged: list[int] = field(default_factory=list)

    def take(self, frame: bytes) -> None:
        try:
            heard = decode(frame)
        except FrameError:
            self._answer(frame)
            return
        if heard.kind == SET:
            self.session.send(encode(ack(node=self.number, number=heard.round, base=heard.base)))
        else:
            self.acknowledged.append(heard.round)

    def _answer(self, frame: bytes) -> None:
        try:
            push = decode_push(self.layout, frame)
        except FrameError as fault:
            self.told.append(str(fault))
            return
        if push.node != self.number:
            return
        if frame != self.push:
            self.update = self.node.answer(frame, self.steps_made)
            self.push = frame
            self.steps_made += push.steps
        self.session.send(self.update)
