"""Stores and harvesters that a scenario may name, each with the keys that it reads and what they are by default.

Defaults stand as they are stored. A test holds both registries against the models of the world, which repeat these
figures with their sources.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """An energy store. defaults: keys of `energy` that it reads; None: it then has nothing of the kind."""

    meaning: str
    defaults: Mapping[str, object] = field(default_factory=dict)
    rechargeable: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of `energy` that it reads."""
        return tuple(self.defaults)

    @property
    def capacity_mah(self) -> float | None:
        """What a scenario gets that does not say; None where there is nothing to empty, or no charge is given."""
        capacity = self.defaults.get("capacity")
        return capacity if isinstance(capacity, float) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvester:
    """What charges a store. needs: keys of `harvest` that must be given."""

    meaning: str
    needs: tuple[str, ...]
    defaults: Mapping[str, object] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys of `harvest` that it reads."""
        return ("kind", *self.needs, *self.defaults)


STORES: Final = {
    # Usual design figure to 2.0 V; makers state 225 to 240 mAh.
    "cr2032": Store(meaning="lithium coin cell, not rechargeable; pulses up to 15 mA", defaults={"capacity": 225.0}),
    "ideal": Store(
        meaning="constant voltage; without a capacity it never ends, as mains; with one it can be charged",
        defaults={"capacity": None, "voltage": 3_000, "charger": 1.0},
        rechargeable=True,
    ),
    "kibam": Store(
        meaning="kinetic battery model: two wells, rest recovers charge; can be charged",
        defaults={"capacity": 2_000.0, "voltage": 3_700, "available": 0.625, "flow": 0.6912, "charger": 1.0},
        rechargeable=True,
    ),
    "li_socl2": Store(
        meaning="lithium thionyl chloride cell: self-discharge, pulse limit, passivation",
        defaults={"capacity": 800.0},
    ),
    "peukert": Store(
        meaning="Peukert's law: a strong steady load uses capacity up faster than it draws",
        defaults={"capacity": 1_000.0, "voltage": 3_000, "exponent": 1.2, "rated": 72_000_000_000},
    ),
    "supercap": Store(
        meaning="supercapacitor behind an ideal converter: leaks, sags, can be charged",
        defaults={"capacitance": 100_000_000, "voltage": 3_000, "leak": None, "resistance": 1_000, "charger": 1.0},
        rechargeable=True,
    ),
}

HARVESTERS: Final = {
    "solar": Harvester(
        meaning="clear sky of a latitude (Haurwitz, through pvlib) under clouds of a region that change by the hour",
        needs=("area", "latitude"),
        defaults={"tilt": 0.0, "day": 172, "efficiency": 0.2, "regions": 1},
    ),
    "constant": Harvester(meaning="the same power at any time, as light indoors", needs=("power",)),
    "trace": Harvester(meaning="powers from a CSV file with the header time_s,power_uw", needs=("path",)),
}

RESTART: Final = 0.6
"""Level at which a node without power starts again: of a 3.0 V capacitor's energy, 2.3 V."""
