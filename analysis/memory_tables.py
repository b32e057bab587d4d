"""Rows, tables and the figure of accuracy against memory: every scheme at its best rate, families at equal SRAM."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from io import StringIO
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev

import plotly.graph_objects as go
from plotly.subplots import make_subplots

KB = 1000
MATCHES = f"{'budget':>8} {'ours':8} {'test':>6}   {'rival':12} {'test':>6} {'apart':>7} {'s.e.':>5}   better in"
COLOURS = {
    "sparse": "#d62728", "fisher": "#9467bd", "last_k": "#1f77b4", "bias": "#2ca02c", "head": "#7f7f7f",
    "full": "#000000", "random": "#bcbd22", "lite_residual": "#ff7f0e", "bn": "#17becf",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One training. point: what is compared over seeds, `last_k:2` or `sparse@12000` of a budget in bytes.

    scheme: what trained; of a search it differs by seed. validation, test: recognised, in per cent.
    """

    task: str
    seed: int
    point: str
    scheme: str
    sram_bytes: int
    rate: float
    validation: float
    test: float

    @property
    def family(self) -> str:
        """sparse, fisher, random, last_k, bias, head, full, lite_residual or bn."""
        return self.point.partition(":")[0].partition("@")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What is compared, at its best rate: one row per seed, by seed."""

    name: str
    rows: tuple[Row, ...]

    @property
    def family(self) -> str:
        return self.rows[0].family

    @property
    def rate(self) -> float:
        return self.rows[0].rate

    @property
    def sram_bytes(self) -> float:
        """Mean over seeds."""
        return fmean(row.sram_bytes for row in self.rows)

    @property
    def validation(self) -> float:
        return fmean(row.validation for row in self.rows)

    @property
    def test(self) -> float:
        return fmean(row.test for row in self.rows)

    @property
    def error(self) -> float:
        """Standard error of the mean on the test part."""
        return standard_error([row.test for row in self.rows])

    def __str__(self) -> str:
        spread = f"{self.test:6.1f} {self.error:5.1f}"
        return f"{self.name:20} {self.sram_bytes / KB:8.2f} {self.rate:9g} {self.validation:7.1f} {spread}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A searched scheme against the best of a family within its budget; best: on validation. apart: paired, test."""

    budget_bytes: int
    ours: Point
    rival: Point

    @property
    def apart(self) -> list[float]:
        by_seed = {row.seed: row.test for row in self.rival.rows}
        return [row.test - by_seed[row.seed] for row in self.ours.rows if row.seed in by_seed]

    def __str__(self) -> str:
        apart = self.apart
        wins = sum(one > 0 for one in apart)
        return (
            f"{self.budget_bytes / KB:8.2f} {self.ours.family:8} {self.ours.test:6.1f}   {self.rival.name:12} "
            f"{self.rival.test:6.1f} {fmean(apart):+7.1f} {standard_error(apart):5.1f}   {wins} of {len(apart)}"
        )


def standard_error(values: Sequence[float]) -> float:
    """Of their mean; 0 for one value."""
    return stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0


# --- rows ------------------------------------------------------------------------------------------------------


def append_rows(path: Path, rows: Iterable[Row]) -> None:
    """Adds lines in a single write, so that processes do not mix theirs."""
    lines = [",".join(f'"{value}"' for value in asdict(row).values()) + "\n" for row in rows]
    with path.open("a") as file:
        file.write("".join(lines))


def begin_rows(path: Path) -> None:
    """Writes the head line of a file that has none, and cuts off a last line that is not whole."""
    if not path.is_file():
        path.write_text(",".join(field.name for field in fields(Row)) + "\n")
    content = path.read_text()
    path.write_text(content[: content.rfind("\n") + 1])


def read_rows(path: Path) -> list[Row]:
    """All rows made so far; a last line that is being written, or was cut, is left out."""
    if not path.is_file():
        return []
    kinds: dict[str, Callable[[str], object]] = {"seed": int, "sram_bytes": int}
    kinds |= dict.fromkeys(("rate", "validation", "test"), float)
    content = path.read_text()
    return [
        Row(**{name: kinds.get(name, str)(text) for name, text in row.items()})  # type: ignore[arg-type]
        for row in csv.DictReader(StringIO(content[: content.rfind("\n") + 1]))
    ]


# --- tables ----------------------------------------------------------------------------------------------------


