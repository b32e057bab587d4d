"""Figures of a fleet whose nodes are too many for a row each: energy by group and cause, and how nodes are spread."""

from typing import Final

import numpy as np

from fleet.record import CAUSES, SumRow
from fleet.report.colours import COLOURS
from fleet.report.crowd import NEVER, Crowd
from fleet.report.figure import Figure, Trace, axis, hover, time_axis
from fleet.report.histogram import histogram
from fleet.report.numbers import count, duration, energy, lifetime, percent
from fleet.report.story import SENSING, Story

YEAR_US: Final = 365 * 86_400 * 10**6
MOST_YEARS: Final = 1_000  # more is no battery's; what lasts longer is counted there
STEPS: Final = 400  # of a line over time: more are not told apart


def everyones_energy(story: Story) -> list[Figure]:
    """Energy by group and cause, energy used and battery life left over nodes, and who is still there."""
    crowd = story.crowd
    if crowd is None:
        return []
    found = [_groups_figure(story), _used_figure(crowd), _left_figure(story, crowd), alive_figure(story, crowd)]
    return [figure for figure in found if figure is not None]


def _groups_figure(story: Story) -> Figure | None:
    """Mean energy per node of each group by cause, over all nodes."""
    rows = [row for row in story.sums if row.line == "federated"]
    if not any(row.energy_nj for row in rows):
        return None
    groups = {row.group: f"{count(row.nodes, 'node')}, {row.board}" for row in rows}
    spent = [cause for cause in CAUSES if any(row.energy_nj for row in rows if row.cause == cause)]
    return Figure(
        name="energy-groups",
        finding=_groups_finding(rows),
        caption=f"Energy drawn per node over the whole run, in joules, by what the nodes were doing: the mean of each "
        f"group of the fleet, all {count(story.size, 'node')} counted.",
        traces=[_group_trace([row for row in rows if row.cause == cause], cause, groups) for cause in spent],
        layout={
            "xaxis": axis("energy drawn per node, J", rangemode="tozero"),
            "yaxis": axis("", type="category", autorange="reversed", showgrid=False),
            "margin": {"l": 60, "r": 20, "t": 30, "b": 48},
        },
        height=150 + 44 * len(groups),
        columns=("group", "board", "nodes", "cause", "energy_nj", "time_us"),
        rows=[(row.group, row.board, row.nodes, row.cause, row.energy_nj, row.time_us) for row in rows],
    )


def _groups_finding(rows: list[SumRow]) -> str:
    causes = {cause: sum(row.energy_nj for row in rows if row.cause == cause) for cause in CAUSES}
    total, most = sum(causes.values()), max(causes, key=lambda cause: causes[cause])
    nodes = sum({row.group: row.nodes for row in rows}.values())
    share = percent(causes[most] / total)
    return f"{most.capitalize()} takes {share} of the fleet's energy; a node draws {energy(total / nodes)} on average"


def _group_trace(rows: list[SumRow], cause: str, groups: dict[int, str]) -> Trace:
    return {
        "type": "bar",
        "orientation": "h",
        "name": cause,
        "y": [groups[row.group] for row in rows],
        "x": [row.energy_nj / row.nodes / 1e9 for row in rows],
        "text": [
            hover(
                groups[row.group],
                f"{cause}: {energy(row.energy_nj / row.nodes)} in {duration(row.time_us // row.nodes)} per node",
                f"all nodes: {energy(row.energy_nj)}{', beside the rest' if cause == SENSING else ''}",
            )
            for row in rows
        ],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": COLOURS[cause], "line": {"width": 0}},
    }


def _used_figure(crowd: Crowd) -> Figure:
    most = int(crowd.drawn_nj.argmax())
    return histogram(
        crowd.drawn_nj.astype(np.float64), name="energy-used", unit="nj", worth=1e9, words=energy,
        finding=f"Node {crowd.node[most]} draws most, {energy(int(crowd.drawn_nj[most]))}; "
        f"the mean is {energy(crowd.mean_nj())}",
        caption=f"Energy drawn over the whole run: how many of {count(len(crowd), 'node')} drew how much, in joules.",
        title="energy drawn, J",
    )  # fmt: skip


