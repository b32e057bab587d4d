"""Figures of what it cost: energy by cause, payload and time on air, each per node and sorted by the worst."""

from fleet.record import CAUSES, EnergyRow, TrafficRow
from fleet.report.colours import COLOURS
from fleet.report.figure import Figure, Trace, axis, hover, node_ticks
from fleet.report.numbers import count, duration, energy, percent, size
from fleet.report.story import Story

SHOWN_NODES = 60  # a bar per node stays readable up to here; the CSV file holds all of them
DIRECTIONS = {"up": ("sent", "@up"), "down": ("received", "@down")}


def energy_figure(story: Story) -> Figure:
    """Energy of every node by cause, over the federated line."""
    rows = [row for row in story.energy if row.line == "federated"]
    drawn = story.drawn_nj("federated")
    nodes = sorted(drawn, key=lambda node: -drawn[node])
    shown = nodes[: _most(story)]
    spent = {row.cause for row in rows if row.energy_nj}
    return Figure(
        name="energy",
        finding=_energy_finding(story, rows, drawn, nodes),
        caption="Energy drawn from each node's store over the whole run, in joules, by what the node was doing; "
        f"the node that drew most on top{_cut(story, nodes)}. {_idle(rows, spent)}{_against(story)}",
        traces=[_cause_trace(story, cause, rows, shown) for cause in CAUSES if cause in spent],
        layout={
            "xaxis": axis("energy drawn, J", rangemode="tozero"),
            "yaxis": node_ticks(shown),
            "margin": {"l": 52, "r": 20, "t": 30, "b": 48},
        },
        height=_bar_height(shown),
        columns=("node", "cause", "energy_nj", "time_us"),
        rows=[(row.node, row.cause, row.energy_nj, row.time_us) for row in rows],
    )


def _cause_trace(story: Story, cause: str, rows: list[EnergyRow], nodes: list[int]) -> Trace:
    amounts = {row.node: row for row in rows if row.cause == cause}
    return {
        "type": "bar",
        "orientation": "h",
        "name": cause,
        "y": [str(node) for node in nodes],
        "x": [amounts[node].energy_nj / 1e9 if node in amounts else 0 for node in nodes],
        "text": [_cause_text(story, node, cause, amounts.get(node)) for node in nodes],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "customdata": [[node] for node in nodes],
        "marker": {"color": COLOURS[cause], "line": {"width": 0, "color": "@ink"}},
    }


def _cause_text(story: Story, node: int, cause: str, row: EnergyRow | None) -> str:
    amount = "nothing recorded" if row is None else f"{energy(row.energy_nj)} in {duration(row.time_us)}"
    return hover(
        story.person(node), f"{cause}: {amount}", f"all causes: {energy(story.drawn_nj('federated').get(node))}"
    )


def _energy_finding(story: Story, rows: list[EnergyRow], drawn: dict[int, int], nodes: list[int]) -> str:
    total = sum(drawn.values())
    if not total:
        return "No energy was drawn"
    by_cause = {cause: sum(row.energy_nj for row in rows if row.cause == cause) for cause in CAUSES}
    most = max(by_cause, key=lambda cause: by_cause[cause])
    node = f"node {nodes[0]} draws most, {energy(drawn[nodes[0]])}"
    if story.large:
        return f"Of the {story.watched} that are watched, {node}"
    return f"{most.capitalize()} takes {percent(by_cause[most] / total)} of the energy; {node}"


def _idle(rows: list[EnergyRow], spent: set[str]) -> str:
    """Which causes have no bar, said rather than left out."""
    known = {row.cause for row in rows}
    idle = [cause for cause in CAUSES if cause in known and cause not in spent]
    return f"Nothing went into {' or '.join(idle)}. " if idle else ""


def _against(story: Story) -> str:
    names = {"federated": "federated", "alone": "alone", "fedavg": "plain FedAvg"}
    drawn = {name: story.mean_drawn_nj(line) for line, name in names.items()}
    means = [f"{name} {energy(mean)}" for name, mean in drawn.items() if mean is not None]
    return f"Mean per node: {', '.join(means)}." if len(means) > 1 else ""


