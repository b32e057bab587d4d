"""How to get this again, and how each kind of number is known."""

from html import escape

from fleet.report.story import Story
from fleet.report.tables import table

_SHOWN_ELSEWHERE = (
    "question",
    "command",
    "seed",
    "raw_bytes",
    "peak_step",
    "limit:",
    "bank:",
    "basis:",
    "digest:",
    "report:",
    "update:",
)
SHOWN_DIGESTS = 100
LABELS = {
    "scheme": "Scheme",
    "recipe": "Recipe",
    "emulated": "Emulated nodes",
    "watched": "Watched",
    "steps:alone": "Steps of a node alone",
    "steps:personal": "Steps of the personal pass",
}
MEANINGS = {
    "measured": "read from a real artefact or machine",
    "counted": "computed exactly: bytes, windows, steps, operations",
    "planned": "laid out before the run, byte by byte",
    "modelled": "from a model with sourced parameters",
    "given": "stated by the scenario",
    "unverified": "a number whose source could not be checked",
}


def again(story: Story) -> str:
    """HTML: command, seed, fingerprint, versions, scenario, final weights, and what is measured, counted, modelled."""
    return (
        _facts(story)
        + _bases(story)
        + _folded("Scenario as resolved", f"<pre>{escape(story.run.scenario_yaml)}</pre>")
        + _folded("Versions", table(("what", "version"), sorted(story.run.versions.items()), numbers_from=2))
        + _digests(story)
    )


def _facts(story: Story) -> str:
    fingerprint = story.run.fingerprint or "none yet: the run is unfinished"
    command = story.value("command") or "fleet run scenario.yaml, with the scenario below"
    facts = {"Command": command, "Seed": story.value("seed"), "Fingerprint": fingerprint}
    others = [row for row in story.values if not row.key.startswith(_SHOWN_ELSEWHERE)]
    facts |= {LABELS.get(row.key, row.key): row.value for row in others}
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items() if value is not None
    )
    note = (
        "<p class=note>The same command gives the same fingerprint on every machine and with any number of jobs; the "
        "fingerprint covers every number in the tables, not how the files are stored.</p>"
    )
    return f"<dl class=facts>{rows}</dl>{note}"


def _bases(story: Story) -> str:
    """What is measured, counted, modelled and unverified, in this order."""
    rows = [row for row in story.values if row.key.startswith("basis:")]
    doubtful = sorted({f"{row.item} ({row.board})" for row in story.ledger if row.unverified})
    body = ""
    for basis, meaning in MEANINGS.items():
        known = [
            f"<b>{escape(row.key.removeprefix('basis:'))}</b>: {escape(row.value)}"
            for row in rows
            if row.basis == basis
        ]
        known += [f"<b>memory</b>: {escape(item)}" for item in doubtful if basis == "unverified"]
        if not known and basis in ("planned", "given"):
            continue
        things = "".join(f"<li>{thing}</li>" for thing in known) or "<li>nothing in this run</li>"
        body += f"<div><h3>{basis.capitalize()}</h3><p class=note>{meaning}</p><ul>{things}</ul></div>"
    return f"<div class=bases>{body}</div>"


def _digests(story: Story) -> str:
    rows = [(r.key.removeprefix("digest:"), r.value) for r in story.values if r.key.startswith("digest:")]
    more = len(rows) - SHOWN_DIGESTS
    rest = f"<p class=note>{more:,} more in the table values.</p>" if more > 0 else ""
    shown = table(("weights", "SHA-256"), rows[:SHOWN_DIGESTS], numbers_from=2)
    return _folded("Digests of the final weights", shown + rest) if rows else ""


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{body}</details>"
