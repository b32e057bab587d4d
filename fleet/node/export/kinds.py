"""How an exported project holds its plan."""

from enum import StrEnum


class Kind(StrEnum):
    """TABLE: words that the interpreter runs. STATIC: calls that are compiled; smallest, and only models can be pushed.

    The word in a command and in verify/project.json is `profile`, which here is a board's.
    """

    TABLE = "table"
    STATIC = "static"
