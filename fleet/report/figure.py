"""One figure: what it shows in words, its Plotly traces and layout, and its data as a table.

Figures are plain dictionaries in Plotly's schema (a test checks them against it). A colour is written '@name' and
looked up in PALETTE when the page draws, so that light, dark and paper need no second figure.

Colours are Okabe and Ito's (https://jfly.uni-koeln.de/color/, safe for colour-blind readers), each with one meaning
through the whole report; what is only compared with is grey and dashed.
"""

from dataclasses import dataclass, field, replace
from html import escape
from typing import Any

from fleet.report.numbers import THIN

Trace = dict[str, Any]
Layout = dict[str, Any]

# name: (light, dark)
PALETTE = {
    "fleet": ("#0072B2", "#0072B2"),  # the federated fleet, mean over nodes
    "fleet-text": ("#0072B2", "#5AB1E6"),  # words about it, readable on dark
    "worst": ("#D55E00", "#D55E00"),  # the worst case: worst node, memory peak, what went wrong
    "worst-text": ("#B04E00", "#F08A3C"),
    "compute": ("#E69F00", "#E69F00"),
    "up": ("#009E73", "#009E73"),  # transmit; node to server
    "down": ("#56B4E9", "#56B4E9"),  # receive; server to node
    "sense": ("#CC79A7", "#CC79A7"),
    "flash": ("#F0E442", "#F0E442"),
    "sleep": ("#999999", "#999999"),
    "wake": ("#4D4D4D", "#D0D0D0"),
    "checkpoint": ("#8C5A2B", "#C08A55"),
    "ink": ("#16191D", "#ECEEF1"),
    "muted": ("#5B636E", "#A3ABB6"),
    "faint": ("#8A94A3", "#7C8694"),
    "grid": ("#E4E7EB", "#2E343C"),
    "paper": ("#FFFFFF", "#14171B"),
    "card": ("#F5F6F8", "#1C2026"),
    "ours": ("#717B89", "#8C96A4"),  # memory that our plan uses
    "ours-two": ("#9099A6", "#6E7884"),  # its neighbour in the bar
    "reserved": ("#CBD0D7", "#4A525D"),  # memory that the board's own software keeps
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of the report.

    name: its id in the page and the name of its files.
    finding: what it shows, with the number. caption: how to read it, with units.
    columns, rows: its data, for the CSV file.
    """

    name: str
    finding: str
    caption: str
    traces: list[Trace]
    layout: Layout
    height: int
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def cut(self, most_rows: int | None) -> "Figure":
        """The figure with so many rows of data, and a word about the others."""
        if most_rows is None or len(self.rows) <= most_rows:
            return self
        more = (
            f" The CSV file has the first {most_rows:,} of {len(self.rows):,} rows; the run folder's tables have all."
        )
        return replace(self, rows=self.rows[:most_rows], caption=self.caption + more)

    def spec(self) -> dict[str, Any]:
        """What the page's script needs to draw it."""
        layout = {**_base(), **self.layout, "height": self.height}
        return {"data": self.traces, "layout": layout, "csv": [self.columns, *self.rows]}


def _base() -> Layout:
    """What all figures have in common."""
    return {
        "font": {
            "family": "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
            "size": 13,
            "color": "@ink",
        },
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 60, "r": 20, "t": 14, "b": 50},
        "hovermode": "closest",
        "hoverlabel": {
            "bgcolor": "@card",
            "bordercolor": "@muted",
            "font": {"color": "@ink", "size": 13},
            "align": "left",
        },
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"color": "@ink"},
            "traceorder": "normal",
        },
        "barmode": "stack",
        "bargap": 0.25,
    }


def axis(title: str, **more: Any) -> dict[str, Any]:
    """One axis with its title, which holds the unit."""
    return {
        "title": {"text": title, "font": {"color": "@muted", "size": 12}, "standoff": 8},
        "gridcolor": "@grid",
        "linecolor": "@faint",
        "tickfont": {"color": "@muted", "size": 12},
        "zeroline": False,
        "automargin": True,
        **more,
    }


def time_axis(longest_us: int) -> tuple[str, int]:
    """Unit and its worth in microseconds, for an axis that ends at longest_us."""
    for unit, worth in (("d", 86_400 * 10**6), ("h", 3600 * 10**6), ("min", 60 * 10**6)):
        if longest_us >= 3 * worth:
            return unit, worth
    return "s", 10**6


def hover(*lines: str) -> str:
    """Lines of a hover box; what a user named cannot become markup."""
    return "<br>".join(escape(line, quote=False) for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndLabel:
    """A line's name and value, to be written at its end; text holds one or more lines."""

    y: float
    text: tuple[str, ...]
    colour: str
    bold: bool = False


def end_labels(labels: list[EndLabel], line_height: float, top: float) -> list[dict[str, Any]]:
    """Annotations right of the plot, moved apart so that none covers another; line_height and top in units of y."""
    ordered = sorted(labels, key=lambda label: label.y)
    places: list[float] = []
    for below, label in zip([None, *ordered], ordered, strict=False):
        free = places[-1] + line_height * (len(below.text) + len(label.text)) / 2 if below else label.y
        places.append(max(label.y, free))
    overshoot = max(0.0, places[-1] - top) if places else 0.0
    return [_end_label(label, y - overshoot) for label, y in zip(ordered, places, strict=True)]


def _end_label(label: EndLabel, y: float) -> dict[str, Any]:
    text = hover(*label.text)
    return {
        "xref": "paper",
        "x": 1.01,
        "xanchor": "left",
        "y": y,
        "yanchor": "middle",
        "showarrow": False,
        "align": "left",
        "text": f"<b>{text}</b>" if label.bold else text,
        "font": {"color": label.colour, "size": 12},
    }


def node_ticks(nodes: list[int]) -> dict[str, Any]:
    """A category axis with one row per node, the first on top."""
    return axis(
        "node",
        type="category",
        autorange="reversed",
        tickmode="array",
        tickvals=[str(node) for node in nodes],
        ticktext=[f"{node}{THIN}" for node in nodes],
        showgrid=False,
    )
