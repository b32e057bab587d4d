"""Two ends of a channel in memory, and what goes wrong between them."""

from collections import deque
from collections.abc import Callable

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
