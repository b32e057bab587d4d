"""Figures of memory: the ledger of each board against its banks, and the plan as time × offset."""

from html import escape

from fleet.record import LedgerRow, PlanRow
from fleet.report.figure import Figure, Trace, axis, hover
from fleet.report.numbers import THIN, count, percent
from fleet.report.story import Story

KIB = 1024
NAMES = {"sram": "SRAM", "flash": "flash"}


def ledger_figures(story: Story) -> list[Figure]:
    """One figure per board and kind of memory: what lies in each bank, against its size where the run states it."""
    kinds = sorted({(row.board, row.memory) for row in story.ledger}, key=lambda kind: (kind[0], kind[1] != "sram"))
    return [_ledger_figure(story, board, memory) for board, memory in kinds]


def used_and_size(story: Story, board: str, memory: str) -> tuple[int, int | None]:
    """Bytes used in all banks of a kind of memory, and their size; None where the run does not state it."""
    rows = [row for row in story.ledger if (row.board, row.memory) == (board, memory)]
    sizes = [bank_bytes(story, board, memory, bank) for bank in {row.bank for row in rows}]
    known = [size for size in sizes if size is not None]
    return sum(row.bytes for row in rows), sum(known) if len(known) == len(sizes) and known else None


def bank_bytes(story: Story, board: str, memory: str, bank: str) -> int | None:
    """Size of a bank as the run states it."""
    stated = story.value(f"bank:{board}:{memory}:{bank}")
    return int(stated) if stated is not None else None


def _ledger_figure(story: Story, board: str, memory: str) -> Figure:
    rows = [row for row in story.ledger if (row.board, row.memory) == (board, memory)]
    banks = list(dict.fromkeys(row.bank for row in rows))
    sizes = {bank: bank_bytes(story, board, memory, bank) for bank in banks}
    free = [_free_trace(rows, banks, sizes)] if any(sizes.values()) else []
    return Figure(
        name=f"ledger-{board}-{memory}",
        finding=_ledger_finding(story, board, memory),
        caption=f"What lies in the {NAMES[memory]} of {board}, in KiB (1 KiB = 1,024 B), item by item. Pale: kept by "
        "the board's own software; hatched: its source could not be checked; outlined: free.",
        traces=[*_item_traces(rows), *free],
        layout={
            "xaxis": axis(f"{NAMES[memory]}, KiB", rangemode="tozero"),
            "yaxis": axis("", type="category", autorange="reversed", showgrid=False),
            "margin": {"l": 52, "r": 20, "t": 8, "b": 48},
            "bargap": 0.15,
            "showlegend": False,
            # a name that does not fit its segment is left out: the table has all of them
            "uniformtext": {"mode": "hide", "minsize": 11},
        },
        height=80 + 62 * len(banks),
        columns=("board", "memory", "bank", "item", "bytes", "reason", "basis", "unverified"),
        rows=[(r.board, r.memory, r.bank, r.item, r.bytes, r.reason, r.basis, r.unverified) for r in rows],
    )


def _item_traces(rows: list[LedgerRow]) -> list[Trace]:
    ours = [row for row in rows if row.basis != "reserved"]
    shades = {id(row): ("@ours", "@ours-two")[index % 2] for index, row in enumerate(ours)}
    ordered = [row for row in rows if row.basis == "reserved"] + ours
    return [_item_trace(row, shades.get(id(row), "@reserved")) for row in ordered]


def _item_trace(row: LedgerRow, colour: str) -> Trace:
    doubt = ", unverified" if row.unverified else ""
    text = hover(row.item, f"{row.bytes:,} B, {row.basis}{doubt}", row.reason)
    return {
        "type": "bar",
        "orientation": "h",
        "name": escape(row.item),
        "y": [row.bank],
        "x": [row.bytes / KIB],
        "text": [escape(row.item)],
        "hovertext": [text],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "insidetextfont": {"color": "@ink" if colour == "@reserved" else "@paper", "size": 12},
        "textangle": 0,
        "hovertemplate": "%{hovertext}<extra></extra>",
        "marker": {
            "color": colour,
            "line": {"width": 1, "color": "@paper"},
            "pattern": {"shape": "/" if row.unverified else "", "size": 7, "fgcolor": "@muted", "solidity": 0.25},
        },
    }


