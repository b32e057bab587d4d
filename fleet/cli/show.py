"""What commands print: the live line of a run, tables, the resolved scenario."""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from fleet.run.progress import Progress

SECOND_US = 1_000_000
PIPE_COLUMNS = 160  # a pipe has no width; tables in it are never cut


class Screen(Console):
    """Standard output; when its reader has gone (`| head`), the command goes on unseen instead of failing."""

    def on_broken_pipe(self) -> None:
        """Sends what is still to come nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def console() -> Console:
    """Standard output as it is now, so that tests and pipes see plain text."""
    wide = Screen(highlight=False)
    return wide if wide.is_terminal else Screen(highlight=False, width=PIPE_COLUMNS)


def virtual_time(us: int) -> str:
    """'9 h 30 min' in whole minutes, '12 s' below one; cut, not rounded."""
    seconds = us // SECOND_US
    if seconds < 60:
        return f"{seconds} s"
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if n]
    return " ".join(parts)


class LineProgress:
    """A Progress as text: what is known of the current line, in one line."""

    def __init__(self) -> None:
        self.name = ""
        self.rounds = 0

    def line(self, name: str, rounds: int) -> None:
        """A new line begins."""
        self.name, self.rounds = name, rounds

    def text(self, *, virtual_us: int, at_round: int, alive: int, accuracy: float) -> str:
        """'federated   round 3 of 10   virtual 3 h 12 min   12 alive   validation 67.7%'."""
        place = f"round {at_round} of {self.rounds}" if at_round <= self.rounds else "personal pass"
        time = virtual_time(virtual_us)
        return f"{self.name:<10}  {place:<15}  virtual {time:<13}  {alive} alive  validation {accuracy:.1%}"


class LiveProgress(LineProgress):
    """A Progress in a terminal: one line that is overwritten; messages stay above it."""

    def __init__(self, screen: Console) -> None:
        super().__init__()
        self._live = Live(Text("preparing"), console=screen, transient=True, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def line(self, name: str, rounds: int) -> None:
        """Shows the line's name at once."""
        super().line(name, rounds)
        self._live.update(Text(name), refresh=True)

    def update(self, *, virtual_us: int, round: int, alive: int, accuracy: float) -> None:  # noqa: A002
        """Overwrites the line."""
        said = self.text(virtual_us=virtual_us, at_round=round, alive=alive, accuracy=accuracy)
        self._live.update(Text(said, no_wrap=True, overflow="ellipsis"), refresh=True)

    def message(self, text: str) -> None:
        """Prints above the line."""
        self._live.console.print(Text(text))

    def done(self) -> None:
        """Removes the line."""
        self._live.stop()


class PlainProgress(LineProgress):
    """A Progress in a file or a pipe: a printed line for each round."""

    def __init__(self, screen: Console) -> None:
        super().__init__()
        self._screen = screen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.done()

    def update(self, *, virtual_us: int, round: int, alive: int, accuracy: float) -> None:  # noqa: A002
        """Prints the line."""
        self.message(self.text(virtual_us=virtual_us, at_round=round, alive=alive, accuracy=accuracy))

    def message(self, text: str) -> None:
        """Prints the text."""
        self._screen.print(Text(text))

    def done(self) -> None:
        """Nothing to clear."""


def progress(screen: Console) -> LiveProgress | PlainProgress:
    """What fits the screen. Both are a Progress and a context."""
    made: LiveProgress | PlainProgress = LiveProgress(screen) if screen.is_terminal else PlainProgress(screen)
    _: Progress = made
    return made


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    left: int = 1,
    marked: int | None = None,
    wrapped: int | None = None,
) -> Table:
    """A table without rules. left: columns of words; the others are right-aligned. marked: a row to stand out.

    wrapped: the last column, one of words that may take several lines.
    """
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for index, heading in enumerate(headings):
        words_here = index < left or index == wrapped
        made.add_column(heading, justify="left" if words_here else "right", no_wrap=index != wrapped)
    for index, row in enumerate(rows):
        made.add_row(*row, style="bold" if index == marked else None)
    return made


def words(headings: tuple[str, str] | None, rows: Iterable[tuple[str, str]]) -> Table:
    """A table of words: a name and what is said of it, wrapped."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=headings is not None)
    name, said = headings or ("", "")
    made.add_column(name, no_wrap=True)
    made.add_column(said)
    for row in rows:
        made.add_row(*row)
    return made
