"""`fleet plan FILE --search`: the scheme that learns most of a scenario within a budget, as tables."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.run.progress import Progress
from fleet.run.search import Found, search, task_of
from fleet.run.search.memory import sram_bytes
from fleet.scenario import Scenario

if TYPE_CHECKING:
    from fleet.run.search.find import Line

HEADINGS = ("scheme", "SRAM", "predicted", "certainty", "recognised")


def searched(
    scenario: Scenario, *, budget_bytes: int, selector: str, out: Path, jobs: int, progress: Progress
) -> Found:
    """The search of a scenario's own model, data and seed. Errors as fleet.run.search.search."""
    graph, task = task_of(scenario)
    return search(
        graph, task, budget_bytes=budget_bytes, selector=selector, out=out, seed=scenario.seed, jobs=jobs,
        progress=progress,
    )  # fmt: skip


def found_rows(found: Found) -> Iterator[tuple[str, ...]]:
    """One row for each scheme that was trained in the end, under HEADINGS; the one that was found comes first."""
    yield from (_row(line) for line in found.table)


def _row(line: "Line") -> tuple[str, ...]:
    predicted = "" if line.predicted is None else f"{line.predicted:+.1f}"
    return line.scheme, f"{line.sram_bytes:,} B", predicted, f"{line.certainty:.1f} %", f"{line.accuracy:.1f} %"


def closing(found: Found, budget_bytes: int) -> str:
    """What was found, in one sentence."""
    took = f"{sram_bytes(found.plan):,} of {budget_bytes:,} bytes"
    return f"found: {found.scheme.name}, {took}, {found.measured:+.1f} points of certainty over the head alone"