def _free_trace(rows: list[LedgerRow], banks: list[str], sizes: dict[str, int | None]) -> Trace:
    used = {bank: sum(row.bytes for row in rows if row.bank == bank) for bank in banks}
    free = [max(0, (sizes[bank] or 0) - used[bank]) for bank in banks]
    texts = [hover("free", f"{left:,} B of {sizes[bank] or 0:,} B") for bank, left in zip(banks, free, strict=True)]
    return {
        "type": "bar",
        "orientation": "h",
        "name": "free",
        "y": banks,
        "x": [left / KIB for left in free],
        "text": texts,
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": "rgba(0,0,0,0)", "line": {"width": 1.2, "color": "@muted"}},
    }


def _ledger_finding(story: Story, board: str, memory: str) -> str:
    used, size = used_and_size(story, board, memory)
    if size is None:
        return f"{board} uses {used / KIB:,.1f}{THIN}KiB of {NAMES[memory]}; the run does not state its size"
    over = f", {used - size:,} B too many" if used > size else ""
    return f"{board} uses {percent(used / size)} of its {NAMES[memory]}: {used:,} B of {size:,} B{over}"


def plan_figure(story: Story) -> Figure | None:
    """The arena over one training step: which bytes hold which tensor, and where it is fullest."""
    if not story.plan:
        return None
    arena = max(row.offset + row.bytes for row in story.plan)
    step, live = fullest(story.plan)
    last = max(row.last_step for row in story.plan)
    return Figure(
        name="plan",
        finding=f"The arena takes {arena:,} B; it is fullest at step {step} with {live:,} B in use",
        caption=f"Each box is a tensor: the steps that need it, and its bytes in the arena, in KiB. "
        f"{count(last + 1, 'step')} forward, backward and update. Strong: in use at the fullest step, the "
        "orange band; dashed: the end of the arena.",
        traces=[_tensor_trace(story.plan, step, True), _tensor_trace(story.plan, step, False)],
        layout={
            "xaxis": axis("step of the plan", range=[-0.6, last + 0.6], showgrid=False),
            "yaxis": axis("offset in the arena, KiB", range=[0, arena / KIB * 1.08]),
            "shapes": [_line(x0=-0.6, x1=last + 0.6, y0=arena / KIB, y1=arena / KIB), _step_band(step, arena)],
            "annotations": [_peak_label(step, arena, live)],
            "barmode": "overlay",
            "bargap": 0,
            "showlegend": False,
        },
        height=380,
        columns=("tensor", "bytes", "offset", "first_step", "last_step"),
        rows=[(row.tensor, row.bytes, row.offset, row.first_step, row.last_step) for row in story.plan],
    )


def fullest(plan: list[PlanRow]) -> tuple[int, int]:
    """The first step at which most bytes are in use, and how many."""
    live = {step: sum(row.bytes for row in plan if row.first_step <= step <= row.last_step) for step in _starts(plan)}
    step = max(live, key=lambda step: (live[step], -step))
    return step, live[step]


def _starts(plan: list[PlanRow]) -> list[int]:
    """Only where a tensor begins can the number of bytes in use grow."""
    return sorted({row.first_step for row in plan})


def _tensor_trace(plan: list[PlanRow], step: int, at_peak: bool) -> Trace:
    rows = [row for row in plan if (row.first_step <= step <= row.last_step) == at_peak]
    colour = "@ours" if at_peak else "@reserved"
    return {
        "type": "bar",
        "x": [(row.first_step + row.last_step) / 2 for row in rows],
        "width": [row.last_step - row.first_step + 1 for row in rows],
        "base": [row.offset / KIB for row in rows],
        "y": [row.bytes / KIB for row in rows],
        "text": [_tensor_text(row) for row in rows],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": colour, "line": {"width": 1, "color": "@paper"}},
    }


def _tensor_text(row: PlanRow) -> str:
    end = row.offset + row.bytes
    return hover(
        row.tensor, f"{row.bytes:,} B, from {row.offset:,} to {end:,}", f"steps {row.first_step} to {row.last_step}"
    )


def _line(**ends: float) -> dict[str, object]:
    return {"type": "line", **ends, "line": {"color": "@worst", "width": 1.5, "dash": "dash"}}


def _step_band(step: int, arena: int) -> dict[str, object]:
    band = {"type": "rect", "x0": step - 0.5, "x1": step + 0.5, "y0": 0, "y1": arena / KIB}
    return {**band, "fillcolor": "@worst", "opacity": 0.4, "line": {"width": 0}}


def _peak_label(step: int, arena: int, live: int) -> dict[str, object]:
    return {
        "x": step,
        "y": arena / KIB,
        "yanchor": "bottom",
        "showarrow": False,
        "text": f"<b>peak: step {step}, {live:,} B</b>",
        "font": {"color": "@worst-text", "size": 12},
    }
