"""A node at the other end of a link, as the gateway sees it: a push goes out, an update comes back."""

from dataclasses import dataclass
from threading import Event
from typing import Final

from fleet.federation.links.fragments import LinkError
from fleet.federation.links.sealed import Session, Told
from fleet.node.model.scheme import Layout
from fleet.node.wire.frames import FrameError, Push, base_of, decode_push, decode_update

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

    def answer(self, frame: bytes, first_step: int) -> bytes:  # noqa: ARG002 (the node counts its steps itself)
        """The update frame to a push frame. Raises LinkError when the node does not give one."""
        push = decode_push(self.layout, frame)
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
        """The answer to this push, if it comes within the waits. Others, of earlier rounds, are told of."""
        base = base_of(self.layout, push.values)
        for _ in range(self.waits):
            if self.leaving.is_set():
                break
            frame = self.session.receive()
            if frame is None:
                continue
            try:
                update = decode_update(self.layout, frame)
            except FrameError as fault:
                self.told(f"{self.place}: {fault}")
                continue
            if (update.node, update.round, update.base) == (push.node, push.round, base):
                return frame
            self.told(f"{self.place}: expected an update of round {push.round}, got one of {update.round}; dropped")
        return None
