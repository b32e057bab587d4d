"""The order of a forward pass's operators that holds the fewest bytes at once, each on whole maps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from fleet.node.model.graph import inputs
from fleet.node.plan.placement import MOST_STATES, Call, Order, best_order
from fleet.node.plan.rolling import roots
from fleet.node.plan.segments import Facts

KEPT: Final = "\nkept"  # what is kept of a map, and a mask, beside the maps: no map has such a name
MASK: Final = "\nmask"


def order_of(facts: Facts, *, states: int = MOST_STATES) -> Order:
    """The best order of the operators, by number in facts.ops; theirs where none is better.

    Every map is held whole until it was last read, and then what the way back reads of it; a mask from its operator
    on. Where each operator reads the one before it there is no other order.
    """
    sizes = dict(_sizes(facts))
    stay = [name for name in sizes if name.endswith((KEPT, MASK))]
    outputs = (*_with(facts.graph.outputs, roots(facts.graph)), *stay)
    if all(before.y in inputs(op) for before, op in pairwise(facts.ops)):
        return replace(best_order(_calls(facts), sizes, outputs, states=0), proved=True)
    return best_order(_calls(facts), sizes, outputs, states=states)


def _sizes(facts: Facts) -> Iterator[tuple[str, int]]:
    for name, size in facts.size.items():
        kept = facts.kept.get(name, 0)
        yield name, size - kept
        yield name + KEPT, kept
    for op, size in zip(facts.ops, facts.own_masks, strict=True):
        yield op.name + MASK, size


def _calls(facts: Facts) -> list[Call]:
    sources = roots(facts.graph)
    return [
        Call(name=op.name, inputs=_with(inputs(op), sources), outputs=(op.y, op.y + KEPT, op.name + MASK))
        for op in facts.ops
    ]


def _with(names: Sequence[str], sources: Mapping[str, str]) -> tuple[str, ...]:
    """Names, and where one is reshaped its source beside it: the order depends on both, the bytes on the source."""
    return tuple(dict.fromkeys(name for pair in ((n, sources[n]) for n in names) for name in pair))
