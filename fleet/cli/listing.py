"""Rows of `fleet scenarios`."""

from collections.abc import Iterator
from pathlib import Path

from fleet.base.errors import InputError
from fleet.base.places import scenarios_dir
from fleet.base.yaml import read


def scenario_rows() -> Iterator[tuple[str, str]]:
    """One row for each scenario that ships: the path to give to `fleet run`, and its question."""
    for file in sorted(scenarios_dir().glob("*.yaml")):
        try:
            question = read(file).comment
        except InputError as error:
            question = f"cannot be read: {error.faults[0].text}"
        yield _shown(file), question


def _shown(file: Path) -> str:
    """From here, when it lies below."""
    here = Path.cwd()
    return str(file.relative_to(here)) if file.is_relative_to(here) else str(file)
