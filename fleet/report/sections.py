"""The parts of the page, in the order in which a reader asks: answer, accuracy, cost, memory, trouble, how to."""

from html import escape

from fleet.report.accuracy import accuracy_figure, group_figures
from fleet.report.again import again
from fleet.report.answer import answer, limits, question
from fleet.report.cards import Card, cards
from fleet.report.cost import energy_figure, traffic_figures
from fleet.report.delivery import delivery_figure
from fleet.report.everyone import everyones_energy, transmitter_figure
from fleet.report.figure import Figure
from fleet.report.memory import ledger_figures, plan_figure
from fleet.report.numbers import count
from fleet.report.story import Story
from fleet.report.summary import HEADINGS, lines
from fleet.report.supply import supply_figure
from fleet.report.tables import ledger_table, table
from fleet.report.trouble import trouble_figure, trouble_finding, trouble_table
from fleet.report.updates import ENDED, update_stages, updates_table

_HOW = "Hover for values, click for one node in every figure, drag to zoom, double-click to come back."


class Sheet:
    """The figures placed on the page so far, in their order."""

    def __init__(self, most_rows: int | None = None) -> None:
        """most_rows: of data that the page keeps of a figure; the run folder has the others."""
        self.figures: list[Figure] = []
        self.most_rows = most_rows

    def place(self, *figures: Figure) -> str:
        """HTML of the places where the page's script will draw these figures, with their words and buttons."""
        kept = [figure.cut(self.most_rows) for figure in figures]
        self.figures.extend(kept)
        return "".join(_place(figure) for figure in kept)


def sections(story: Story, sheet: Sheet) -> str:
    """HTML of the whole page body."""
    parts = (
        _opening(story),
        _accuracy(story, sheet),
        _energy(story, sheet),
        _air(story, sheet),
        _memory(story, sheet),
        _updates(story),
        _trouble(story, sheet),
        section("How to get this again", again(story)),
    )
    return "".join(parts)


def scenario_name(story: Story) -> str:
    """The name in the scenario, 'run' when it has none."""
    named = (line[5:].strip(" '\"") for line in story.run.scenario_yaml.splitlines() if line.startswith("name:"))
    return next(named, "run")


def _opening(story: Story) -> str:
    seed = story.value("seed")
    over = " · ".join(filter(None, ("mcufleet", scenario_name(story), f"seed {seed}" if seed is not None else "")))
    said = "".join(f"<p>{sentence}</p>" for sentence in answer(story))
    bounds = "".join(f"<li>{sentence}</li>" for sentence in limits(story))
    return (
        f"<header><p class=over>{escape(over)}</p><h1>{escape(question(story))}</h1></header>"
        f"{'' if story.finished else _unfinished(story)}"
        f"<section class=answer>{said}</section>{f'<ul class=limits>{bounds}</ul>' if bounds else ''}"
        f"<section class=cards>{''.join(_card(card) for card in cards(story))}</section>\n"
    )


def _unfinished(story: Story) -> str:
    done = count(story.rounds_of("federated"), "round")
    return (
        f"<p class=warning><b>This run is unfinished.</b> {done} of the federated line recorded so far; everything "
        "below shows what is there. <code>fleet run --resume</code> finishes it.</p>"
    )


def _card(card: Card) -> str:
    return (
        f"<div class=card><h3>{escape(card.label)}</h3><p class=value>{escape(card.value)}</p>"
        f"<p>{escape(card.more)}</p><p class=against>{escape(card.against)}</p></div>"
    )


def _accuracy(story: Story, sheet: Sheet) -> str:
    title = "Accuracy over virtual time"
    if not story.moments:
        return section(title, "<p>No accuracy is recorded.</p>")
    rows = [line.cells() for line in lines(story)]
    hidden = () if story.has_new else (HEADINGS.index("new at those who never did"),)
    compared = table(HEADINGS, rows, numbers_from=1, hidden=hidden, strong=len(rows) - 1)
    whose = f" Accuracy is that of the {story.watched} that are watched; energy and bytes count all." * story.large
    note = (
        "<p class=note>Shares of test windows; the mean over nodes is the mean of the nodes' own accuracies. Energy is "
        f"that of a whole line and stands where the line ends.{whose}</p>"
    )
    whole, groups = sheet.place(accuracy_figure(story)), sheet.place(*group_figures(story))
    return section(title, f"<p class='note hint'>{_HOW}</p>{whole}<div class=pair>{groups}</div>{compared}{note}")


def _energy(story: Story, sheet: Sheet) -> str:
    known = bool(story.drawn_nj("federated"))
    drawn = _crowd_energy(story, sheet) + (sheet.place(energy_figure(story)) if known else "")
    if (supply := supply_figure(story)) is not None:
        drawn += sheet.place(supply)
    return section("Where the energy went", drawn or _missing("energy", story))


def _crowd_energy(story: Story, sheet: Sheet) -> str:
    """What all nodes of a large fleet drew."""
    figures = everyones_energy(story) if story.large else []
    whole = sheet.place(*figures[:1])
    spread = f"<div class=pair>{sheet.place(*figures[1:])}</div>" if figures[1:] else ""
    return whole + spread


def _air(story: Story, sheet: Sheet) -> str:
    known = any(row.line == "federated" for row in story.traffic)
    crowd, delivery = story.crowd, delivery_figure(story)
    pair = sheet.place(delivery) if delivery is not None else ""
    if story.large and crowd is not None and crowd.sent_us.any():
        pair += sheet.place(transmitter_figure(story, crowd))
    drawn = sheet.place(*traffic_figures(story)) if known else ""
    found = "".join(f"<div class=pair>{figures}</div>" for figures in (pair, drawn) if figures)
    return section("What was on the air", found or f"<div class=pair>{_missing('traffic', story)}</div>")


def _memory(story: Story, sheet: Sheet) -> str:
    bars = sheet.place(*ledger_figures(story)) or _missing("ledger", story)
    plan = plan_figure(story)
    boxes = sheet.place(plan) if plan else _missing("plan", story)
    return section("The memory ledger", bars + ledger_table(story)) + section("The plan of one training step", boxes)


def _updates(story: Story) -> str:
    """What became of updates; nothing where the scenario has none."""
    stages = update_stages(story.run)
    ended = {row.key.removeprefix(ENDED): row.value for row in story.values if row.key.startswith(ENDED)}
    return section("What became of updates", updates_table(stages, ended)) if stages or ended else ""


def _trouble(story: Story, sheet: Sheet) -> str:
    figure = trouble_figure(story)
    drawn = sheet.place(figure) if figure else ""
    finding = trouble_finding(story) if story.finished or story.events else "No event is recorded so far."
    return section("What went wrong", f"<p>{escape(finding)}</p>{drawn}{trouble_table(story)}")


def _missing(what: str, story: Story) -> str:
    return f"<p>No {what} is recorded{'' if story.finished else ' so far'}.</p>"


def section(title: str, body: str) -> str:
    """HTML of a part of the page with its title."""
    return f"<section><h2>{escape(title)}</h2>{body}</section>\n"


def _place(figure: Figure) -> str:
    name = escape(figure.name)
    buttons = "".join(
        f'<button type=button data-save={kind} data-of="{name}" aria-label="save as {kind.upper()}: {name}">'
        f"{kind.upper()}</button>"
        for kind in ("svg", "csv")
    )
    return (
        f"<figure><figcaption><div><h3>{escape(figure.finding)}</h3><p>{escape(figure.caption)}</p></div>"
        f"<p class=save>{buttons}</p></figcaption>"
        f'<div class=plot id="{name}" style="min-height:{figure.height}px"></div></figure>\n'
    )
