"""What came into stores and what they lost by themselves, beside what the nodes drew."""

from collections.abc import Mapping
from itertools import accumulate
from typing import Final

import numpy as np

from fleet.report.crowd import Crowd, Ints
from fleet.report.figure import Figure, Trace, axis, hover
from fleet.report.numbers import THIN, count, energy, percent
from fleet.report.story import Story

SHOWN_NODES: Final = 30  # four bars each
FLOWS: Final = {"supplied": "@fleet", "drawn": "@compute", "lost": "@worst", "change of the store": "@muted"}


def supply_figure(story: Story) -> Figure | None:
    """Energy supplied, drawn and lost, by node of a small fleet, else by group; None where nothing came or leaked."""
    crowd = story.crowd
    if crowd is None or not crowd.harvests:
        return None
    parts = _parts(story, crowd)
    means = {name: {key: float(column[part].mean()) for key, part in parts.items()} for name, column in _of(crowd)}
    whose = "each node" if len(parts) == len(crowd) else "the nodes of each group, mean"
    return Figure(
        name="supply",
        finding=_finding(crowd),
        caption=f"Energy over the whole run, in joules, of {whose}: what came in, what was drawn, what was lost as "
        "heat, leakage or because the store was full, and by how much the store is fuller or emptier at the end. "
        "Supplied = drawn + lost + difference, to the nanojoule.",
        traces=[_trace(name, means[name]) for name in means],
        layout={
            "xaxis": axis("energy, J"),
            "yaxis": axis("", type="category", autorange="reversed", showgrid=False),
            "barmode": "group",
            "margin": {"l": 60, "r": 20, "t": 30, "b": 48},
        },
        height=150 + 60 * len(parts),
        columns=("of", *(f"{name.replace(' ', '_')}_nj" for name in means)),
        rows=[(key, *(round(means[name][key]) for name in means)) for key in parts],
    )


def _of(crowd: Crowd) -> list[tuple[str, Ints]]:
    columns = (crowd.supplied_nj, crowd.drawn_nj, crowd.lost_nj, crowd.end_nj - crowd.start_nj)
    return list(zip(FLOWS, columns, strict=True))


def _parts(story: Story, crowd: Crowd) -> Mapping[str, slice]:
    """Whose bars are drawn: nodes, groups, or all."""
    if len(crowd) <= SHOWN_NODES:
        return {f"node {number}{THIN}": slice(n, n + 1) for n, number in enumerate(crowd.node.tolist())}
    groups = {row.group: row for row in story.sums if row.line == "federated"}
    ends = list(accumulate((row.nodes for row in groups.values()), initial=0))
    named = [f"group {row.group + 1}: {count(row.nodes, 'node')}, {row.board}" for row in groups.values()]
    return {name: slice(*ends[n : n + 2]) for n, name in enumerate(named)} or {"all nodes": slice(None)}


def _finding(crowd: Crowd) -> str:
    stored = crowd.stored
    came, drawn, lost = (int(c[stored].sum()) for c in (crowd.supplied_nj, crowd.drawn_nj, crowd.lost_nj))
    if not came:
        return f"Stores lost {energy(lost / len(crowd))} per node as heat or leakage"
    ran_down = int(((crowd.end_nj < crowd.start_nj) & stored).sum())
    return (
        f"Supplied {energy(came / len(crowd))} per node, {percent(came / drawn if drawn else None)} of what was drawn; "
        f"{energy(lost / len(crowd))} were lost; {ran_down:,} of {count(int(np.sum(stored)), 'store')} ended emptier"
    )


def _trace(name: str, means: Mapping[str, float]) -> Trace:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": list(means),
        "x": [mean / 1e9 for mean in means.values()],
        "text": [hover(key, f"{name}: {energy(mean)}") for key, mean in means.items()],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": FLOWS[name], "line": {"width": 0}},
    }
