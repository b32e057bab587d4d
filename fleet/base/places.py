"""Where files are: boards, scenarios, data inside the package, and what may be kept between runs.

Boards and scenarios are inputs that lie beside `fleet/` in a checkout and inside it (`_devices`, `_scenarios`) in a
wheel. An editable install may hold both; the checkout's folders are the ones a user edits, so they win.
"""

import os
from pathlib import Path

from fleet.base.errors import InputError

PACKAGE = Path(__file__).resolve().parents[1]


def path_of(given: str | Path, remedy: str) -> Path:
    """A path that may be given as text; InputError for anything else."""
    if isinstance(given, str | Path):
        return Path(given)
    raise InputError.one("path", f"expected a path or its text, got {given!r}; {remedy}")


def devices_dir() -> Path:
    """The folder with one folder per board."""
    return _beside_or_inside("devices")


def scenarios_dir() -> Path:
    """The folder with one YAML file per question."""
    return _beside_or_inside("scenarios")


def package_data(*parts: str) -> Path:
    """A file or folder that lies inside the package, such as package_data("node", "engine", "src")."""
    return PACKAGE.joinpath(*parts)


def cache_dir() -> Path:
    """The folder for what can be made again, such as the built engine; made when it is missing.

    $MCUFLEET_CACHE, else $XDG_CACHE_HOME/mcufleet, else ~/.cache/mcufleet
    (XDG Base Directory Specification 0.8: a relative $XDG_CACHE_HOME is to be ignored).
    """
    try:
        folder = _cache_choice().absolute()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as no_folder:  # RuntimeError: there is no home directory
        text = f"expected a folder that can be made, got {no_folder}; set it to a folder that can be written"
        raise InputError.one("MCUFLEET_CACHE", text) from no_folder
    return folder


def _cache_choice() -> Path:
    if own := os.environ.get("MCUFLEET_CACHE"):
        return Path(own).expanduser()
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (shared if shared.is_absolute() else Path.home() / ".cache") / "mcufleet"


def _beside_or_inside(name: str) -> Path:
    checkout = PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    return PACKAGE / f"_{name}"
