"""What went wrong: when, who, what and why, in virtual time."""

from html import escape
from itertools import cycle

import numpy as np

from fleet.record import EVENTS, EventRow
from fleet.report.figure import Figure, Trace, axis, hover, time_axis
from fleet.report.numbers import count, duration
from fleet.report.story import Story

SHOWN_ROWS = 200
SHOWN_NODES = 60  # a row for each stays readable up to here
SPANS = 60  # of time, where nodes are too many for rows of their own
SYMBOLS = {
    "died": "x",
    "late": "triangle-right",
    "lost": "circle-open",
    "refused": "square",
    "stale": "diamond-open",
    "absent": "circle-dot",
    "stuck": "hash",
    "corrupt": "star",
    "power_cut": "cross-thin",
    "brown_out": "triangle-down",
    "rebooted": "triangle-up",
    "no_progress": "x-thin",
    "halted": "octagon",
}
WORDS = {
    "died": ("node died", "nodes died"),
    "late": ("late reply", "late replies"),
    "lost": ("lost transfer", "lost transfers"),
    "refused": ("refused update", "refused updates"),
    "stale": ("stale reply", "stale replies"),
    "absent": ("node out of reach", "nodes out of reach"),
    "stuck": ("stuck radio", "stuck radios"),
    "corrupt": ("corrupt model", "corrupt models"),
    "power_cut": ("power cut", "power cuts"),
    "brown_out": ("brown-out", "brown-outs"),
    "rebooted": ("restart", "restarts"),
    "no_progress": ("node without progress", "nodes without progress"),
    "halted": ("halted update", "halted updates"),
}
SERVER = "server"  # of what is no node's, such as a campaign that stops; its number is -1
SHADES = ("@worst", "@ours", "@compute", "@down", "@sense", "@ours-two", "@wake", "@reserved")
LINE_NAMES = {"federated": "federated", "alone": "alone", "fedavg": "plain FedAvg", "pretrained": "pretrained"}


def trouble_finding(story: Story) -> str:
    """One sentence that counts what went wrong in the federated line."""
    times_us = story.happened.times_us
    if not times_us:
        return "Nothing: no node died, no transfer was lost, no reply came late, no update was refused."
    found = [count(len(times_us[kind]), *WORDS[kind]) for kind in EVENTS if kind in times_us]
    return f"{', '.join(found)}."


def trouble_figure(story: Story) -> Figure | None:
    """Each thing that went wrong in the federated line, by node and virtual time; None when there is nothing."""
    if story.happened.nodes > SHOWN_NODES:
        return often_figure(story)
    rows = [row for row in story.events if row.line == "federated"]
    if not rows:
        return None
    unit, worth = time_axis(max([row.time_us for row in rows] + [moment.time_us for moment in story.moments]))
    nodes = sorted({row.node for row in rows})
    return Figure(
        name="events",
        finding="When and at which node",
        caption="One mark per event, over virtual time; only nodes that had one.",
        traces=[_kind_trace(story, rows, kind, worth) for kind in EVENTS if any(row.kind == kind for row in rows)],
        layout={
            "xaxis": axis(f"virtual time, {unit}", rangemode="tozero"),
            "yaxis": axis("node", type="category", categoryorder="array", categoryarray=[_who(node) for node in nodes]),
            "showlegend": True,
            "margin": {"l": 52, "r": 20, "t": 30, "b": 48},
        },
        height=130 + 22 * max(3, len(nodes)),
        columns=("time_us", "node", "round", "kind", "detail"),
        rows=[(row.time_us, row.node, row.round, row.kind, row.detail) for row in rows],
    )


def often_figure(story: Story) -> Figure:
    """How often each kind of thing went wrong, over virtual time: for many nodes."""
    times_us = story.happened.times_us
    end_us = max(story.end_us, *(int(times[-1]) for times in times_us.values()))
    unit, worth = time_axis(end_us)
    edges = np.linspace(0, end_us, SPANS + 1)
    counted = {kind: np.histogram(times_us[kind], edges)[0].tolist() for kind in EVENTS if kind in times_us}
    return Figure(
        name="events",
        finding=f"When, at {count(story.happened.nodes, 'node')}",
        caption=f"Events over virtual time, counted in {SPANS} equal spans.",
        traces=[
            {
                "type": "bar",
                "name": kind.replace("_", " "),
                "x": [round(float(edge) / worth, 6) for edge in edges[:-1]],
                "offset": 0,
                "width": round(end_us / SPANS / worth, 9),
                "y": amounts,
                "text": [hover(f"{amount:,} {WORDS[kind][amount != 1]}", f"from {duration(int(edge))}")
                         for amount, edge in zip(amounts, edges, strict=False)],
                "textposition": "none",
                "hovertemplate": "%{text}<extra></extra>",
                "marker": {"color": colour, "line": {"width": 0}},
            }
            for (kind, amounts), colour in zip(counted.items(), cycle(SHADES), strict=False)
        ],
        layout={
            "xaxis": axis(f"virtual time, {unit}", range=[0, end_us / worth]),
            "yaxis": axis("events", rangemode="tozero"),
            "bargap": 0,
            "showlegend": True,
            "margin": {"l": 60, "r": 20, "t": 30, "b": 48},
        },
        height=320,
        columns=("from_us", *counted),
        rows=[(int(edge), *(amounts[n] for amounts in counted.values())) for n, edge in enumerate(edges[:-1])],
    )  # fmt: skip


def _kind_trace(story: Story, rows: list[EventRow], kind: str, worth: int) -> Trace:
    own = [row for row in rows if row.kind == kind]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": kind,
        "x": [row.time_us / worth for row in own],
        "y": [_who(row.node) for row in own],
        "text": [
            hover(
                story.person(r.node) if r.node >= 0 else SERVER,
                f"round {r.round}: {r.kind}, {duration(r.time_us)}",
                r.detail,
            )
            for r in own
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "customdata": [[row.node] for row in own],
        "marker": {"color": "@worst", "size": 11, "symbol": SYMBOLS[kind], "line": {"width": 1.5, "color": "@worst"}},
    }


def _who(node: int) -> str:
    return str(node) if node >= 0 else SERVER


def trouble_table(story: Story) -> str:
    """HTML of all events, the federated line first; '' when there are none."""
    if not story.events:
        return ""
    order = list(LINE_NAMES)
    rows = sorted(story.events, key=lambda row: (order.index(row.line), row.time_us, row.node))
    body = "".join(_table_row(row) for row in rows[:SHOWN_ROWS])
    more = story.happened.total - SHOWN_ROWS
    rest = f"<p class=note>{more:,} more in the table events.</p>" if more > 0 else ""
    heads = "".join(f"<th>{name}</th>" for name in ("when", "node", "round", "what", "why", "line"))
    return f"<div class=wide><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>{rest}"


def _table_row(row: EventRow) -> str:
    cells = (duration(row.time_us), _who(row.node), str(row.round), row.kind, row.detail, LINE_NAMES[row.line])
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
