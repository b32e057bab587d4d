"""The groups of a scenario's fleet as the world takes them, with what their nodes report by themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from fleet.base.lazy import Derived
from fleet.node.profile import Profile, radio_of
from fleet.scenario.schema import FleetGroup, Report
from fleet.world.cohort import Group
from fleet.world.harvest import Harvest
from fleet.world.node import NodeSpec
from fleet.world.power import power
from fleet.world.radio.lora.link import LoraLink
from fleet.world.radio.lora.site import places
from fleet.world.reports.over_link import LinkReports
from fleet.world.reports.over_lora import LoraReports
from fleet.world.reports.report import Reports
from fleet.world.specs import distances, link


def groups_of(
    fleet: Sequence[FleetGroup], profiles: Mapping[str, Profile], specs: Sequence[NodeSpec], *, seed: int
) -> list[Group]:
    """One for each of the fleet. specs: of all nodes, by number. Raises InputError for reports that cannot be."""
    firsts = accumulate((group.count for group in fleet), initial=0)
    return [
        Group(
            board=group.board,
            first=first,
            count=group.count,
            reports=_reports(group, profiles[group.board], first, specs, seed),
            harvests=_harvests(group, first, specs),
        )
        for group, first in zip(fleet, firsts, strict=False)
    ]


def _harvests(group: FleetGroup, first: int, specs: Sequence[NodeSpec]) -> tuple[Harvest, ...]:
    """One for each region of a group, in the order of regions; of a region without nodes, another's."""
    if group.energy.harvest is None:
        return ()
    regions = group.energy.harvest.settings().get("regions", 1)
    nodes = (specs[first + min((region - first) % regions, group.count - 1)] for region in range(regions))
    return tuple(node.harvest for node in nodes if node.harvest is not None)


def _reports(group: FleetGroup, profile: Profile, first: int, specs: Sequence[NodeSpec], seed: int) -> Reports | None:
    if group.report is None:
        return None
    if group.radio.kind == "lorawan":
        return lora_reports(group, group.report, profile, first, seed)
    own = Derived(group.count, lambda place: specs[first + place])
    return LinkReports(own, seed=seed, every_us=group.report.every_us, payload_bytes=group.report.payload_bytes)


def lora_reports(group: FleetGroup, report: Report, profile: Profile, first: int, seed: int) -> LoraReports:
    """The reports of a group that speaks LoRaWAN, each node from where it stands."""
    part = radio_of(profile, group.radio.kind, group.radio.module)
    setting = link(profile, group.radio, node=first, seed=seed, nodes=group.count)
    assert isinstance(setting, LoraLink)
    usual_dbm = part.usual_dbm if group.radio.tx_dbm is None else group.radio.tx_dbm
    template = replace(setting, sf=group.radio.settings()["sf"], power_dbm=usual_dbm)
    where = places(template, distances(group.radio), seed, np.arange(first, first + group.count, dtype=np.int64))
    powers = {dbm: power(profile, part, tx_dbm=dbm) for dbm in np.unique(where.power_dbm).tolist()}
    return LoraReports(where, template, powers, report, seed=seed, first=first)
