"""Tables of the page."""

from collections.abc import Sequence
from html import escape

from fleet.report.story import Story


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers_from: int,
    hidden: Sequence[int] = (),
    strong: int | None = None,
) -> str:
    """HTML of a table whose columns from numbers_from on are numbers; columns in hidden are left out."""
    shown = [index for index in range(len(headings)) if index not in hidden]
    marks = ["" if index < numbers_from else " class=n" for index in range(len(headings))]
    head = "".join(f"<th{marks[index]}>{escape(headings[index])}</th>" for index in shown)
    body = ""
    for number, row in enumerate(rows):
        cells = "".join(f"<td{marks[index]}>{escape(row[index])}</td>" for index in shown)
        body += f"<tr{' class=strong' if number == strong else ''}>{cells}</tr>"
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def ledger_table(story: Story) -> str:
    """Every line of the ledger, with its reason and how its size is known; '' when there is none."""
    if not story.ledger:
        return ""
    headings = ("bytes", "bank", "item", "reason", "known by")
    several = len({row.board for row in story.ledger}) > 1
    rows = [
        (
            f"{row.bytes:,}",
            f"{row.board} {row.bank}" if several else row.bank,
            row.item,
            row.reason,
            row.basis + (", unverified" if row.unverified else ""),
        )
        for row in story.ledger
    ]
    lines = table(headings, rows, numbers_from=len(headings))
    return f"<details><summary>The ledger, line by line</summary>{lines}</details>"
