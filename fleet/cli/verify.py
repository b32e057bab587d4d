"""`fleet verify`: a report for people or for machines; differences on standard error, exit code 1."""

from pathlib import Path

import typer

from fleet.base.errors import CheckFailed
from fleet.cli import show
from fleet.node import twin
from fleet.node.twin import report_json, tables


def verified(folder: Path, emulator: twin.Emulator | None, compiler: twin.Compiler, *, as_json: bool) -> None:
    """Prints what was compared; CheckFailed with every difference, after the object of --json."""
    try:
        report = twin.examine(folder, emulator=emulator, compiler=compiler)
    except CheckFailed as refusal:
        if as_json:
            typer.echo(report_json.refusal_text(str(refusal)))
        raise
    if as_json:
        typer.echo(report_json.as_text(report))
    if report.faults:
        raise twin.refused(folder, report)
    if not as_json:
        _show(folder, report)


def _show(folder: Path, report: twin.Report) -> None:
    screen = show.console()
    for headings, rows, left in (
        (tables.CHECK_HEADINGS, tables.check_rows(report), 3),
        (tables.MEMORY_HEADINGS, tables.memory_rows(report), 2),
        (tables.SECTION_HEADINGS, tables.section_rows(report), 2),
        (tables.count_headings(report), tables.count_rows(report), 1),
    ):
        screen.print(show.table(headings, rows, left=left))
        screen.print()
    typer.echo(tables.flags(report))
    typer.echo(tables.closing(report))
    typer.echo(f"{folder} and the simulation {tables.agreement(report)}")
