"""The seam between the world and what a node computes: the world says when, a job does the work."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Reason(StrEnum):
    """How a job ended."""

    OK = "ok"
    LATE = "late"  # no reply by the deadline
    LOST = "lost"  # the link was lost, either way
    DIED = "died"  # the node died, before or while it worked
    OFF = "off"  # the node was without power, or lost it while it worked


class Asked(Protocol):
    """Anything that a node is asked for. round: below 1 where it belongs to none."""

    @property
    def node(self) -> int: ...

    @property
    def round(self) -> int: ...


class Job(Asked, Protocol):
    """One node's work in one round.

    A job that starts gets exactly one of finish and abandon; a job whose node never begins to compute gets neither.
    Work may run on other threads between start and finish; the world calls from one thread only.
    """

    @property
    def down_bytes(self) -> int:
        """Length of the encoded push."""
        ...

    @property
    def steps(self) -> int: ...

    @property
    def step_us(self) -> int: ...

    def start(self) -> None:
        """Begins to compute. Called at the simulated moment the node does."""
        ...

    def finish(self) -> bytes:
        """The encoded reply. Called at the simulated moment the last step ends; the node's state changes here."""
        ...

    def abandon(self, steps_done: int) -> None:
        """The node stopped after so many complete steps. Called at the simulated moment it did."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a job. frame: the reply, when it arrived in time. delivered_us: when it did; -1 if it did not."""

    node: int
    round: int
    reason: Reason
    frame: bytes | None = None
    delivered_us: int = -1

    @property
    def delivered(self) -> bool:
        """Whether the reply arrived in time."""
        return self.reason is Reason.OK
