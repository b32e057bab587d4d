"""Rows, tables and the figure of a comparison of training methods: each at its best rate, paired with a peer."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

import plotly.graph_objects as go
from plotly.subplots import make_subplots


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Shares recognised after training, in per cent. changed: trained weights that differ from the first ones."""

    task: str
    seed: int
    scheme: str
    method: str
    rate: float
    validation: float
    test: float
    changed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A method at its best rate. apart, error: paired mean difference to the peer and its standard error."""

    method: str
    rate: float
    mean: float
    spread: float
    apart: float
    error: float
    changed: float

    def __str__(self) -> str:
        return (
            f"{self.method:28} {self.rate:8g} {self.mean:6.1f} {self.spread:5.1f} {self.apart:+8.1f} "
            f"{self.error:5.1f} {self.changed:7.1f}%"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """All methods of one task and scheme."""

    title: str
    lines: tuple[Line, ...]

    def __str__(self) -> str:
        head = f"{'method':28} {'rate':>8} {'mean':>6} {'sd':>5} {'vs peer':>8} {'s.e.':>5} {'changed':>8}"
        return "\n".join(
            ["", f"{self.title}: test accuracy in %, rate chosen on validation", head, *map(str, self.lines)]
        )


def begin_rows(path: Path) -> None:
    """Writes the head line of a file that has none."""
    if not path.is_file():
        path.write_text(",".join(field.name for field in fields(Row)) + "\n")


def append_row(path: Path, row: Row) -> None:
    """Adds one line in a single write, so that processes do not mix theirs."""
    with path.open("a") as file:
        file.write(",".join(str(value) for value in asdict(row).values()) + "\n")


def read_rows(path: Path) -> list[Row]:
    """All rows made so far."""
    if not path.is_file():
        return []
    kinds = {"seed": int, "rate": float, "validation": float, "test": float, "changed": float}
    with path.open(newline="") as file:
        return [Row(**{name: kinds.get(name, str)(text) for name, text in row.items()}) for row in csv.DictReader(file)]


def table_of(rows: Sequence[Row], order: Sequence[str], *, peer: str) -> Table | None:
    """The methods that have rows, in this order; None without rows of the peer. rows: of one task and scheme."""
    found = {name: at_best_rate([row for row in rows if row.method == name]) for name in order}
    if not found.get(peer):
        return None
    seeds = len(found[peer])
    lines = tuple(_lines({name: chosen for name, chosen in found.items() if chosen}, peer))
    return Table(title=f"{rows[0].task}, scheme {rows[0].scheme}, {seeds} seeds", lines=lines)


def at_best_rate(rows: Sequence[Row]) -> list[Row]:
    """The rows of the rate with the best mean validation accuracy (the least of equals), by seed."""
    rates = sorted({row.rate for row in rows})
    by_rate = {rate: sorted((r for r in rows if r.rate == rate), key=lambda r: r.seed) for rate in rates}
    return max(by_rate.values(), key=lambda tried: fmean(row.validation for row in tried), default=[])


def _lines(best: dict[str, list[Row]], peer: str) -> Iterator[Line]:
    by_seed = {row.seed: row.test for row in best[peer]}
    for name, chosen in best.items():
        apart = [row.test - by_seed[row.seed] for row in chosen if row.seed in by_seed]
        tests = [row.test for row in chosen]
        yield Line(
            method=name,
            rate=chosen[0].rate,
            mean=fmean(tests),
            spread=stdev(tests) if len(tests) > 1 else 0.0,
            apart=fmean(apart) if apart else float("nan"),
            error=stdev(apart) / sqrt(len(apart)) if len(apart) > 1 else 0.0,
            changed=fmean(row.changed for row in chosen),
        )


def write_figure(path: Path, tables: Sequence[Table]) -> None:
    """One panel per table: paired differences to the peer with their standard errors. One file, opens offline."""
    if not tables:
        return
    figure = make_subplots(rows=len(tables), cols=1, subplot_titles=[table.title for table in tables])
    for number, table in enumerate(tables, start=1):
        figure.add_trace(_differences(table), row=number, col=1)
        figure.add_hline(y=0, line_width=1, row=number, col=1)
        figure.update_yaxes(title_text="points against the peer", range=[-12, 8], row=number, col=1)
    figure.update_layout(height=420 * len(tables), showlegend=False, template="plotly_white")
    figure.update_layout(
        title="Accuracy after on-device training, difference to float fine-tuning; below -12: see table"
    )
    figure.write_html(path, include_plotlyjs=True)


def _differences(table: Table) -> go.Scatter:
    lines = table.lines[1:]
    return go.Scatter(
        x=[line.method for line in lines],
        y=[max(line.apart, -11.5) for line in lines],
        error_y={"array": [line.error if line.apart > -11.5 else 0 for line in lines]},
        mode="markers",
        marker={"symbol": ["triangle-down" if line.apart < -11.5 else "circle" for line in lines], "size": 9},
        text=[f"{line.mean:.1f} % at rate {line.rate:g}" for line in lines],
    )
