"""From what a scenario asks for and a board says to what the world runs."""

from dataclasses import fields
from typing import Any

from fleet.base.errors import InputError
from fleet.node.profile import Profile, radio_refusal
from fleet.scenario.radio_schema import RadioChoice
from fleet.scenario.schema import FleetGroup
from fleet.world.node import NodeSpec
from fleet.world.power import power
from fleet.world.radio import RADIOS, Link
from fleet.world.radio.channel import CHANNELS, Channel, Independent
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
    times = {
        "ramp_us": profile.radio.ramp_us,
        "event_cpu_us": profile.radio.event_cpu_us,
        "start_us": profile.wake_us,
        "clock_ppm": 2 * profile.radio.clock_ppm,  # the gateway's clock is taken to be as good as the node's
    }
    return radio_link(choice, times, channel(choice))


def radio_link(choice: RadioChoice, board: dict[str, int] | None = None, air: Channel | None = None) -> Link:
    """The radio's own model with the settings of a scenario; InputError with every combination that it refuses.

    board: what the board adds, of which a model takes what it has a field for; without it the model's own figures.
    """
    if choice.kind not in RADIOS:
        known = ", ".join(RADIOS)
        raise InputError.one("radio.kind", f"expected one of {known}, got '{choice.kind}', which has no model yet")
    made: Any = RADIOS[choice.kind]
    has = {field.name for field in fields(made)}
    added: dict[str, Any] = {name: value for name, value in (board or {}).items() if name in has}
    if air is not None:
        added["channel"] = air
    link: Link = made(**choice.settings(), **added)
    return link


def channel(choice: RadioChoice) -> Channel:
    """What loses the packets of one node."""
    if choice.link is None:
        return Independent(loss=choice.loss)
    return CHANNELS[choice.link.kind](**choice.link.settings())
