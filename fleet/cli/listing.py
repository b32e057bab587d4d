"""Rows of `fleet devices` and `fleet scenarios`."""

from collections.abc import Iterator
from pathlib import Path

from fleet.base.errors import InputError
from fleet.base.places import scenarios_dir
from fleet.base.yaml import read
from fleet.node.profile import FLASH, available, boards, load_profile

DEVICE_HEADINGS = ("board", "core", "clock", "SRAM free of", "flash free of", "radio", "builds")
KIB = 1024


def device_rows() -> Iterator[tuple[str, ...]]:
    """One row for each board."""
    for name in boards():
        profile = load_profile(name)
        ram = sum(available(profile, bank.name) for bank in profile.banks)
        radios = ", ".join(profile.radio.kinds) if profile.radio is not None else "–"
        yield (
            name,
            profile.core,
            f"{profile.clock_hz / 1e6:g} MHz",
            _free_of(ram, sum(bank.size_bytes for bank in profile.banks)),
            _free_of(available(profile, FLASH), profile.flash.size_bytes),
            radios,
            "yes" if profile.can_build else "no",
        )


def _free_of(free_bytes: int, size_bytes: int) -> str:
    """'242.25 of 256 KiB'."""
    return f"{free_bytes / KIB:g} of {size_bytes / KIB:g} KiB"


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
