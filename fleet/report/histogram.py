"""How many nodes have how much of something: one figure for any number of nodes."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.report.figure import Figure, Trace, axis, hover
from fleet.report.numbers import Words, count

BINS: Final = 48
WIDE: Final = 20  # largest over least, above which the axis is logarithmic

Floats = NDArray[np.float64]


def histogram(
    values: Floats, *, name: str, finding: str, caption: str, title: str, unit: str, worth: float, words: Words,
    most: float | None = None,
) -> Figure:  # fmt: skip
    """Nodes by value. worth: of the axis' unit in that of values. words: what a value is called. most: end of the axis.

    values: at least one, none of them infinite.
    """
    edges, wide = _edges(values, most)
    amounts, _ = np.histogram(values, edges)
    return Figure(
        name=name,
        finding=finding,
        caption=f"{caption} {_spread(values, words)}",
        traces=[_bars(edges / worth, amounts, edges, words)],
        layout={
            "xaxis": axis(title, **_scale(edges / worth, wide)),
            "yaxis": axis("nodes", rangemode="tozero"),
            "margin": {"l": 60, "r": 20, "t": 14, "b": 48},
            "bargap": 0,
            "showlegend": False,
        },
        height=300,
        columns=(f"from_{unit}", f"to_{unit}", "nodes"),
        rows=[
            (float(f"{a:.6g}"), float(f"{b:.6g}"), int(n)) for a, b, n in zip(edges, edges[1:], amounts, strict=False)
        ],
    )


def _edges(values: Floats, most: float | None) -> tuple[Floats, bool]:
    """Ends of the bars, and whether they grow by a factor."""
    least, largest = float(values.min()), float(values.max())
    if most is not None:
        return np.linspace(min(least, most), max(largest, most), BINS + 1), False
    if least > 0 and largest / least > WIDE:
        return np.geomspace(least * 0.999, largest * 1.001, BINS + 1), True
    room = (largest - least) or max(abs(largest), 1.0)
    return np.linspace(least - room * 0.001, largest + room * 0.001, BINS + 1), False


def _scale(edges: Floats, wide: bool) -> dict[str, Any]:
    ends = np.log10(edges[[0, -1]]) if wide else edges[[0, -1]]
    return {"type": "log" if wide else "linear", "range": [float(ends[0]), float(ends[1])]}


def _bars(shown: Floats, amounts: NDArray[Any], edges: Floats, words: Words) -> Trace:
    return {
        "type": "bar",
        "x": [float(f"{x:.6g}") for x in shown[:-1]],
        "width": [float(f"{x:.6g}") for x in np.diff(shown)],
        "offset": 0,
        "y": amounts.tolist(),
        "text": [
            hover(f"{words(a)} to {words(b)}", count(int(n), "node"))
            for a, b, n in zip(edges[:-1].tolist(), edges[1:].tolist(), amounts, strict=True)
        ],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": "@fleet", "line": {"width": 0}},
    }


def _spread(values: Floats, words: Words) -> str:
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9)).tolist()
    if low == high:
        return f"At least eight in ten nodes: {words(middle)}."
    return f"Median {words(middle)}; eight in ten nodes lie between {words(low)} and {words(high)}."
