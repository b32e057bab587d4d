"""Text as a reader types it, and figures as a page draws them."""

from typing import Any

from fleet.report.figure import PALETTE


def plain(text: str) -> str:
    """The text with ordinary spaces where the report has narrow ones."""
    return text.replace("\u202f", " ")


def lit(value: Any) -> Any:
    """The specification with colours looked up, as the page does."""
    if isinstance(value, str) and value.startswith("@"):
        return PALETTE[value[1:]][0]
    if isinstance(value, list):
        return [lit(item) for item in value]
    return {key: lit(item) for key, item in value.items()} if isinstance(value, dict) else value
