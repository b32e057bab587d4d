"""Two figures of a plan: its arena as time x offset, and how much of it is in use at each step."""

from typing import Final

from fleet.node.plan import Plan
from fleet.node.plan.arena import Buffer, aligned
from fleet.node.plan.ledger import part_of
from fleet.node.plan.lifetimes import loads
from fleet.report.figure import Figure, Layout, Trace, axis, hover
from fleet.report.numbers import THIN

KIB: Final = 1024
COLOURS: Final = {
    "maps": "@down",
    "masks": "@flash",
    "gradients": "@compute",
    "sums and scratch": "@sense",
    "exponents": "@sleep",
}
TICKS: Final = 12  # operators named on the axis, at most


def arena_figure(plan: Plan) -> Figure:
    """Every buffer: the steps that need it, its bytes in the arena, and what it is."""
    end = aligned(plan.arena_bytes)
    peak = _peak_words(plan)
    return Figure(
        name="arena",
        finding=f"The arena takes {end:,} B; it is fullest at {peak}",
        caption="Each box is a buffer: the steps that need it, and its bytes in the arena, in KiB (1 KiB = 1,024 B). "
        "Band: the fullest step. Dashed: the end of the arena. Boxes that overlap share bytes on purpose.",
        traces=[_boxes(plan, part, list(found)) for part, found in _parts(plan).items() if found],
        layout=_layout(plan, "offset in the arena, KiB", end),
        height=480,
        columns=("buffer", "kind", "bytes", "offset", "first_step", "last_step"),
        rows=[(b.name, part, b.size_bytes, b.offset, b.first, b.last) for part, bs in _parts(plan).items() for b in bs],
    )


def load_figure(plan: Plan) -> Figure:
    """Bytes in use, step by step, against the bound and the arena."""
    live = _live(plan)
    steps = plan.steps
    text = [hover(f"step {i + 1}: {_said(plan, i)}", f"{live[i]:,} B in use") for i in range(len(live))]
    trace: Trace = {
        "type": "bar", "x": list(range(1, len(live) + 1)), "y": [size / KIB for size in live], "text": text,
        "textposition": "none", "hovertemplate": "%{text}<extra></extra>", "marker": {"color": "@ours"},
    }  # fmt: skip
    layout = _layout(plan, "bytes in use, KiB", aligned(plan.arena_bytes))
    return Figure(
        name="load",
        finding=_fuller_pass(plan),
        caption="Bytes that live at each step of one training step: forward, loss, backward and updates. "
        "No placement of these steps can be below the highest bar.",
        traces=[trace],
        layout={**layout, "showlegend": False, "bargap": 0},
        height=300,
        columns=("step", "kind", "operator", "bytes_in_use"),
        rows=[(i + 1, steps[i].code.name.lower(), steps[i].op, live[i]) for i in range(len(live))],
    )


def _live(plan: Plan) -> list[int]:
    """Bytes in use at each step."""
    if plan.placement is not None:
        return list(loads(plan.draft.blocks, len(plan.steps)))
    return [
        sum(aligned(b.size_bytes) for b in plan.buffers if b.first <= step <= b.last) for step in range(len(plan.steps))
    ]


def _fuller_pass(plan: Plan) -> str:
    """Which half of the step needs most."""
    loss = plan.draft.program.loss
    live = _live(plan)
    forward, backward = max(live[:loss], default=0), max(live[loss:], default=0)
    fuller, other = ("forward", "backward") if forward >= backward else ("backward", "forward")
    high, low = max(forward, backward), min(forward, backward)
    return f"The {fuller} pass needs most: {high:,} B, the {other} pass {low:,} B"


def _parts(plan: Plan) -> dict[str, list[Buffer]]:
    maps = {tensor.name for tensor in plan.graph.tensors}
    found: dict[str, list[Buffer]] = {part: [] for part in COLOURS}
    for buffer in plan.buffers:
        found[part_of(buffer.name, maps)].append(buffer)
    return found


def _boxes(plan: Plan, part: str, buffers: list[Buffer]) -> Trace:
    return {
        "type": "bar",
        "name": part,
        "x": [(b.first + b.last) / 2 + 1 for b in buffers],
        "width": [b.last - b.first + 1 for b in buffers],
        "base": [b.offset / KIB for b in buffers],
        "y": [b.size_bytes / KIB for b in buffers],
        "text": [_box_text(plan, part, b) for b in buffers],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": COLOURS[part], "line": {"width": 1, "color": "@paper"}},
    }


def _box_text(plan: Plan, part: str, buffer: Buffer) -> str:
    return hover(
        f"{buffer.name} ({part})",
        f"{buffer.size_bytes:,} B, from {buffer.offset:,} to {buffer.end:,}",
        f"steps {buffer.first + 1} to {buffer.last + 1}",
        f"first: {_said(plan, buffer.first)}",
        f"last: {_said(plan, buffer.last)}",
    )


def _said(plan: Plan, step: int) -> str:
    return f"{plan.steps[step].code.name.lower()} of {plan.steps[step].op}"


def _peak_words(plan: Plan) -> str:
    return f"step {plan.peak_step + 1} of {len(plan.steps)}, {_said(plan, plan.peak_step)}"


def _layout(plan: Plan, title: str, end: int) -> Layout:
    steps, step = len(plan.steps), plan.peak_step + 1
    marks = _ticks(plan)
    line = {"type": "line", "x0": 0.4, "x1": steps + 0.6, "y0": end / KIB, "y1": end / KIB}
    band = {"type": "rect", "x0": step - 0.5, "x1": step + 0.5, "y0": 0, "y1": end / KIB}
    return {
        "xaxis": axis(
            "step of the plan, by its operator", range=[0.4, steps + 0.6], showgrid=False, tickmode="array",
            tickvals=[mark + 1 for mark in marks], ticktext=[plan.steps[mark].op for mark in marks], tickangle=-40,
        ),
        "yaxis": axis(title, range=[0, end / KIB * 1.1]),
        "shapes": [
            {**line, "line": {"color": "@worst", "width": 1.5, "dash": "dash"}},
            {**band, "fillcolor": "@worst", "opacity": 0.35, "line": {"width": 0}},
        ],
        "annotations": [_label(step, steps, end, plan.lower_bound_bytes)],
        "barmode": "overlay",
        "bargap": 0,
    }  # fmt: skip


def _label(step: int, steps: int, end: int, live: int) -> dict[str, object]:
    """Words at the peak, on that side of it where there is room."""
    left = step > steps / 2
    return {
        "x": step,
        "xanchor": "right" if left else "left",
        "y": end / KIB,
        "yanchor": "bottom",
        "showarrow": False,
        "text": f"<b>peak: step {step}, {live:,}{THIN}B</b>",
        "font": {"color": "@worst-text", "size": 12},
    }


def _ticks(plan: Plan) -> list[int]:
    """Steps whose operators are named, evenly spread."""
    return list(range(0, len(plan.steps), -(-len(plan.steps) // TICKS)))
