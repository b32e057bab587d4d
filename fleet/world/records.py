"""What the world writes down: rows of four tables, in the order in which they came about."""

from dataclasses import dataclass, field

from fleet.record.rows import BatteryRow, EnergyRow, EventRow, TrafficRow


@dataclass(slots=True)
class Records:
    """Rows of one or more worlds: traffic and events as they happen, energy and battery when a world closes."""

    traffic: list[TrafficRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    energy: list[EnergyRow] = field(default_factory=list)
    battery: list[BatteryRow] = field(default_factory=list)
