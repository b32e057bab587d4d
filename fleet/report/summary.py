"""The table at the end of a run: one line per thing compared."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fleet.record import RunFolder, open_run
from fleet.report.numbers import count, energy, percent, size
from fleet.report.story import Moment, Story

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


def notes(story: Story) -> list[str]:
    """What stands under the table: whose figures they are, who is alive, what was heard; nothing for a plain fleet."""
    crowd = story.crowd
    if crowd is None:
        return []
    said = [f"{crowd.alive:,} of {count(len(crowd), 'node')} alive at the end"]
    if crowd.reports.any():
        heard, sent = int(crowd.heard.sum()), int(crowd.reports.sum())
        said.append(f"{heard:,} of {count(sent, 'report')} heard ({percent(heard / sent)})")
    if crowd.harvested_nj.any():
        said.append(f"{energy(float(crowd.harvested_nj.mean()))} harvested per node")
    whose = f"{story.watched} watched: accuracy is theirs, the rest counts all."
    return [f"{'; '.join(said)}.", *([whose] if story.large else [])]


def as_json(story: Story) -> dict[str, Any]:
    """What summary.json holds: the lines, names as in SummaryLine, and of a fleet that has `totals` their sums."""
    crowd = story.crowd
    found: dict[str, Any] = {"lines": [asdict(line) for line in lines(story)]}
    if crowd is not None:
        sums = ("drawn_nj", "supplied_nj", "lost_nj", "start_nj", "end_nj", "reports", "heard", "sent_us", "rounds")
        found["fleet"] = {"nodes": len(crowd), "watched": len(story.nodes), "alive": crowd.alive}
        found["fleet"] |= {name: int(sum(getattr(crowd, name).tolist())) for name in sums}
    return found


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
        energy_nj=story.mean_drawn_nj(moment.line) if is_end else None,
        uplink_bytes=_uplink(story, moment),
    )


def _uplink(story: Story, moment: Moment) -> float | None:
    """Payload sent per node, reports included; 0 for a line without a radio, None for the one that does not train."""
    if moment.line in story.crowds and (sent := story.mean_bytes(moment.line, "up")) is not None:
        return sent
    if moment.line == "pretrained":
        return None
    rounds = story.sent_bytes(moment.line, "up")
    return sum(rounds.values()) / len(moment.nodes) if moment.nodes else None
