"""Figures of accuracy over virtual time: the whole fleet, and the groups that did or never did the new classes."""

from fleet.report.figure import EndLabel, Figure, Layout, Trace, axis, end_labels, hover, time_axis
from fleet.report.numbers import count, duration, percent, three
from fleet.report.story import Moment, Story

DASHES = {"alone": "dash", "fedavg": "dot", "pretrained": "longdashdot"}
DRAWN_NODES = 60  # lines that can still be told apart
DRAWN_OF_LARGE = 24  # whose nodes share data, so that many have the same line; it keeps the page small
SHORT = {"alone": "alone", "fedavg": "FedAvg", "pretrained": "pretrained"}
_GROUPS = (
    ("never-new", False, "new", "New classes, never did them"),
    ("did-new", True, "new", "New classes, did them"),
    ("never-old", False, "old", "Old classes, never did the new"),
    ("did-old", True, "old", "Old classes, did the new"),
)


def accuracy_figure(story: Story) -> Figure:
    """Accuracy of every node, of the mean and of the worst node over virtual time, with the comparison lines."""
    view = _View(story, None, None)
    worst = _worst_trace(view)
    labels = view.labels() + _worst_label(view)
    return Figure(
        name="accuracy",
        finding=_accuracy_finding(story),
        caption=f"Windows of the test part recognised, in per cent, over virtual time. Faint: one line per node"
        f"{_cut(view)}. Strong: the mean over nodes and the worst node at each moment. Dashed: what it is compared "
        f"with, mean over nodes.{_diamond(story.result)}{_whose(story)}",
        traces=[*view.node_traces(), *view.rivals(), view.mean_trace(), *worst],
        layout=view.layout(labels, 440, floor=_floor(view)),
        height=440,
        columns=("line", "phase", "round", "time_us", "node", "correct", "total"),
        rows=view.rows(),
    )


def group_figures(story: Story) -> list[Figure]:
    """The four groups {did, never did} × {old, new}; none where the run has no new classes."""
    return [_group_figure(story, *group) for group in _GROUPS] if story.has_new else []


def _group_figure(story: Story, name: str, did: bool, classes: str, words: str) -> Figure:
    view = _View(story, story.group(did), classes)
    end = view.share(view.course[-1]) if view.course else None
    return Figure(
        name=name,
        finding=f"{words}: {percent(end)}",
        caption=f"Mean over the {count(len(story.group(did)), 'node')} that {'did' if did else 'never did'} the new "
        "classes, per cent over virtual time.",
        traces=[*view.node_traces(), *view.rivals(), view.mean_trace()],
        layout=view.layout(view.labels(), 300, floor=0),
        height=300,
        columns=("line", "phase", "round", "time_us", "node", "correct", "total"),
        rows=view.rows(),
    )


class _View:
    """The accuracy of some nodes on some classes; None means all."""

    def __init__(self, story: Story, nodes: list[int] | None, classes: str | None) -> None:
        self.story = story
        self.classes = classes
        self.drawn = DRAWN_OF_LARGE if story.large else DRAWN_NODES
        self.course = story.course("federated")
        scored = {node for moment in self.course for node in moment.nodes} if story.large else None
        chosen = [row.node for row in story.nodes] if nodes is None else nodes
        self.nodes = [node for node in chosen if scored is None or node in scored]
        self.end_us = max((moment.time_us for moment in story.moments), default=0)
        self.unit, self.worth = time_axis(self.end_us)

    def share(self, moment: Moment) -> float | None:
        return moment.mean(self.nodes, self.classes)

    def node_traces(self) -> list[Trace]:
        return [self._node_trace(node) for node in self.nodes[: self.drawn]] if self.course else []

    def _node_trace(self, node: int) -> Trace:
        shares = [moment.accuracy(node, self.classes) for moment in self.course]
        who = self.story.person(node)
        texts = [hover(who, _when(m), percent(s)) for m, s in zip(self.course, shares, strict=True)]
        line = {"color": "@faint", "width": 1}
        return self.trace(self.course, shares, texts) | {
            "mode": "lines",
            "line": line,
            "opacity": 0.55,
            "meta": {"node": node},
            "customdata": [[node]] * len(shares),
        }

    def mean_trace(self) -> Trace:
        """The mean of the federated line; a diamond marks the end of the personal pass."""
        shares = [self.share(moment) for moment in self.course]
        texts = [
            hover(f"mean of {len(self.nodes)} nodes", _when(m), percent(s))
            for m, s in zip(self.course, shares, strict=True)
        ]
        return self.trace(self.course, shares, texts) | {
            "mode": "lines+markers",
            "line": {"color": "@fleet", "width": 3.5},
            "marker": _marker(self.course, "@fleet"),
        }

    def rivals(self) -> list[Trace]:
        """The comparison lines; pretrained is drawn to the end, because it does not change."""
        return [self._rival(line, dash) for line, dash in DASHES.items() if self.story.course(line)]

    def _rival(self, line: str, dash: str) -> Trace:
        course = self.story.course(line)
        shares = [self.share(moment) for moment in course]
        texts = [hover(f"{SHORT[line]}, mean", _when(m), percent(s)) for m, s in zip(course, shares, strict=True)]
        trace = self.trace(course, shares, texts)
        if len(course) == 1:
            trace |= {"x": [0, self.end_us / self.worth], "y": trace["y"] * 2, "text": texts * 2}
        return trace | {
            "mode": "lines+markers" if course[-1].phase == "personal" else "lines",
            "line": {"color": "@muted", "width": 2, "dash": dash},
            "marker": _marker(course, "@muted", dots=0),
        }

    def trace(self, course: list[Moment], shares: list[float | None], texts: list[str]) -> Trace:
        return {
            "type": "scatter",
            "x": [round(moment.time_us / self.worth, 6) for moment in course],
            "y": [None if share is None else round(share * 100, 4) for share in shares],
            "text": texts,
            "hovertemplate": "%{text}<extra></extra>",
            "showlegend": False,
            "cliponaxis": False,
        }

    def labels(self) -> list[EndLabel]:
        """Names and values at the ends of the mean and of the comparison lines."""
        found = []
        for line, name in {**SHORT, "federated": "mean"}.items():
            course = self.story.course(line)
            share = self.share(course[-1]) if course else None
            if share is not None:
                ours = line == "federated"
                text = (f"{name} {three(share * 100)}",)
                found.append(EndLabel(y=share * 100, text=text, colour="@fleet-text" if ours else "@muted", bold=ours))
        return found

    def layout(self, labels: list[EndLabel], height: int, floor: int) -> Layout:
        line_height = (100 - floor) * 16 / (height - 70)
        return {
            "xaxis": axis(
                f"virtual time, {self.unit}", rangemode="tozero", range=[0, self.end_us / self.worth * 1.01 or 1]
            ),
            "yaxis": axis("windows recognised, %", range=[floor, 100], dtick=20),
            "annotations": end_labels(labels, line_height, 100),
            "margin": {"l": 52, "r": 112, "t": 10, "b": 48},
        }

    def rows(self) -> list[tuple[object, ...]]:
        """The counts behind the figure, one row per line, moment and node."""
        found: list[tuple[object, ...]] = []
        for m in self.story.moments:
            head = (m.line, m.phase, m.round, m.time_us)
            found += [(*head, node, *m.counted(node, self.classes)) for node in self.nodes]
        return found


