"""The boards of a fleet hold the stacks of the radios that its groups name."""

from fleet.base.places import scenarios_dir
from fleet.node.profile import load_profile
from fleet.scenario import load, profiles_of


def test_the_quickstarts_board_is_the_one_that_fleet_plan_sees() -> None:
    scenario = load(scenarios_dir() / "quickstart.yaml")
    assert profiles_of(scenario.fleet) == {"nrf52840": load_profile("nrf52840")}
