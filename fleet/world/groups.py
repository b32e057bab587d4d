"""The groups of a scenario's fleet as the world takes them, with what their nodes report by themselves."""

from collections.abc import Sequence
from itertools import accumulate

from fleet.base.errors import InputError
from fleet.base.lazy import Derived
from fleet.scenario.schema import FleetGroup
from fleet.world.cohort import Group
from fleet.world.node import NodeSpec
from fleet.world.reports.over_link import LinkReports
from fleet.world.reports.report import Reports


def groups_of(fleet: Sequence[FleetGroup], specs: Sequence[NodeSpec], *, seed: int) -> list[Group]:
    """One for each of the fleet. specs: of all nodes, by number. Raises InputError for reports that cannot be."""
    firsts = accumulate((group.count for group in fleet), initial=0)
    return [
        Group(board=group.board, first=first, count=group.count, reports=_reports(group, first, specs, seed))
        for group, first in zip(fleet, firsts, strict=False)
    ]


def _reports(group: FleetGroup, first: int, specs: Sequence[NodeSpec], seed: int) -> Reports | None:
    if group.report is None:
        return None
    if group.radio.kind == "lorawan":
        raise InputError.one("fleet.report", "expected another radio than lorawan, which has no reports yet, got it")
    own = Derived(group.count, lambda place: specs[first + place])
    return LinkReports(own, seed=seed, every_us=group.report.every_us, payload_bytes=group.report.payload_bytes)
