"""What a node without power waits for: its store charging, in closed form between the changes of its harvest."""

from dataclasses import dataclass
from typing import Final

from fleet.world.harvest import Harvest, pieces
from fleet.world.stores import Load, Store, time_to_reach

YEAR_US: Final = 366 * 86_400_000_000
"""A node that is not charged again within a year of weather stays off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoints:
    """When a node keeps its round's work in flash and goes off, and how long that takes.

    level_ppm: of the full store, above what browns the node out and below what starts it again.
    """

    level_ppm: int
    time_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How a node goes on and off. restart_ppm: level at which it starts again. checkpoints: None: RAM is all it has."""

    restart_ppm: int
    checkpoints: Checkpoints | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Charging:
    """A store after a time without load. time_us: how long; restarted: whether it reached its level then."""

    store: Store
    time_us: int
    restarted: bool
    supplied_nj: int
    lost_nj: int


def charge(store: Store, harvest: Harvest, *, since_us: int, until_us: int, restart_ppm: int) -> Charging:
    """The store at the first moment with enough energy to start, or at the end of the time."""
    at_us, supplied_nj, lost_nj = since_us, 0, 0
    for piece_us, power_nw in pieces(harvest, since_us, until_us - since_us):
        load = Load(supply_mv=0, current_na=0, harvest_nw=power_nw)
        reached_us = time_to_reach(store, load, piece_us, restart_ppm)
        step = store.after(load.over(piece_us if reached_us is None else reached_us))
        store, supplied_nj, lost_nj = step.store, supplied_nj + step.supplied_nj, lost_nj + step.lost_nj
        at_us += piece_us if reached_us is None else reached_us
        if reached_us is not None:
            break
    restarted = store.level_ppm() >= restart_ppm
    return Charging(
        store=store, time_us=at_us - since_us, restarted=restarted, supplied_nj=supplied_nj, lost_nj=lost_nj
    )