def _left_figure(story: Story, crowd: Crowd) -> Figure | None:
    """How long stores go on from the end at the pace of the run; None where none of them gets emptier."""
    lasting = crowd.lasting_us(story.end_us)
    chosen = np.isfinite(lasting) & (crowd.died_us == NEVER)
    if not chosen.any():
        return None
    least = int(np.argmin(np.where(chosen, lasting, np.inf)))
    charged = int((np.isinf(lasting) & (crowd.start_nj > 0)).sum())
    more = f" {count(charged, 'node')} not counted: what came in was as much as went out." if charged else ""
    return histogram(
        np.minimum(lasting[chosen], MOST_YEARS * YEAR_US), name="life-left", unit="us", worth=YEAR_US,
        words=lambda us: lifetime(int(us)),
        finding=f"Half of the nodes have energy for another {lifetime(int(np.median(lasting[chosen])))}, "
        f"the first to stop, node {crowd.node[least]}, for {lifetime(int(lasting[least]))}",
        caption="How long a store goes on after the run if it empties at the pace of the run, in years of 365 days; "
        f"self-discharge only as far as the store's model has it.{more}",
        title="battery life left at this pace, years",
    )  # fmt: skip


def alive_figure(story: Story, crowd: Crowd) -> Figure | None:
    """Nodes with energy over virtual time; None where none went out."""
    times_us = np.sort(crowd.died_us[crowd.died_us != NEVER])
    if not len(times_us):
        return None
    places = np.unique(np.linspace(0, len(times_us) - 1, STEPS).astype(np.int64))
    end_us = max(story.end_us, int(times_us[-1]))
    unit, worth = time_axis(end_us)
    points = [(0, len(crowd)), *((int(times_us[n]), len(crowd) - n - 1) for n in places.tolist())]
    points.append((end_us, crowd.alive))
    return Figure(
        name="alive",
        finding=f"{len(times_us):,} of {count(len(crowd), 'node')} are out at the end, "
        f"the first after {duration(int(times_us[0]))}",
        caption="Nodes that are alive, over virtual time. A node that is off for want of energy when the run ends "
        "counts as out from when that began.",
        traces=[
            {
                "type": "scatter",
                "mode": "lines",
                "x": [round(time_us / worth, 6) for time_us, _ in points],
                "y": [left for _, left in points],
                "text": [hover(duration(time_us), f"{count(left, 'node')} alive") for time_us, left in points],
                "hovertemplate": "%{text}<extra></extra>",
                "line": {"color": "@worst", "width": 2.5, "shape": "hv"},
                "showlegend": False,
            }
        ],
        layout={
            "xaxis": axis(f"virtual time, {unit}", rangemode="tozero"),
            "yaxis": axis("nodes alive", rangemode="tozero"),
            "margin": {"l": 60, "r": 20, "t": 14, "b": 48},
        },
        height=280,
        columns=("time_us", "alive"),
        rows=list(points),
    )


def transmitter_figure(story: Story, crowd: Crowd) -> Figure:
    """How long nodes' transmitters were on, reports included."""
    most = int(crowd.sent_us.argmax())
    share = f" ({percent(int(crowd.sent_us[most]) / story.end_us)} of the time)" if story.end_us else ""
    return histogram(
        crowd.sent_us.astype(np.float64), name="transmitter", unit="us", worth=1e6, words=lambda us: duration(int(us)),
        finding=f"A node's transmitter is on for {duration(int(crowd.sent_us.mean()))} on average, that of node "
        f"{crowd.node[most]} for {duration(int(crowd.sent_us[most]))}{share}",
        caption=f"Time that transmitters were on over the whole run: how many of {count(len(crowd), 'node')}, in "
        f"seconds, rounds and reports together.",
        title="transmitter on, s",
    )  # fmt: skip
