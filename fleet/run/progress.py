"""What a run tells while it runs. The run room calls it; whoever shows it (a terminal, a notebook) implements it."""

from typing import Protocol


class Progress(Protocol):
    """Observer of a run. Calls come from one thread, in order; none of them may change the run."""

    def line(self, name: str, rounds: int) -> None:
        """A line begins: one of pretrained, alone, fedavg, federated; it has this many rounds."""

    def update(self, *, virtual_us: int, round: int, alive: int, accuracy: float) -> None:  # noqa: A002 (the word of the house)
        """The line has come this far. round: beyond the last one in the personal pass. accuracy: mean over nodes."""

    def message(self, text: str) -> None:
        """One sentence that stays on the screen."""

    def done(self) -> None:
        """Nothing more will come."""


class Silent:
    """A Progress that shows nothing."""

    def line(self, name: str, rounds: int) -> None:
        """Ignored."""

    def update(self, *, virtual_us: int, round: int, alive: int, accuracy: float) -> None:  # noqa: A002
        """Ignored."""

    def message(self, text: str) -> None:
        """Ignored."""

    def done(self) -> None:
        """Ignored."""
