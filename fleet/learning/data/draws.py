"""Draws: which people pretrain, which exercises are new, and who of the fleet has done them.

A draw depends on its number alone. The scenario's seed changes orders, rounding and losses, never the draw, so that
runs of one draw can be compared and a model pretrained for it stays the right one.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Final

from fleet.base.errors import Fault, InputError
from fleet.base.rng import Stream, key, permutation
from fleet.learning.data.dataset import DataSet

_PEOPLE: Final = 0  # last part of the key of each question; part of the format, as the streams are
_CLASSES: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """pretrain_people: ascending. fleet_people: everybody else, in the order of the nodes. new_classes: ascending.

    holders: those of the fleet who have done the new classes, in the order of the nodes.
    """

    number: int
    pretrain_people: tuple[int, ...]
    fleet_people: tuple[int, ...]
    new_classes: tuple[int, ...]
    holders: tuple[int, ...]


def draw(dataset: DataSet, number: int, pretrain_people: int, new_classes: int, holders: Fraction) -> Draw:
    """The people and classes of draw `number`; the holders are spread evenly over the fleet, the first person is one.

    With half of six people as holders these are the first, third and fifth.
    """
    _check(dataset, number, pretrain_people, new_classes, holders)
    order = permutation(key(number, Stream.SPLIT, _PEOPLE), len(dataset.people))
    people = [dataset.people[i] for i in order]
    classes = permutation(key(number, Stream.SPLIT, _CLASSES), dataset.classes)
    fleet = people[pretrain_people:]
    return Draw(
        number=number,
        pretrain_people=tuple(sorted(people[:pretrain_people])),
        fleet_people=tuple(fleet),
        new_classes=tuple(sorted(int(c) for c in classes[:new_classes])),
        holders=tuple(p for i, p in enumerate(fleet) if ceil((i + 1) * holders) > ceil(i * holders)),
    )


def old_classes(dataset: DataSet, drawn: Draw) -> tuple[int, ...]:
    """The classes that are not new, ascending."""
    return tuple(c for c in range(dataset.classes) if c not in drawn.new_classes)


def _check(dataset: DataSet, number: int, pretrain_people: int, new_classes: int, holders: Fraction) -> None:
    people, classes = len(dataset.people), dataset.classes
    rules = (
        ("draw", number >= 0, "a number from 0", number),
        ("pretrain_people", 0 < pretrain_people < people, f"1 to {people - 1} of {people} people", pretrain_people),
        ("new_classes", 0 <= new_classes < classes, f"0 to {classes - 1} of {classes} classes", new_classes),
        ("holders", 0 <= holders <= 1, "a share from 0 to 1", holders),
    )
    faults = [
        Fault(f"data.{name}", f"expected {expected}, got {got}; change it")
        for name, holds, expected, got in rules
        if not holds
    ]
    if faults:
        raise InputError(faults)
