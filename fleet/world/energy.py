"""From what a scenario says about energy to a store, a harvester, and how a node goes off and on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fleet.node.cost import flash_cost
from fleet.node.profile import Profile
from fleet.scenario.energy_names import RESTART
from fleet.scenario.energy_schema import HarvestChoice, StoreChoice
from fleet.world.harvest import Constant, Harvest, Solar, read_trace
from fleet.world.outage import Checkpoints, Recovery
from fleet.world.stores import STORES, Store
from fleet.world.stores.kibam import Kibam

PPM = 1_000_000


def store_of(choice: StoreChoice) -> Store:
    """A full store; InputError where nothing would be in it."""
    store: Store = STORES[choice.kind](**choice.settings())
    return store


def harvest_of(choice: HarvestChoice | None, *, node: int, seed: int, scenario: Path | None) -> Harvest | None:
    """What charges a node. Nodes belong to the regions of their group in turn; seed: of the run, for their clouds.

    scenario: its file, from which the path of a trace counts. Raises InputError with every fault of a trace, and where
    pvlib is asked for and not installed.
    """
    if choice is None:
        return None
    settings = choice.settings()
    match choice.kind:
        case "constant":
            return Constant(harvest_nw=settings["power_nw"])
        case "trace":
            folder = scenario.parent if scenario is not None else Path()
            return read_trace(folder / settings["path"].expanduser())
        case _:
            return Solar(
                area_mm2=settings["area_mm2"],
                latitude_deg=float(settings["latitude"]),
                seed=seed,
                day=settings["day"],
                tilt_deg=float(settings["tilt"]),
                efficiency_permille=round(1000 * settings["efficiency"]),
                region=node % settings["regions"],
            )


def recovery_of(choice: StoreChoice, profile: Profile, state_bytes: int) -> Recovery | None:
    """How a node goes off and on; None for one that nothing charges. state_bytes: what a checkpoint keeps."""
    if choice.harvest is None:
        return None
    checkpoints = None
    if choice.checkpoint is not None:
        time_us = flash_cost(profile, max(state_bytes, 1)).time_us
        checkpoints = Checkpoints(level_ppm=round(PPM * choice.checkpoint), time_us=time_us)
    return Recovery(restart_ppm=round(PPM * (choice.restart or RESTART)), checkpoints=checkpoints)


def levels_of(choice: StoreChoice) -> Iterator[tuple[str, Store]]:
    """What a harvesting node must be able to work with besides a full store: its store at each level."""
    if choice.harvest is None:
        return
    store = store_of(choice)
    for share in (choice.restart or RESTART, choice.checkpoint):
        if share is not None:
            yield f"{share:.0%} full", _at(store, share)


def _at(store: Any, share: float) -> Store:
    made: Store = replace(store, stored_nj=round(store.capacity_nj * share))
    if isinstance(made, Kibam):
        made = replace(made, available_nj=round(made.stored_nj * made.available))
    return made
