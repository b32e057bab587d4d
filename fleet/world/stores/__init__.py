"""Energy stores: immutable states, closed forms over a constant load and harvest, whole nanojoules that balance."""

from collections.abc import Callable
from typing import Any, Final

from fleet.world.stores.cr2032 import cr2032
from fleet.world.stores.flow import Load, Spell, joined
from fleet.world.stores.ideal import ideal
from fleet.world.stores.kibam import kibam
from fleet.world.stores.li_socl2 import li_socl2
from fleet.world.stores.peukert import peukert
from fleet.world.stores.store import LOW, Step, Store, failure, holds, time_to_reach
from fleet.world.stores.supercap import supercap

STORES: Final[dict[str, Callable[..., Any]]] = {
    "cr2032": cr2032,
    "ideal": ideal,
    "kibam": kibam,
    "li_socl2": li_socl2,
    "peukert": peukert,
    "supercap": supercap,
}
"""Name in a scenario → fresh store."""

__all__ = ["LOW", "STORES", "Load", "Spell", "Step", "Store", "failure", "holds", "joined", "time_to_reach"]
