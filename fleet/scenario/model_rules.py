"""Checks of a user's own network: can it be read, does it read the data, has it what the scheme wants."""

from collections.abc import Iterator
from pathlib import Path

from fleet.base.declared import Found
from fleet.base.errors import InputError
from fleet.base.yaml import KeyPath
from fleet.learning.data import DataSet, same_but_for_ones
from fleet.node.model.graph import Graph
from fleet.node.model.own import own_model
from fleet.node.model.scheme import most_of
from fleet.scenario import names
from fleet.scenario.schema import SchemeChoice, beside

Said = Iterator[tuple[KeyPath, str]]
FILE: KeyPath = ("model", "file")


def own_network(found: Found, dataset: DataSet, scenario: Path | None) -> Said:
    """Faults of the file of `model`, if there is one. scenario: the file that relative paths count from."""
    path, head = found.get(FILE), found.get(("model", "head"))
    if not isinstance(path, Path) or not isinstance(head, str):
        return
    try:
        graph = own_model(beside(scenario, path), dataset.classes, head).graph
    except InputError as error:
        yield from ((FILE, f"{fault.text} ({fault.where})") for fault in error.faults)
        return
    given, wanted = tuple(dataset.x.shape[1:]), graph.input.shape
    if not same_but_for_ones(given, wanted):
        text = f"expected a network for windows of {list(given)}, as {dataset.source} has, got one for {list(wanted)}"
        yield FILE, f"{text}; change the network or the data"
    yield from _scheme_fits(found.get(("training", "scheme")), graph)


def _scheme_fits(scheme: object, graph: Graph) -> Said:
    """No more layers or blocks than the network has."""
    if not isinstance(scheme, SchemeChoice):
        return
    for name in names.COUNTED[scheme.kind]:
        most, asked = most_of(graph, scheme.kind, name), getattr(scheme, name)
        if asked > most:
            text = f"expected at most {most}, which is all that {graph.name} has, got {asked}; lower it"
            yield ("training", "scheme", name), text
