"""Counting a core's instructions: the table that time and energy are modelled from, written or checked."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import typer

from fleet.base.errors import CheckFailed, InputError
from fleet.base.places import package_data
from fleet.cli import show
from fleet.node.cost import core_table, cores
from fleet.node.twin import calibrate

BOUND: Final = 0.25
"""How far a step of a sample may be from the model before its table is called stale."""


def _says(core: str) -> Callable[[str], None]:
    """Progress for people, beside what is printed."""
    return lambda name: typer.echo(f"{core}: {name}", err=True)


def write_tables(chosen: Sequence[str], out: Path | None) -> None:
    """Counts cores and writes a table for each. out: a folder; the package's own unless given."""
    folder = out or package_data("node", "cost", "counts")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        text = f"expected a folder to write to, got {fault.strerror}; name another"
        raise InputError.one(f"--out {folder}", text) from fault
    for core in chosen or cores():
        table, seen = calibrate.counted_table(core, progress=_says(core))
        path = folder / f"{core}.yaml"
        path.write_text(calibrate.table_text(table), encoding="utf-8")
        lines = tuple(calibrate.compared(table, seen))
        show.console().print(show.table(calibrate.HEADINGS, [line.cells for line in lines], left=1))
        typer.echo(f"{path}: engine {table.engine}, {table.compiler}; worst step {100 * table.error:.1f} % off")


def check_tables(chosen: Sequence[str]) -> None:
    """Counts again and holds the shipped tables against it; CheckFailed for one that no longer tells."""
    stale = []
    for core in chosen or cores():
        _, seen = calibrate.counted_table(core, progress=_says(core))
        lines = tuple(calibrate.compared(core_table(core), seen))
        show.console().print(show.table(calibrate.HEADINGS, [line.cells for line in lines], left=1))
        stale += [f"  {core}: {' '.join(line.cells)}" for line in lines if abs(line.off) > BOUND]
    if stale:
        head = f"expected every step within {100 * BOUND:g} % of its table, got {len(stale)} off; run fleet calibrate"
        raise CheckFailed("\n".join([head, *stale]))
