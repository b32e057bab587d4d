"""The page: one HTML file with everything in it. Its content policy lets it load nothing, so it works offline."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from fleet.base.places import package_data
from fleet.record import RunFolder, write_whole
from fleet.report.figure import PALETTE
from fleet.report.sections import Sheet, scenario_name, sections
from fleet.report.story import Story
from fleet.report.summary import as_json

NAME = "report.html"
MOST_ROWS = 1_000  # of a figure's data, on the page of a large fleet
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def write_report(run: Path) -> Path:
    """The path of report.html, written into the run folder beside summary.json; an unfinished run's says so."""
    return write_page(Story.read(RunFolder.open(Path(run))))


def write_page(story: Story) -> Path:
    """As write_report, of a story that was read already."""
    story.run.write_summary(as_json(story))
    file = story.run.path / NAME
    write_whole(file, render(story).encode())
    return file


def render(story: Story) -> str:
    """The whole page."""
    sheet = Sheet(MOST_ROWS if story.large else None)
    body = sections(story, sheet)
    nodes = [(row.node, story.person(row.node)) for row in story.nodes]
    title = f"{scenario_name(story)}: report of a run"
    return page(title, body, sheet, name=story.run.path.resolve().name, nodes=nodes)


def page(title: str, body: str, sheet: Sheet, *, name: str, nodes: Sequence[tuple[int, str]] = ()) -> str:
    """A page of a body and the figures placed on it. name: of what is saved from it. nodes: that can be chosen."""
    return _PAGE.format(
        policy=POLICY,
        title=escape(title),
        style=_colours() + _own("page.css"),
        body=body,
        chooser="" if nodes else ' style="display:none"',
        data=_json(_data(sheet, name, nodes)),
        plotly=get_plotlyjs(),
        script=_own("page.js"),
    )


def _data(sheet: Sheet, name: str, nodes: Sequence[tuple[int, str]]) -> dict[str, Any]:
    """What page.js reads."""
    return {
        "run": name,
        "palette": {colour: list(pair) for colour, pair in PALETTE.items()},
        "figures": {figure.name: figure.spec() for figure in sheet.figures},
        "nodes": [list(node) for node in nodes],
    }


def _json(content: dict[str, Any]) -> str:
    """JSON that may stand in a script element: '</' would end it."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")


def _own(name: str) -> str:
    return package_data("report", name).read_text(encoding="utf-8")


def _colours() -> str:
    """The palette as CSS variables: light, and dark on a screen that asks for it; paper is always light."""
    light, dark = ("".join(f"--{name}:{pair[theme]};" for name, pair in PALETTE.items()) for theme in (0, 1))
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
<main>
{body}</main>
<label id="chooser"{chooser}>highlight <select id="chosen"><option value="">no node</option></select></label>
<script id="run-data" type="application/json">{data}</script>
<script>{plotly}</script>
<script>
{script}</script>
</body>
</html>
"""
