"""Checks that need the data: is it there, does it give the nodes asked for, does every node keep every class."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from fleet.base.declared import Found, Rule
from fleet.base.errors import Fault, InputError
from fleet.base.keys import nearest
from fleet.base.yaml import KeyPath
from fleet.learning.data import SHIPPED, DataSet, by_recording, check_split, draw, load_set, split_within_recording
from fleet.node.model.zoo import zoo_net
from fleet.scenario.model_rules import own_network
from fleet.scenario.schema import HoldOut, beside

Said = Iterator[tuple[KeyPath, str]]


def data_rule(scenario: Path | None) -> Rule:
    """The rule that opens the data once and asks it everything. scenario: the file that relative paths count from."""

    def rule(found: Found) -> Said:
        source, path = found.get(("data", "source")), found.get(("data", "path"))
        if not isinstance(source, str) or (path is None and ("data", "path") not in found):
            return
        if path is None and source not in SHIPPED:
            yield ("data", "source"), _unknown(source)
            return
        try:
            file = beside(scenario, path) if isinstance(path, Path) else None
            dataset = load_set(source, file)
        except InputError as error:
            yield from ((("data", "path"), f"{fault.text} ({fault.where})") for fault in error.faults)
            return
        yield from _net_reads_the_windows(found, dataset)
        yield from own_network(found, dataset, scenario)
        yield from _every_class_everywhere(found, dataset)
        yield from _people_are_enough(found, dataset)

    return rule


def _unknown(source: str) -> str:
    near = nearest(source, SHIPPED)
    advice = f"did you mean '{near}'?" if near else "give the file of your own data in `path`"
    return f"expected one of {', '.join(SHIPPED)}, got '{source}'; {advice}"


def _net_reads_the_windows(found: Found, dataset: DataSet) -> Said:
    zoo = found.get(("model", "zoo"))
    if isinstance(zoo, str):
        height, width, channels = dataset.x.shape[1:]
        try:
            zoo_net(zoo, dataset.classes, (height, width, channels))
        except InputError as error:
            yield from ((("model", "zoo"), fault.text) for fault in error.faults)


def _every_class_everywhere(found: Found, dataset: DataSet) -> Said:
    hold_out = found.get(("data", "hold_out"))
    if not isinstance(hold_out, HoldOut) or hold_out.train + hold_out.val >= 1:
        return
    if hold_out.kind == "by_recording":
        parts = by_recording(dataset, hold_out.train, hold_out.val)
    else:
        parts = split_within_recording(dataset, hold_out.train, hold_out.val, hold_out.gap)
    yield from (_placed(fault) for fault in check_split(dataset, parts))


def _people_are_enough(found: Found, dataset: DataSet) -> Said:
    """The draw can be made, and it gives as many nodes as the groups count."""
    number, people, new, holders = (found.get(("data", key)) for key in _DRAWN)
    if not (isinstance(number, int) and isinstance(people, int) and isinstance(new, int)):
        return
    try:
        drawn = draw(dataset, number, people, new, holders if isinstance(holders, Fraction) else Fraction(1))
    except InputError as error:
        yield from map(_placed, error.faults)
        return
    nodes = {(int(p), int(s)) for p, s in zip(dataset.subject, dataset.side, strict=True) if p in drawn.fleet_people}
    yield from _counts_match(found, dataset, len(nodes), len(drawn.fleet_people))


_DRAWN = ("draw", "pretrain_people", "new_classes", "holders")


def _counts_match(found: Found, dataset: DataSet, nodes: int, people: int) -> Said:
    """Every node of the data is in exactly one group, or the data are shared."""
    groups = dict.fromkeys(path[:2] for path in found if path[0] == "fleet" and len(path) > 1)
    counts = {path: found.get((*path, "count")) for path in groups}
    known = {path: count for path, count in counts.items() if isinstance(count, int)}
    if not known or len(known) != len(counts):
        return
    total = sum(known.values())
    shared = found.get(("data", "shared")) is True
    if total < nodes or (total > nodes and not shared):
        where = (*next(iter(known)), "count") if len(known) == 1 else ("fleet",)
        advice = ", or let them share with data.shared: true" if total > nodes else ""
        least = "at least " if shared else ""
        text = f"expected {least}{nodes} nodes, as {dataset.source} gives ({people} people), got {total}"
        yield where, f"{text}; change the count{advice}"


def _placed(fault: Fault) -> tuple[KeyPath, str]:
    """A fault of the data room, whose place reads 'data.hold_out'."""
    return tuple(fault.where.split(".")), fault.text
