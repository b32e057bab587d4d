"""The boards of a fleet, with the radios that its groups speak through."""

from collections.abc import Iterable

from fleet.node.profile import Profile, load_profile, radio_of
from fleet.scenario.schema import FleetGroup


def profiles_of(fleet: Iterable[FleetGroup]) -> dict[str, Profile]:
    """Board name to profile, sorted by name; its memory holds the stacks of the radios that groups on it name.

    Groups that name two radios on one board share one image, which has both stacks.
    """
    groups = list(fleet)
    return {board: _used(load_profile(board), groups) for board in sorted({group.board for group in groups})}


def _used(profile: Profile, groups: list[FleetGroup]) -> Profile:
    radios = [group.radio for group in groups if group.board == profile.board]
    return profile.using(*(radio_of(profile, radio.kind, radio.module) for radio in radios))