def traffic_figures(story: Story) -> list[Figure]:
    """Payload and time on air of every node that took part in a round, in both directions, in the federated line."""
    rows = [row for row in story.traffic if row.line == "federated"]
    air_us: dict[int, int] = {}
    for row in rows:
        air_us[row.node] = air_us.get(row.node, 0) + row.airtime_us
    nodes = sorted(air_us, key=lambda node: -air_us[node])
    again, packets = sum(row.retransmissions for row in rows), sum(row.pdus for row in rows)
    sent = sum(row.payload_bytes for row in rows if row.direction == "up")
    share = f", {percent(again / packets)} of the packets were sent again" if packets else ""
    whole = "The fleet" if story.crowd is None else "In its rounds the fleet"
    return [
        _traffic_figure(
            story, rows, nodes, name="payload", column="payload_bytes", worth=1000,
            finding=f"{whole} sent {size(sent)} and received {size(sum(r.payload_bytes for r in rows) - sent)}",
            caption="Payload of each node over the whole run, in kB (1 kB = 1,000 B)", title="payload, kB",
        ),
        _traffic_figure(
            story, rows, nodes, name="airtime", column="airtime_us", worth=10**6,
            finding=f"The air was in use for {duration(sum(air_us.values()))}{share}",
            caption="Time on air of each node over the whole run, in seconds, packets sent again included",
            title="time on air, s",
        ),
    ]  # fmt: skip


def _rounds_only(story: Story) -> str:
    return "" if story.crowd is None else " Rounds only; reports are not in it."


def _traffic_figure(
    story: Story, rows: list[TrafficRow], nodes: list[int], *,
    name: str, column: str, worth: int, finding: str, caption: str, title: str,
) -> Figure:  # fmt: skip
    shown = nodes[: _most(story)]
    return Figure(
        name=name,
        finding=finding,
        caption=f"{caption}; the node longest on the air on top{_cut(story, nodes)}.{_rounds_only(story)}",
        traces=[_direction_trace(story, rows, shown, direction, column, worth) for direction in DIRECTIONS],
        layout={
            "xaxis": axis(title, rangemode="tozero"),
            "yaxis": node_ticks(shown),
            "margin": {"l": 52, "r": 20, "t": 30, "b": 48},
        },
        height=_bar_height(shown),
        columns=("round", "node", "direction", "payload_bytes", "pdus", "retransmissions", "airtime_us"),
        rows=[(r.round, r.node, r.direction, r.payload_bytes, r.pdus, r.retransmissions, r.airtime_us) for r in rows],
    )


def _direction_trace(
    story: Story, rows: list[TrafficRow], nodes: list[int], direction: str, column: str, worth: int
) -> Trace:
    word, colour = DIRECTIONS[direction]
    own: dict[int, list[TrafficRow]] = {node: [] for node in nodes}
    for row in rows:
        if row.direction == direction and row.node in own:
            own[row.node].append(row)
    return {
        "type": "bar",
        "orientation": "h",
        "name": word,
        "y": [str(node) for node in nodes],
        "x": [sum(getattr(row, column) for row in own[node]) / worth for node in nodes],
        "text": [_direction_text(story, node, word, own[node]) for node in nodes],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "customdata": [[node] for node in nodes],
        "marker": {"color": colour, "line": {"width": 0, "color": "@ink"}},
    }


def _direction_text(story: Story, node: int, word: str, rows: list[TrafficRow]) -> str:
    return hover(
        story.person(node),
        f"{word}: {size(sum(row.payload_bytes for row in rows))} in {count(len({row.round for row in rows}), 'round')}",
        f"{count(sum(row.pdus for row in rows), 'packet')}, {sum(row.retransmissions for row in rows):,} sent again",
        f"{duration(sum(row.airtime_us for row in rows))} on the air",
    )


def _cut(story: Story, nodes: list[int]) -> str:
    most = _most(story)
    rest = "" if story.large else "; the CSV file has all"
    return f" (the first {most} of {len(nodes):,}{rest})" if len(nodes) > most else ""


def _most(story: Story) -> int:
    """Bars of single nodes; of a large fleet, whose nodes are counted elsewhere, a few."""
    return SHOWN_NODES // 3 if story.large else SHOWN_NODES


def _bar_height(nodes: list[int]) -> int:
    return 110 + 24 * max(len(nodes), 3)
