"""Reports that nodes send by themselves between rounds: how many were sent, how many were heard, at which nodes."""

from typing import Final

import numpy as np

from fleet.report.crowd import Crowd
from fleet.report.figure import Figure, Trace, axis, hover, node_ticks
from fleet.report.histogram import histogram
from fleet.report.numbers import count, percent
from fleet.report.story import Story

SHOWN_NODES: Final = 60  # as of other bars


def delivered(crowd: Crowd) -> float | None:
    """Share of all reports that were heard; None where none was sent."""
    sent = int(crowd.reports.sum())
    return int(crowd.heard.sum()) / sent if sent else None


def delivery_figure(story: Story) -> Figure | None:
    """Reports heard of those sent, by node; over nodes where there are many. None where nobody reports."""
    crowd = story.crowd
    if crowd is None or not crowd.reports.any():
        return None
    return _bars(story, crowd) if len(crowd) <= SHOWN_NODES else _spread(crowd)


def _finding(crowd: Crowd) -> str:
    sent, heard = int(crowd.reports.sum()), int(crowd.heard.sum())
    lost = f"{sent - heard:,} did not" if sent > heard else "none was lost"
    return f"{percent(heard / sent)} of {count(sent, 'report')} arrived; {lost}"


def _spread(crowd: Crowd) -> Figure:
    sends = crowd.reports > 0
    shares = crowd.heard[sends] / crowd.reports[sends]
    worst = int(crowd.node[sends][int(np.argmin(shares))])
    silent = int((~sends).sum())
    return histogram(
        shares, name="delivery", unit="share", worth=0.01, words=percent, most=1.0,
        finding=f"{_finding(crowd)}; worst at node {worst}, {percent(float(shares.min()))}",
        caption="Reports that arrived of those that a node sent by itself between rounds, in per cent: how many of "
        f"{count(int(sends.sum()), 'node')}{f'; {silent:,} sent none' if silent else ''}.",
        title="reports that arrived, %",
    )  # fmt: skip


def _bars(story: Story, crowd: Crowd) -> Figure:
    shown = np.argsort(crowd.heard - crowd.reports, kind="stable").tolist()
    return Figure(
        name="delivery",
        finding=_finding(crowd),
        caption="Reports that each node sent by itself between rounds over the whole run; the node that lost most on "
        "top.",
        traces=[_trace(story, crowd, shown, lost) for lost in (False, True)],
        layout={
            "xaxis": axis("reports", rangemode="tozero"),
            "yaxis": node_ticks([int(crowd.node[n]) for n in shown]),
            "margin": {"l": 52, "r": 20, "t": 30, "b": 48},
        },
        height=110 + 24 * max(len(shown), 3),
        columns=("node", "reports", "heard"),
        rows=[(int(crowd.node[n]), int(crowd.reports[n]), int(crowd.heard[n])) for n in shown],
    )


def _trace(story: Story, crowd: Crowd, shown: list[int], lost: bool) -> Trace:
    amounts = crowd.reports - crowd.heard if lost else crowd.heard
    nodes = [int(crowd.node[n]) for n in shown]
    return {
        "type": "bar",
        "orientation": "h",
        "name": "lost" if lost else "heard",
        "y": [str(node) for node in nodes],
        "x": [int(amounts[n]) for n in shown],
        "text": [
            hover(story.person(node), f"{int(crowd.heard[n]):,} of {count(int(crowd.reports[n]), 'report')} heard")
            for node, n in zip(nodes, shown, strict=True)
        ],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "customdata": [[node] for node in nodes],
        "marker": {"color": "@worst" if lost else "@up", "line": {"width": 0, "color": "@ink"}},
    }
