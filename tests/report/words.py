"""Text as a reader types it."""


def plain(text: str) -> str:
    """The text with ordinary spaces where the report has narrow ones."""
    return text.replace("\u202f", " ")
