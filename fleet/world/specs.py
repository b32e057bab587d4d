"""From what a scenario asks for and a board says to what the world runs."""

from fleet.base.errors import InputError
from fleet.node.profile import Profile, radio_refusal
from fleet.scenario.schema import FleetGroup, RadioChoice
from fleet.world.node import NodeSpec
from fleet.world.power import power
from fleet.world.radio import RADIOS, Link
from fleet.world.store import STORES


def node_spec(node: int, profile: Profile, group: FleetGroup) -> NodeSpec:
    """A fresh node of a group: the board's currents, a full store, its link. A push stays in RAM that sleep retains."""
    return NodeSpec(
        node=node,
        power=power(profile),
        store=STORES[group.energy.kind](group.energy.capacity_mah),
        link=link(profile, group.radio),
    )


def link(profile: Profile, choice: RadioChoice) -> Link:
    """The link a scenario asks for on the radio of a board; InputError when the board cannot."""
    refusal = radio_refusal(profile, choice.kind)
    if refusal is not None or profile.radio is None:
        raise InputError.one("fleet.radio", refusal or f"expected a radio, {profile.board} has none")
    return RADIOS[choice.kind](
        phy=choice.phy,
        loss=choice.loss,
        interval_us=choice.interval_us,
        ramp_us=profile.radio.ramp_us,
        event_cpu_us=profile.radio.event_cpu_us,
        start_us=profile.wake_us,
        clock_ppm=2 * profile.radio.clock_ppm,  # the gateway's clock is taken to be as good as the node's
    )
