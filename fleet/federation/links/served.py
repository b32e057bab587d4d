"""An emulated board at the end of a link: what its radio, its clock and its sensor are to the firmware."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from fleet.base.errors import FleetError
from fleet.federation.links.link import Link
from fleet.federation.links.sealed import Told
from fleet.node.model.graph import Int8
from fleet.node.twin.kept import KeptFlash
from fleet.node.twin.mailbox import Board

Sample = Callable[[int], tuple[Int8, int]]


@dataclass(slots=True, kw_only=True)
class BoardNode:
    """Frames pass as they come: the firmware opens and makes the seals, and takes part in rounds by itself.

    sample: window and label of a step, counted from the first one of all. windows: that the node has. wait_ms: of one
    receive of the link, by which the board's clock goes on. kept: what its flash is written to, if to anything.
    """

    board: Board
    link: Link
    sample: Sample
    windows: int
    wait_ms: int
    told: Told
    kept: KeptFlash | None = None

    def serve(self, stop: Event) -> None:
        """Until it is told to stop, or the firmware does; then the link is closed."""
        try:
            self._keep()  # what it did to its flash as it started: a model on trial starts once
            while not stop.is_set():
                self._take(self.link.receive())
                while not stop.is_set() and self._turn() == 0:
                    pass
        except FleetError as fault:  # the gateway hears nothing, as of a board that has stopped
            self.told(str(fault))
        finally:
            self.link.close()

    def _take(self, frame: bytes | None) -> None:
        if frame is None:
            self.board.pass_time(self.wait_ms)
        else:
            self.board.hear(frame)

    def _keep(self) -> None:
        if self.kept is not None:
            self.kept.keep(self.board.flash)

    def _turn(self) -> int:
        """One turn of the node; for how many ms it would sleep then."""
        window, label = self.sample(self.board.steps_made)
        self.board.sense(window, label, self.windows)
        done = self.board.rounds_done
        sleep_ms, frame = self.board.turn()
        self._keep()  # before the frame leaves: a restart must know of it
        if frame is not None and not self.link.send(frame):
            self.told(f"{self.board}: nobody took its frame of {len(frame):,} bytes")
        if self.board.rounds_done != done:
            self.told(f"{self.board}: round {self.board.round} is done, its LED toggles (fe_app_round_done)")
        return sleep_ms
