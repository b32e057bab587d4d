"""The question, the sentences that answer it with its numbers, and the sentences that limit them.

Every sentence is computed from the tables. A claim that the numbers do not carry is not made: where training alone
wins, the report says that it wins.
"""

from html import escape

from fleet.report.delivery import delivered
from fleet.report.numbers import count, duration, energy, percent, size, three
from fleet.report.story import Moment, Story

SMALL_LEAD = 0.05  # over ten draws of the quickstart a lead of some points changed its sign between draws


def question(story: Story) -> str:
    """The question in the scenario's own words: a recorded fact, else the comment that opens the scenario."""
    if stated := story.value("question"):
        return stated
    lines = []
    for line in story.run.scenario_yaml.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").strip())
    return " ".join(lines) or "What does this fleet learn, and what does it cost?"


def answer(story: Story) -> list[str]:
    """HTML sentences with the numbers that answer the question."""
    result, start = story.result, story.course("federated")[:1]
    if result is None or not start:
        return ["There is no answer yet: no round of the federated line is recorded."]
    said = [_new_classes(story, result)] if story.has_new else []
    return [*said, _everything(story, start[0], result, brief=bool(said)), *_cost(story)]


def _new_classes(story: Story, result: Moment) -> str:
    never = story.group(False)
    rivals = {"training alone": story.rival, "plain FedAvg": story.at("fedavg", "round")}
    shares = {name: moment.mean(never, "new") for name, moment in rivals.items() if moment is not None}
    against = ", ".join(f"{name} {percent(share)}" for name, share in shares.items())
    return (
        f"{_after(story, result)}, the {count(len(never), _nodes(story))} that never did the new classes recognise "
        f"<b>{percent(result.mean(never, 'new'))}</b> of them{f' ({against})' if against else ''}."
    )


def _everything(story: Story, start: Moment, result: Moment, *, brief: bool) -> str:
    worst_before, worst_after = start.worst(), result.worst()
    opening = "Over all classes" if brief else f"{_after(story, result)}, over all classes"
    worst = ""
    if worst_before and worst_after:
        worst = f" and the worst node from {percent(worst_before[1])} to {percent(worst_after[1])}"
    number = percent(result.mean()) if brief else f"<b>{percent(result.mean())}</b>"
    fleet = count(len(result.nodes), _nodes(story))
    return f"{opening}, the mean over {fleet} goes from {percent(start.mean())} to {number}{worst}."


def _nodes(story: Story) -> str:
    return "watched node" if story.large else "node"


def _after(story: Story, result: Moment) -> str:
    personal = " and a personal pass" if result.phase == "personal" else ""
    shared = story.at("federated", "round")
    return f"After {count(shared.round if shared else 0, 'round')}{personal}"


def _cost(story: Story) -> list[str]:
    drawn, sent = story.mean_drawn_nj("federated"), story.mean_bytes("federated", "up")
    parts = []
    if drawn is not None:
        share = drawn_share(story)
        parts.append(f"drew {energy(drawn)}{f' ({percent(share)} of its store)' if share is not None else ''}")
    if sent is not None:
        parts.append(f"sent {size(sent)}")
    said = [f"In {duration(story.end_us)} a node {' and '.join(parts)} on average{_of_all(story)}."] if parts else []
    return said + _still_there(story)


def _of_all(story: Story) -> str:
    return f", all {count(story.size, 'node')} counted" if story.large else ""


def _still_there(story: Story) -> list[str]:
    """Who is alive, and how many reports arrived, where there is a table of all nodes."""
    crowd = story.crowd
    if crowd is None:
        return []
    alive = f"{crowd.alive:,} of {count(len(crowd), 'node')} are alive at the end"
    share = delivered(crowd)
    heard = (
        f", and {percent(share)} of {count(int(crowd.reports.sum()), 'report')} arrived" if share is not None else ""
    )
    return [f"{alive}{heard}."]


def drawn_share(story: Story) -> float | None:
    """Mean share of their stores that the nodes drew in the federated line; None where a store has no end."""
    if story.crowd is not None:
        share = story.crowd.used_share()
        return share if share is not None and share >= 0 else None
    rows = [row for row in story.battery if row.line == "federated"]
    if not rows or any(row.capacity_nj <= 0 for row in rows):
        return None
    return sum(row.drawn_nj / row.capacity_nj for row in rows) / len(rows)


def limits(story: Story) -> list[str]:
    """HTML sentences that limit the answer."""
    result = story.result
    stated = [escape(row.value) for row in story.values if row.key.startswith("limit:")]
    if result is None:
        return stated
    found = [_against_alone(story, result), _those_who_did(story, result), _price(story, result)]
    found += [_later_windows(story) if not stated else None, _window_worth(story)]
    if story.large:
        found.append(
            f"{story.watched} are watched: accuracy, and what is drawn node by node, is theirs; energy, who is alive, "
            "and reports count all."
        )
    always = "This is one run: other people, another order of samples or other losses give other numbers."
    return [*(text for text in found if text), *stated, always]


def _against_alone(story: Story, result: Moment) -> str | None:
    """How training alone compares over all classes, whoever is ahead."""
    rival = story.rival
    if rival is None:
        return None
    ours, theirs = result.mean(), rival.mean()
    worst_ours, worst_theirs = result.worst(), rival.worst()
    if ours is None or theirs is None or worst_ours is None or worst_theirs is None:
        return None
    pairs = [(ours, theirs), (worst_ours[1], worst_theirs[1])]
    alone = f"training alone{' with equal work' if rival.phase == 'personal' else ''}"
    ahead = f"the federation is ahead of {alone}"
    if ours <= theirs:
        ahead, pairs = f"{alone} wins", [(second, first) for first, second in pairs]
    mean, worst = (f"{percent(first)} against {percent(second)}" for first, second in pairs)
    small = ", a small lead that one run cannot prove" if abs(ours - theirs) < SMALL_LEAD else ""
    return f"Over all classes {ahead}: {mean} in the mean{small}; {worst} at the worst node."


def _those_who_did(story: Story, result: Moment) -> str | None:
    if not story.has_new or story.rival is None:
        return None
    ours, theirs = result.mean(story.group(True)), story.rival.mean(story.group(True))
    return f"Nodes that did the new classes reach {percent(ours)} over all classes, and {percent(theirs)} alone."


def _price(story: Story, result: Moment) -> str | None:
    """What the personal pass takes from those who never did the new classes."""
    shared = story.at("federated", "round")
    if not story.has_new or shared is None or result.phase != "personal":
        return None
    never = story.group(False)
    before, after = shared.mean(never, "new"), result.mean(never, "new")
    old_before, old_after = shared.mean(never, "old"), result.mean(never, "old")
    if before is None or after is None or after >= before:
        return None
    return (
        f"The personal pass has a price: those who never did the new classes go from {percent(before)} to "
        f"{percent(after)} on them, while their old ones go from {percent(old_before)} to {percent(old_after)}."
    )


def _later_windows(story: Story) -> str | None:
    text = story.run.scenario_yaml
    if "within_recording" not in text and "end of each recording" not in text:
        return None
    return (
        "The test windows are the later part of the same recordings, not of another day: that flatters training alone."
    )


def _window_worth(story: Story) -> str | None:
    windows = min((row.test_windows for row in story.nodes if row.test_windows > 0), default=0)
    if not windows:
        return None
    worth = f"{three(100 / windows)} points"
    return f"The smallest test part has {count(windows, 'window')}: one window is {worth} of that node."
