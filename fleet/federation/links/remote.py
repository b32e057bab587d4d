"""A node at the other end of a link, as the gateway sees it: a push goes out, an update comes back."""

from dataclasses import dataclass, field
from threading import Event
from typing import Final

from fleet.federation.links.fragments import LinkError
from fleet.federation.links.sealed import Session, Told
from fleet.node.engine.binding import Status
from fleet.node.model.scheme import Layout
from fleet.node.wire.frames import FrameError, Push, base_of, decode_push, decode_update
from fleet.node.wire.messages import ACK, ack, decode, encode, set_values

TRIES: Final = 3  # pushes of one round, after which the node is given up for this round


@dataclass(slots=True, kw_only=True)
class RemoteNode:
    """A node by its session. place: how people call it, as `node 3 at udp:10.0.0.3:7000`.

    waits: of the channel, for one answer: as long as the node may train. told: of what went wrong and was mended.
    leaving: once set, no answer is waited for.
    """

    session: Session
    layout: Layout
    place: str
    waits: int
    told: Told
    leaving: Event
    _last: tuple[int, int] | None = field(default=None, init=False)  # round and base of the last update

    def answer(self, frame: bytes, first_step: int) -> bytes:  # noqa: ARG002 (the node counts its steps itself)
        """The update frame to a push frame. Raises LinkError when the node does not give one."""
        push = decode_push(self.layout, frame)
        if push.round == 1:  # of a new federation: a node that was in another one knows later rounds, and forgets them
            self.session.send(encode(set_values(self.layout, push.values, node=push.node)))
        for tried in range(1, TRIES + 1):
            if not self.session.send(frame):
                text = "expected it to take the push, got no acknowledgement; check its power, its address and the link"
                raise LinkError(f"{self.place}: {text}")
            if (update := self._update(push)) is not None:
                return update
            if self.leaving.is_set():
                raise LinkError(f"{self.place}: expected an update of round {push.round}, got an end; join again")
            self.told(f"{self.place}: round {push.round}, no update after push {tried} of {TRIES}")
        text = f"expected an update of round {push.round}, got none after {TRIES} pushes that it took"
        raise LinkError(f"{self.place}: {text}; check that its key is this gateway's, or raise --patience")

    def close(self) -> None:
        """Closes the link."""
        self.session.close()

    def _update(self, push: Push) -> bytes | None:
        """The answer to this push, if it comes within the waits. LinkError when the node refuses the push."""
        named = (push.round, base_of(self.layout, push.values))
        for _ in range(self.waits):
            if self.leaving.is_set():
                break
            frame = self.session.receive()
            if frame is not None and not self._is_status(frame) and self._is_update(frame, push, named):
                return frame
        return None

    def _is_status(self, frame: bytes) -> bool:
        """Whether a frame acknowledges one of ours; LinkError when it says that ours was refused."""
        try:
            said = decode(frame)
        except FrameError:
            return False
        if said.kind == ACK and said.status != Status.OK:
            name = Status(said.status).name if said.status in list(Status) else str(said.status)
            text = f"expected it to take a frame of round {said.round}, got {name}"
            raise LinkError(f"{self.place}: {text}; export its firmware from this scenario")
        return True

    def _is_update(self, frame: bytes, push: Push, named: tuple[int, int]) -> bool:
        """Whether a frame is the answer to this push, which is then acknowledged; that of the last one is, too."""
        try:
            update = decode_update(self.layout, frame)
        except FrameError as fault:
            self.told(f"{self.place}: {fault}")
            return False
        got = (update.round, update.base)
        if update.node != push.node or got not in (self._last, named):
            self.told(f"{self.place}: expected an update of round {push.round}, got one of {update.round}; dropped")
            return False
        self._acknowledge(push.node, *got)
        if got == named:
            self._last = named
        return got == named

    def _acknowledge(self, node: int, number: int, base: int) -> None:
        """Tells the node that its update is here; one that did not hear it sends the update again."""
        if not self.session.send(encode(ack(node=node, number=number, base=base))):
            self.told(f"{self.place}: it did not take that its update is here; it will send it again")
