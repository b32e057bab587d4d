"""How commands end: exit codes, refusals without a traceback, interruptions that say how to go on."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import typer
from typer.core import TyperGroup

from fleet.base.errors import FleetError, InputError

DONE: Final = 0
CHECK_FAILED: Final = 1
INPUT_WRONG: Final = 2
INTERRUPTED: Final = 3


class Interrupted(Exception):
    """Ctrl-C or SIGTERM reached a command. advice: how to go on."""

    def __init__(self, advice: str) -> None:
        super().__init__(advice)
        self.advice = advice


class Commands(TyperGroup):
    """The group of all commands: turns what the rooms refuse into messages and exit codes."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except FleetError as error:
            say_refusal(error)
            raise typer.Exit(error.exit_code) from None
        except Interrupted as interruption:
            typer.echo(f"interrupted; {interruption.advice}", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except KeyboardInterrupt:
            typer.echo("interrupted; nothing was left half done, run the command again", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:  # `fleet devices | head`
            sys.stderr.close()
            raise typer.Exit(DONE) from None


def say_refusal(error: FleetError) -> None:
    """Prints every fault, one a line, and how many there are when it is more than a few."""
    typer.echo(str(error), err=True)
    if isinstance(error, InputError) and len(error.faults) > 1:
        typer.echo(f"{len(error.faults)} faults", err=True)


@contextmanager
def terminated_like_ctrl_c() -> Iterator[None]:
    """Within it, SIGTERM raises KeyboardInterrupt in the main thread, as Ctrl-C does."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
