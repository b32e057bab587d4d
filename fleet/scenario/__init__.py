"""What the user asked: a YAML file as a frozen Scenario, or every fault of it at once."""

from fleet.scenario.load import dump, load, loads
from fleet.scenario.schema import (
    Data,
    FleetGroup,
    HoldOut,
    ModelChoice,
    RadioChoice,
    Scenario,
    SchemeChoice,
    Server,
    StoreChoice,
    Training,
)

__all__ = [
    "Data",
    "FleetGroup",
    "HoldOut",
    "ModelChoice",
    "RadioChoice",
    "Scenario",
    "SchemeChoice",
    "Server",
    "StoreChoice",
    "Training",
    "dump",
    "load",
    "loads",
]
