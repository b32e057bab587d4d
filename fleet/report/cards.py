"""The five figures that people look for first, each with what it is compared with."""

from dataclasses import dataclass

import numpy as np

from fleet.report.answer import drawn_share
from fleet.report.crowd import Crowd
from fleet.report.memory import used_and_size
from fleet.report.numbers import THIN, count, duration, energy, lifetime, percent, size
from fleet.report.story import Story, per_node

NOTHING = "not recorded"
DAY_US = 86_400 * 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One key figure. value: the number; more: the numbers beside it; against: what it is compared with."""

    label: str
    value: str
    more: str
    against: str


def cards(story: Story) -> list[Card]:
    """Accuracy, virtual time, energy, bytes and memory, in this order; with a crowd, who is alive and was heard."""
    crowd = story.crowd
    more = [] if crowd is None else [_alive(story, crowd), *([_heard(crowd)] if crowd.reports.any() else [])]
    energy_ = _energy(story) if crowd is None else _energy_a_day(story, crowd)
    return [_accuracy(story), _time(story), energy_, _bytes(story), *more, _memory(story)]


def _energy_a_day(story: Story, crowd: Crowd) -> Card:
    """Where nodes do more than their rounds, energy counts by the day, not by the round."""
    mean = crowd.mean_nj() * DAY_US / story.end_us if story.end_us else None
    share, lasting = crowd.used_share(), crowd.lasting_us(story.end_us)
    middle = float(np.median(lasting))
    end = f"at this pace half last another {lifetime(int(middle))}" if 0 < middle < np.inf else ""
    used = f"{percent(share)} of the store used" if share is not None and share >= 0 else ""
    others = {"pretrained": "without training", "alone": "alone", "fedavg": "plain FedAvg"}
    means = {name: story.mean_drawn_nj(line) for line, name in others.items()}
    against = ", ".join(f"{name} {energy(nj * DAY_US / story.end_us)}" for name, nj in means.items() if nj is not None)
    return Card(
        label="Energy per node and day",
        value=energy(mean),
        more="; ".join(filter(None, (used, end))) or "the supply has no end",
        against=against,
    )


def _alive(story: Story, crowd: Crowd) -> Card:
    there = len(crowd)
    more = f"{there - crowd.alive:,} out of energy or broken" if crowd.alive < there else "none went out"
    watched = f"{story.watched} drawn; sums count all" if story.large else ""
    return Card(label="Alive at the end", value=f"{crowd.alive:,} of {there:,}", more=more, against=watched)


def _heard(crowd: Crowd) -> Card:
    sent, heard = int(crowd.reports.sum()), int(crowd.heard.sum())
    sends = crowd.reports > 0
    worst = float((crowd.heard[sends] / crowd.reports[sends]).min())
    return Card(
        label="Reports that arrived",
        value=percent(heard / sent),
        more=f"{heard:,} of {sent:,}",
        against=f"worst node {percent(worst)}",
    )


def _accuracy(story: Story) -> Card:
    course, result = story.course("federated"), story.result
    if not course or result is None:
        return Card(label="Accuracy, mean over nodes", value="–", more=NOTHING, against="")
    start, rival = course[0], story.rival
    worst_before, worst_after = start.worst(), result.worst()
    worst = ""
    if worst_before and worst_after:
        worst = f"worst node {_span(worst_before[1], worst_after[1])}"
    against = ""
    if rival is not None and (rival_worst := rival.worst()):
        against = f"{rival.name}: {percent(rival.mean())}, worst {percent(rival_worst[1])}"
    value = _span(start.mean(), result.mean())
    whose = "watched nodes" if story.large else "nodes"
    return Card(label=f"Accuracy, mean over {whose}", value=value, more=worst, against=against)


def _span(before: float | None, after: float | None) -> str:
    """'59.7 → 80.3 %'."""
    return f"{percent(before).removesuffix('%').rstrip(THIN)}{THIN}→{THIN}{percent(after)}"


def _time(story: Story) -> Card:
    ends = {m.line: m.time_us for m in story.lines}
    rows = [row for row in story.rounds if row.line == "federated"]
    replied, asked = sum(row.replied for row in rows), sum(row.asked for row in rows)
    names = {"alone": "alone", "fedavg": "plain FedAvg"}
    others = [f"{name} {duration(ends[line])}" for line, name in names.items() if line in ends]
    return Card(
        label="Virtual time",
        value=duration(ends["federated"]) if "federated" in ends else "–",
        more=f"{count(len(rows), 'round')}, {replied:,} of {asked:,} replies" if rows else NOTHING,
        against="; ".join(others),
    )


def _energy(story: Story) -> Card:
    drawn, rounds = per_node(story.drawn_nj("federated")), story.rounds_of("federated")
    if drawn is None or not rounds:
        return Card(label="Energy per node and round", value="–", more=NOTHING, against="")
    others = {"alone": "alone", "fedavg": "plain FedAvg"}
    means = {name: per_node(story.drawn_nj(line)) for line, name in others.items()}
    against = ", ".join(f"{name} {energy(mean / rounds)}" for name, mean in means.items() if mean is not None)
    return Card(label="Energy per node and round", value=energy(drawn / rounds), more=_store(story), against=against)


def _store(story: Story) -> str:
    """What was taken from the stores, and how long the worst node would last in all at this pace."""
    rows = [row for row in story.battery if row.line == "federated" and row.capacity_nj > 0]
    share = drawn_share(story)
    if not rows or share is None:
        return "the supply has no end"
    worst = max(rows, key=lambda row: row.drawn_nj / row.capacity_nj)
    if not worst.drawn_nj or story.result is None:
        return f"{percent(share)} of the store used"
    lasts_us = story.result.time_us * worst.capacity_nj // worst.drawn_nj
    return f"{percent(share)} of the store used; at this pace node {worst.node} lasts {lifetime(lasts_us)}"


def _bytes(story: Story) -> Card:
    up, down = (story.mean_bytes("federated", way) for way in ("up", "down"))
    plain = story.mean_bytes("fedavg", "up")
    against = [f"plain FedAvg sends {size(plain)}"] if plain is not None else []
    if raw := story.value("raw_bytes"):
        against.append(f"its training windows take {size(int(raw))}")
    return Card(
        label="Sent per node, whole run",
        value=size(up),
        more=f"received {size(down)}" if down is not None else NOTHING,
        against="; ".join(against),
    )


def _memory(story: Story) -> Card:
    boards = list(dict.fromkeys(row.board for row in story.ledger))
    if not boards:
        return Card(label="SRAM used", value="–", more=NOTHING, against="")
    fullest = max(boards, key=lambda board: _share(story, board, "sram") or 0)
    used, there = used_and_size(story, fullest, "sram")
    flash = _share(story, fullest, "flash")
    return Card(
        label=f"SRAM used, {fullest}",
        value=percent(_share(story, fullest, "sram")) if there else size(used),
        more=f"{used:,} B of {there:,} B" if there else "size not recorded",
        against=f"flash: {percent(flash)} used" if flash is not None else "",
    )


def _share(story: Story, board: str, memory: str) -> float | None:
    used, there = used_and_size(story, board, memory)
    return used / there if there else None