def points_of(rows: Iterable[Row]) -> list[Point]:
    """Of one task: every point at the rate with the best mean validation accuracy, the least of equals."""
    by_point: dict[str, dict[float, list[Row]]] = {}
    for row in rows:
        by_point.setdefault(row.point, {}).setdefault(row.rate, []).append(row)
    return sorted(
        (_at_best_rate(name, tried) for name, tried in by_point.items()), key=lambda p: (p.sram_bytes, p.name)
    )


def _at_best_rate(name: str, tried: dict[float, list[Row]]) -> Point:
    """Of the rates that were tried with the most seeds."""
    seeds = max(map(len, tried.values()))
    whole = sorted(rate for rate, rows in tried.items() if len(rows) == seeds)
    rate = max(whole, key=lambda each: fmean(row.validation for row in tried[each]))
    return Point(name=name, rows=tuple(sorted(tried[rate], key=lambda row: row.seed)))


def matches(points: Sequence[Point], family: str, rivals: str) -> list[Match]:
    """Every point of a family with budgets against the rivals' best on validation that fits in every seed."""
    found = []
    for ours in (point for point in points if point.family == family):
        budget = int(ours.name.partition("@")[2])
        there = [p for p in points if p.family == rivals and max(row.sram_bytes for row in p.rows) <= budget]
        if there:
            found.append(Match(budget_bytes=budget, ours=ours, rival=max(there, key=lambda p: p.validation)))
    return sorted(found, key=lambda match: match.budget_bytes)


def text_of(task: str, points: Sequence[Point]) -> str:
    """All points of a task, then the searched schemes against last_k, bias and chance at equal SRAM."""
    seeds = max(len(point.rows) for point in points)
    lines = ["", f"{task}, {seeds} seeds: test accuracy in %, rates chosen on validation, SRAM in kB (1000 B)"]
    lines.append(f"{'scheme':20} {'SRAM':>8} {'rate':>9} {'valid.':>7} {'test':>6} {'s.e.':>5}")
    lines += map(str, points)
    for rivals in ("last_k", "bias", "random"):
        found = [match for family in ("sparse", "fisher") for match in matches(points, family, rivals)]
        if found:
            lines += ["", f"{task}, searched against the best {rivals} within the same budget", MATCHES]
            lines += map(str, found)
    return "\n".join(lines)


# --- figure ----------------------------------------------------------------------------------------------------


def write_figure(path: Path, tasks: Mapping[str, Sequence[Point]]) -> None:
    """One panel per task: test accuracy against planned SRAM, a line per family. One file, opens offline."""
    figure = make_subplots(rows=len(tasks), cols=1, subplot_titles=list(tasks), vertical_spacing=0.12)
    for number, points in enumerate(tasks.values(), start=1):
        for family in COLOURS:
            chosen = [point for point in points if point.family == family]
            if chosen:
                figure.add_trace(_line(family, chosen, legend=number == 1), row=number, col=1)
        figure.update_xaxes(title_text="planned SRAM, kB: trained state and arena", row=number, col=1)
        figure.update_yaxes(title_text="test accuracy, %", row=number, col=1)
    figure.update_layout(height=520 * len(tasks), template="plotly_white", hovermode="closest")
    figure.update_layout(title="What a scheme learns for its memory; bars: standard error over seeds")
    figure.write_html(path, include_plotlyjs=True)


def _line(family: str, points: Sequence[Point], *, legend: bool) -> go.Scatter:
    return go.Scatter(
        name=family,
        legendgroup=family,
        showlegend=legend,
        x=[point.sram_bytes / KB for point in points],
        y=[point.test for point in points],
        error_y={"array": [point.error for point in points], "thickness": 1},
        mode="lines+markers",
        marker={"color": COLOURS[family], "size": 8},
        line={"color": COLOURS[family], "width": 3 if family == "sparse" else 1},
        hovertext=[_hover(point) for point in points],
        hoverinfo="text",
    )


def _hover(point: Point) -> str:
    schemes = "<br>".join(f"seed {row.seed}: {row.scheme}, {row.test:.1f} %" for row in point.rows)
    said = f"{point.test:.1f} ± {point.error:.1f} % in {point.sram_bytes / KB:.2f} kB at rate {point.rate:g}"
    return f"<b>{point.name}</b><br>{said}<br>{schemes}"
