"""`fleet plan FILE --search`: the scheme that learns most of a scenario within a budget of SRAM."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from fleet.base.errors import Fault, InputError
from fleet.base.units import SIZE_BYTES, whole
from fleet.cli import show
from fleet.cli.exits import Interrupted
from fleet.cli.plan import telling
from fleet.run.search import SELECTORS, Found, search, task_of
from fleet.run.search.memory import sram_bytes
from fleet.run.search.results import NAME
from fleet.scenario import Scenario, load

if TYPE_CHECKING:
    from fleet.run.search.find import Line

HEADINGS: Final = ("scheme", "state + arena", "predicted", "certainty", "recognised")
SHOWN: Final = 12  # rows of the table; the file of the search holds all
NOTES: Final = (
    "predicted: points of certainty over the head alone, by the sum of what layers add alone",
    "certainty: mean probability of the right class of validation windows; recognised: where it is the largest",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of the command, as written. out: of the journal and of what is found."""

    budget: str | None
    selector: str
    out: Path | None
    jobs: int
    allow_code: bool


def plan_search(file: Path, options: Options) -> None:
    """Searches and prints what was found. Interrupted, where Ctrl-C or SIGTERM reach it: the same command goes on."""
    budget_bytes = _checked(options)
    scenario = load(file, allow_code=options.allow_code)
    out = options.out or Path("runs") / f"search-{scenario.name}"
    try:
        found = _searched(scenario, budget_bytes, options, out)
    except KeyboardInterrupt:
        kept = (out / NAME).is_file()
        go_on = f"what is measured is kept in {out}, go on with the same command"
        raise Interrupted(go_on if kept else "nothing was measured yet, run the command again") from None
    screen = show.console()
    screen.print(show.table(HEADINGS, found_rows(found), marked=0))
    typer.echo("\n".join((*NOTES, "", closing(found, budget_bytes), f"files: {out}")))


def _searched(scenario: Scenario, budget_bytes: int, options: Options, out: Path) -> Found:
    graph, task = task_of(scenario)
    with telling() as said:
        return search(
            graph, task, budget_bytes=budget_bytes, selector=options.selector, out=out, seed=scenario.seed,
            jobs=options.jobs, progress=Steps(said),
        )  # fmt: skip


def _checked(options: Options) -> int:
    """The budget in bytes; InputError with every option that is wrong."""
    faults = []
    if options.selector not in SELECTORS:
        text = f"expected one of {', '.join(SELECTORS)}, got '{options.selector}'; choose one of these"
        faults.append(Fault("--selector", text))
    budget_bytes = 0
    try:
        budget_bytes = budget_of(options.budget)
    except ValueError as fault:
        faults.append(Fault("--budget", str(fault)))
    if faults:
        raise InputError(faults)
    return budget_bytes


def budget_of(text: str | None) -> int:
    """Bytes. A bare number is bytes; KB, which some read as 1,000 and some as 1,024 bytes, is the smaller.

    ValueError for what is no size.
    """
    if text is None:
        raise ValueError("expected a size to search within, got none; write it like '100 KiB'")
    if text.isdecimal():
        return int(text)
    return whole(f"{text[:-2]}kB" if text.endswith("KB") else text, SIZE_BYTES)


class Steps:
    """A Progress in words, one line at a time."""

    def __init__(self, said: Callable[[str], None]) -> None:
        self._said = said
        self._name, self._count = "", 0

    def line(self, name: str, rounds: int) -> None:
        """A stage of so many trainings begins."""
        self._name, self._count = name, rounds
        self._said(name)

    def update(self, *, virtual_us: int, round: int, alive: int, accuracy: float) -> None:  # noqa: A002, ARG002 (of Progress)
        """One more training is done."""
        self._said(f"{self._name}: {round} of {self._count}, {accuracy:.1%} recognised")

    def message(self, text: str) -> None:
        """One sentence."""
        self._said(text)

    def done(self) -> None:
        """Nothing more will come."""


def found_rows(found: Found) -> Iterator[tuple[str, ...]]:
    """Schemes that were trained in the end, under HEADINGS: the one that was found, the best others, the plain ones."""
    plain = [line for line in found.table[SHOWN:] if not line.scheme.startswith("sparse")]
    yield from (_row(line) for line in (*found.table[:SHOWN], *plain))


def _row(line: "Line") -> tuple[str, ...]:
    predicted = "" if line.predicted is None else f"{line.predicted:+.1f}"
    return line.scheme, f"{line.sram_bytes:,} B", predicted, f"{line.certainty:.1f} %", f"{line.accuracy:.1f} %"


def closing(found: Found, budget_bytes: int) -> str:
    """What was found, and how a scenario trains it."""
    name, took = found.scheme.name, f"{sram_bytes(found.plan):,} of {budget_bytes:,} bytes"
    said = f"found: {name}, {took}, {found.measured:+.1f} points of certainty over the head alone"
    return f'{said}\nto train it: `scheme: {{kind: named, name: "{name}"}}` under `training`'
