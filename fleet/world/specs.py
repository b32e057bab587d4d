"""From what a scenario asks for and a board says to what the world runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from fleet.base.errors import Fault, InputError
from fleet.node.profile import Profile, radio_of
from fleet.scenario.radio_schema import RadioChoice
from fleet.scenario.schema import FleetGroup
from fleet.world.energy import harvest_of, levels_of, recovery_of, store_of
from fleet.world.gateway import GatewaySpec
from fleet.world.life import life_of
from fleet.world.node import NodeSpec
from fleet.world.power import power
from fleet.world.radio import RADIOS, Link, StandsBy
from fleet.world.radio.channel import CHANNELS, Channel, Independent, Site
from fleet.world.radio.lora.link import LoraLink
from fleet.world.radio.lora.site import placed
from fleet.world.supply import supply_refusals


def node_spec(
    node: int,
    profile: Profile,
    group: FleetGroup,
    *,
    seed: int = 0,
    scenario: Path | None = None,
    state_bytes: int = 0,
) -> NodeSpec:
    """A fresh node of a group: the board's currents, a full store, its link. A push stays in RAM that sleep retains.

    seed: of the run; where a node stands is drawn under it. scenario: its file, from which relative paths count.
    state_bytes: what a checkpoint keeps.
    """
    part = radio_of(profile, group.radio.kind, group.radio.module)
    radio = link(profile, group.radio, node=node, seed=seed, scenario=scenario, nodes=group.count)
    tx_dbm = radio.power_dbm if isinstance(radio, LoraLink) else group.radio.tx_dbm
    return NodeSpec(
        node=node,
        power=power(profile, part, tx_dbm=tx_dbm),
        store=store_of(group.energy),
        harvest=harvest_of(group.energy.harvest, node=node, seed=seed, scenario=scenario),
        recovery=recovery_of(group.energy, profile, state_bytes),
        link=radio,
        standby=radio.standby if isinstance(radio, StandsBy) else None,
        life=None if group.life is None else life_of(group.life),
        gateway=gateway(group.radio),
    )


def link(
    profile: Profile,
    choice: RadioChoice,
    *,
    node: int = 0,
    seed: int = 0,
    scenario: Path | None = None,
    nodes: int = 1,
) -> Link:
    """The link a scenario asks for on the radio of a board; InputError when the board cannot. nodes: of its group."""
    part = radio_of(profile, choice.kind, choice.module)
    times = {
        "ramp_us": part.ramp_us,
        "event_cpu_us": part.event_cpu_us,
        "start_us": part.start_us,
        "clock_ppm": 2 * part.clock_ppm,  # the gateway's clock is taken to be as good as the node's
        "transmit_dbm": part.usual_dbm,
        "nodes": nodes,
    }
    return radio_link(choice, times, node=node, seed=seed, scenario=scenario)


def supply_faults(
    fleet: Sequence[FleetGroup], profiles: Mapping[str, Profile], *, scenario: Path | None = None
) -> Iterator[Fault]:
    """What the stores of a fleet cannot run, such as Wi-Fi on a coin cell: every fault of every group.

    Of nodes that harvest, also at the levels at which they start and keep their work; and faults of their traces.
    """
    for at, group in enumerate(fleet):
        profile, store = profiles[group.board], store_of(group.energy)
        part = radio_of(profile, group.radio.kind, group.radio.module)
        tx_dbm = group.radio.tx_dbm
        for how, state in (("fresh", store), *levels_of(group.energy)):
            texts = supply_refusals(
                profile,
                part,
                group.energy.kind,
                state.voltage_mv,
                tx_dbm=tx_dbm,
                pulse_na=store.pulse_na,
                state=how,
            )
            yield from (Fault(f"fleet[{at}].energy", text) for text in texts)
        try:
            harvest_of(group.energy.harvest, node=0, seed=0, scenario=scenario)
        except InputError as error:
            yield from error.faults


def radio_link(
    choice: RadioChoice,
    board: Mapping[str, int] | None = None,
    *,
    node: int = 0,
    seed: int = 0,
    scenario: Path | None = None,
) -> Link:
    """The radio's own model with the settings of a scenario; InputError with every combination that it refuses.

    board: what the board adds, of which a model takes what it has a field for; without it the model's own figures.
    """
    if choice.kind not in RADIOS:
        known = ", ".join(RADIOS)
        raise InputError.one("radio.kind", f"expected one of {known}, got '{choice.kind}', which has no model yet")
    made: Any = RADIOS[choice.kind]
    has = {field.name for field in fields(made)}
    added = {name: value for name, value in (board or {}).items() if name in has}
    radio = made(**choice.settings(), **added)
    if "channel" in has:
        usual_dbm = (board or {}).get("transmit_dbm", made.transmit_dbm)
        transmit_dbm = usual_dbm if choice.tx_dbm is None else choice.tx_dbm
        site = Site(node=node, seed=seed, transmit_dbm=transmit_dbm, receiver=radio.receiver, scenario=scenario)
        radio = replace(radio, channel=channel(choice, site))
        if isinstance(radio, LoraLink):
            radio = placed(replace(radio, power_dbm=transmit_dbm), distances(choice), seed, node)
    link: Link = radio
    return link


def distances(choice: RadioChoice) -> dict[str, Any] | None:
    """Settings of the path to the gateway; None where the scenario says nothing of distances."""
    return choice.link.settings() if choice.link is not None and choice.link.kind == "log_distance" else None


def gateway(choice: RadioChoice) -> GatewaySpec | None:
    """The gateway that a node shares; None where it has one to itself."""
    shared = choice.gateway
    return None if shared is None else GatewaySpec(kind=choice.kind, name=shared.name, links=shared.links)


def channel(choice: RadioChoice, site: Site) -> Channel:
    """What loses the packets of one node."""
    if choice.link is None:
        return Independent(loss=choice.loss)
    return CHANNELS[choice.link.kind](site, **choice.link.settings())
