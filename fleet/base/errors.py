"""Everything mcufleet refuses, as a tree. Simulated failures are records, never exceptions.

FleetError                what the user gave, or the machine it runs on, is wrong: message and exit code
├── InputError            a file or an option is wrong (exit 2); carries every fault found, not the first
├── DoesNotFit            a model, scheme or plan is larger than a board (exit 2), with the arithmetic
├── EngineError           the C engine could not be built or loaded (exit 2)
├── RunError              a run folder cannot be read, resumed or written (exit 2)
└── CheckFailed           a verification found a difference (exit 1)

Every message reads: where: expected, got; what to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class FleetError(Exception):
    """Root of all errors that mcufleet raises on purpose."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in one place. text: 'expected …, got …; what to do'."""

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


class InputError(FleetError):
    """All faults of one input, reported together."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))

    @classmethod
    def one(cls, where: str, text: str) -> "InputError":
        return cls([Fault(where, text)])


class DoesNotFit(FleetError):
    """The memory asked for exceeds the memory there is."""


class EngineError(FleetError):
    """The C engine is missing, stale or refused its input."""


class RunError(FleetError):
    """A run folder is unreadable, unfinished in a way that cannot be resumed, or already in use."""


class CheckFailed(FleetError):
    """A comparison that must be exact was not."""

    exit_code = 1
