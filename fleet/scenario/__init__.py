"""What the user asked: a YAML file as a frozen Scenario, or every fault of it at once."""

from fleet.scenario.boards import profiles_of
from fleet.scenario.energy_schema import HarvestChoice, StoreChoice
from fleet.scenario.load import dump, load, loads
from fleet.scenario.radio_schema import LinkChoice, RadioChoice
from fleet.scenario.recipe import personal_rate, recipe_of, recipe_text, round_rate
from fleet.scenario.schema import (
    Data,
    FleetGroup,
    HoldOut,
    ModelChoice,
    Scenario,
    ScheduleChoice,
    SchemeChoice,
    Server,
    Training,
)

__all__ = [
    "Data",
    "FleetGroup",
    "HarvestChoice",
    "HoldOut",
    "LinkChoice",
    "ModelChoice",
    "RadioChoice",
    "Scenario",
    "ScheduleChoice",
    "SchemeChoice",
    "Server",
    "StoreChoice",
    "Training",
    "dump",
    "load",
    "loads",
    "personal_rate",
    "profiles_of",
    "recipe_of",
    "recipe_text",
    "round_rate",
]
