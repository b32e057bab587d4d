"""mcufleet: federated and continual on-device learning on microcontrollers, simulated to the byte.

The first verbs of the command line, for notebooks; rooms are opened when they are asked for:

    scenario = fleet.load("scenarios/quickstart.yaml")
    rounds = fleet.open_run("runs/quickstart").table("rounds")
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleet.record import RunFolder
    from fleet.scenario import Scenario

__version__ = "0.1.0"
__all__ = ["__version__", "load", "open_run"]


def load(path: str | Path) -> "Scenario":
    """The scenario in a YAML file; InputError with every fault of it."""
    from fleet.scenario import load

    return load(Path(path))


def open_run(folder: str | Path) -> "RunFolder":
    """The run folder that `fleet run` left behind, for reading."""
    from fleet.record import open_run

    return open_run(Path(folder))