def _floor(view: _View) -> int:
    """Where the axis of accuracy starts: a multiple of 20 below everything drawn."""
    shares = [share for moment in view.course for node in view.nodes if (share := moment.accuracy(node)) is not None]
    return max(0, int(min(shares, default=0) * 100 - 5) // 20 * 20)


def _worst_trace(view: _View) -> list[Trace]:
    worst = [(moment, found) for moment in view.course if (found := moment.worst())]
    if not worst:
        return []
    course = [moment for moment, _ in worst]
    texts = [hover(f"worst: {view.story.person(node)}", _when(m), percent(share)) for m, (node, share) in worst]
    trace = view.trace(course, [share for _, (_, share) in worst], texts)
    return [
        trace
        | {
            "mode": "lines+markers",
            "line": {"color": "@worst", "width": 2.5},
            "marker": _marker(course, "@worst"),
            "customdata": [[node] for _, (node, _) in worst],
        }
    ]


def _worst_label(view: _View) -> list[EndLabel]:
    worst = view.course[-1].worst() if view.course else None
    if worst is None:
        return []
    text = (f"worst {three(worst[1] * 100)}", f"node {worst[0]}")
    return [EndLabel(y=worst[1] * 100, text=text, colour="@worst-text", bold=True)]


def _marker(course: list[Moment], colour: str, dots: int = 6) -> dict[str, object]:
    ends = [moment.phase == "personal" for moment in course]
    return {
        "color": colour,
        "size": [12 if end else dots for end in ends],
        "symbol": ["diamond" if end else "circle" for end in ends],
        "line": {"width": 0},
        "opacity": 1,
    }


def _when(moment: Moment) -> str:
    names = {"start": "before the first round", "personal": "after the personal pass", "round": f"round {moment.round}"}
    return f"{names[moment.phase]}, {duration(moment.time_us)}"


def _cut(view: _View) -> str:
    there = len(view.nodes)
    return f" (the first {view.drawn} of {there:,})" if there > view.drawn else ""


def _whose(story: Story) -> str:
    """Whose accuracy it is where not all nodes are scored."""
    return f" {story.watched} are watched: mean and worst are theirs." if story.large else ""


def _diamond(result: Moment | None) -> str:
    return " Diamonds: after the personal pass." if result is not None and result.phase == "personal" else ""


def _accuracy_finding(story: Story) -> str:
    course, result = story.course("federated"), story.result
    if not course or result is None:
        return "Accuracy over virtual time"
    start = course[0]
    worst_before, worst_after = start.worst(), result.worst()
    worst = (
        f"; the worst node from {percent(worst_before[1])} to {percent(worst_after[1])}"
        if worst_before and worst_after
        else ""
    )
    return (
        f"The fleet goes from {percent(start.mean())} to {percent(result.mean())} in {duration(result.time_us)}{worst}"
    )
