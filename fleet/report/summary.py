"""The table at the end of a run: one line per thing compared."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fleet.record import RunFolder, open_run
from fleet.report.numbers import energy, percent, size
from fleet.report.story import Moment, Story, per_node

HEADINGS = ("", "mean", "worst node", "new at those who never did", "energy per node", "sent per node")


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryLine:
    """One line of the final table. Shares are of test windows, 0 to 1; None where there is nothing to show.

    never_new: mean share of the new classes at the nodes that never did them.
    energy_nj: drawn per node from the start to the end of the line; None before its end.
    """

    name: str
    line: str
    phase: str
    mean: float | None
    worst: float | None
    worst_node: int | None
    never_new: float | None
    energy_nj: float | None
    uplink_bytes: float | None

    def cells(self) -> tuple[str, ...]:
        """The line as words, under HEADINGS."""
        shares = (percent(self.mean), percent(self.worst), percent(self.never_new))
        return (self.name, *shares, energy(self.energy_nj), size(self.uplink_bytes))


def summary(run: RunFolder | Path | str) -> list[SummaryLine]:
    """Pretrained, alone, alone with equal work, plain FedAvg, federated, federated + personal: as far as recorded."""
    return lines(Story.read(run if isinstance(run, RunFolder) else open_run(run)))


def as_json(found: list[SummaryLine]) -> dict[str, Any]:
    """The lines as summary.json holds them, names as in SummaryLine."""
    return {"lines": [asdict(line) for line in found]}


def lines(story: Story) -> list[SummaryLine]:
    """The summary of a story."""
    return [_line(story, moment) for moment in story.lines]


def _line(story: Story, moment: Moment) -> SummaryLine:
    worst_node, worst = moment.worst() or (None, None)
    is_end = [m for m in story.lines if m.line == moment.line][-1] is moment
    return SummaryLine(
        name=moment.name,
        line=moment.line,
        phase=moment.phase,
        mean=moment.mean(),
        worst=worst,
        worst_node=worst_node,
        never_new=moment.mean(story.group(False), "new") if story.has_new else None,
        energy_nj=per_node(story.drawn_nj(moment.line)) if is_end else None,
        uplink_bytes=_uplink(story, moment),
    )


def _uplink(story: Story, moment: Moment) -> float | None:
    """Payload sent per node; 0 for a line that trains without a radio, None for the one that does not train."""
    if moment.line == "pretrained":
        return None
    sent = story.sent_bytes(moment.line, "up")
    return sum(sent.values()) / len(moment.nodes) if moment.nodes else None
