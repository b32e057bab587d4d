"""The node's end of a link in Python: what an application around the firmware does, for an emulated node."""

from dataclasses import dataclass, field
from threading import Event

from fleet.base.errors import FleetError
from fleet.federation.client_app import Answering
from fleet.federation.links.sealed import Session, Told
from fleet.node.model.scheme import Layout
from fleet.node.wire.frames import FrameError, decode_push


@dataclass(slots=True, kw_only=True)
class ServedNode:
    """Answers pushes that come over a session. A push that comes again is answered again and not trained again."""

    number: int
    node: Answering
    layout: Layout
    session: Session
    told: Told
    steps_made: int = 0
    _push: bytes = field(default=b"", init=False)
    _update: bytes = field(default=b"", init=False)

    def serve(self, stop: Event) -> None:
        """Until it is told to stop; then the link is closed."""
        while not stop.is_set():
            if (frame := self.session.receive()) is not None:
                self._take(frame)
        self.session.close()

    def _take(self, frame: bytes) -> None:
        try:
            push = decode_push(self.layout, frame)
        except FrameError as fault:
            self.told(f"node {self.number}: {fault}")
            return
        if push.node != self.number:
            self.told(f"node {self.number}: expected its own push, got that of node {push.node}; check --nodes")
            return
        if frame != self._push:
            try:
                self._update = self.node.answer(frame, self.steps_made)
            except FleetError as fault:  # the gateway hears nothing, as of a board that has stopped
                self.told(f"node {self.number}: {fault}")
                return
            self._push = frame
            self.steps_made += push.steps
        if not self.session.send(self._update):
            self.told(f"node {self.number}: nobody took its update of round {push.round}")
