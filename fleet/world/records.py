"""What the world writes down: rows of five tables, in the order in which they came about."""

from dataclasses import dataclass, field

from fleet.record.rows import BatteryRow, EnergyRow, EventRow, TrafficRow, UpdateRow, WaitRow


@dataclass(slots=True)
class Records:
    """Rows of one or more worlds: traffic, events and waits as they happen, energy and battery when a world closes."""

    traffic: list[TrafficRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    waits: list[WaitRow] = field(default_factory=list)
    updates: list[UpdateRow] = field(default_factory=list)
    energy: list[EnergyRow] = field(default_factory=list)
    battery: list[BatteryRow] = field(default_factory=list)
