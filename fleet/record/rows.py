"""The tables of a run folder: one frozen row type per table, each column declared once with its meaning and unit.

Every cell is a whole number, a word or a yes/no; a run folder holds no float, so that its fingerprint is the same on
every machine. Simulation time is microseconds since the start of the line, energy is nanojoules drawn.
"""

from dataclasses import dataclass, field, fields
from typing import Final, TypeAlias

LINES = ("pretrained", "alone", "fedavg", "federated")
PHASES = ("start", "round", "personal")
CAUSES = ("sleep", "wake", "sense", "compute", "transmit", "receive", "flash", "checkpoint")
LATER_CAUSES: Final = ("checkpoint",)
"""Causes that came after the first release: they have a row only where something was drawn for them."""
EVENTS = ("died", "late", "lost", "refused", "stale", "absent", "stuck", "corrupt", "power_cut",
          "brown_out", "rebooted", "no_progress", "halted")  # fmt: skip
RESULTS = ("confirmed", "reverted", "floor", "lost", "unheard", "died", "off")
BASES = ("measured", "counted", "modelled", "planned", "reserved", "unverified", "given")
LEDGER_BASES = ("planned", "reserved", "measured", "modelled")


def _is(meaning: str, unit: str = "", one_of: tuple[str, ...] = ()) -> dict[str, object]:
    """Metadata of one column: what it means, its unit ('' for a word or a plain number), the words allowed."""
    return {"meaning": meaning, "unit": unit, "one_of": one_of}


LINE = _is("course of the same fleet that this row belongs to", one_of=LINES)
NODE = _is("index of the node in its fleet, from 0")
ROUND = _is("round, from 1; 0 is before the first")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """Who wears the node and what its data hold."""

    node: int = field(metadata=NODE)
    board: str = field(metadata=_is("folder name of its board profile"))
    subject: str = field(metadata=_is("person the data come from"))
    side: str = field(metadata=_is("body side the data come from, '' when there is none"))
    did_new: bool = field(metadata=_is("whether its training part holds the new classes"))
    classes: str = field(metadata=_is("classes of its training part, ascending, joined by ','"))
    train_windows: int = field(metadata=_is("windows in the training part", "windows"))
    val_windows: int = field(metadata=_is("windows in the validation part", "windows"))
    test_windows: int = field(metadata=_is("windows in the test part", "windows"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRow:
    """One round of one line."""

    line: str = field(metadata=LINE)
    round: int = field(metadata=ROUND)
    opened_us: int = field(metadata=_is("when the round opened", "us"))
    closed_us: int = field(metadata=_is("when the round closed", "us"))
    asked: int = field(metadata=_is("nodes asked to take part", "nodes"))
    replied: int = field(metadata=_is("nodes whose reply arrived in time", "nodes"))
    uplink_bytes: int = field(metadata=_is("payload of all replies that arrived", "bytes"))
    downlink_bytes: int = field(metadata=_is("payload of all pushes", "bytes"))
    clipped: int = field(metadata=_is("weight deltas that saturated on the wire", "values"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyRow:
    """How many windows of one part and one group of classes a node recognises at one moment."""

    line: str = field(metadata=LINE)
    phase: str = field(metadata=_is("moment of the line", one_of=PHASES))
    round: int = field(metadata=ROUND)
    time_us: int = field(metadata=_is("when the model was in force", "us"))
    node: int = field(metadata=NODE)
    model: str = field(metadata=_is("the model that all share or the node's own", one_of=("shared", "own")))
    part: str = field(metadata=_is("part of the node's data", one_of=("val", "test")))
    classes: str = field(metadata=_is("classes the pretrained model knew, or the new ones", one_of=("old", "new")))
    correct: int = field(metadata=_is("windows recognised", "windows"))
    total: int = field(metadata=_is("windows shown", "windows"))


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyRow:
    """What one cause drew from one node's store, over the whole line."""

    line: str = field(metadata=LINE)
    node: int = field(metadata=NODE)
    cause: str = field(metadata=_is("what the node was doing", one_of=CAUSES))
    energy_nj: int = field(metadata=_is("energy drawn", "nJ"))
    time_us: int = field(metadata=_is("time spent doing it", "us"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryRow:
    """The store of one node at the end of a line."""

    line: str = field(metadata=LINE)
    node: int = field(metadata=NODE)
    capacity_nj: int = field(metadata=_is("energy in the full store; 0 when it has no end, as mains", "nJ"))
    drawn_nj: int = field(metadata=_is("energy drawn since the start", "nJ"))
    alive: bool = field(metadata=_is("whether the node lives at the end"))
    died_us: int = field(metadata=_is("when it died; -1 while it lives", "us"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficRow:
    """What one node had on the air in one direction in one round."""

    line: str = field(metadata=LINE)
    round: int = field(metadata=ROUND)
    node: int = field(metadata=NODE)
    direction: str = field(metadata=_is("up: node to server, down: server to node", one_of=("up", "down")))
    payload_bytes: int = field(metadata=_is("length of the encoded frames, without radio headers", "bytes"))
    pdus: int = field(metadata=_is("radio packets, retransmissions not counted", "packets"))
    retransmissions: int = field(metadata=_is("radio packets sent again", "packets"))
    airtime_us: int = field(metadata=_is("time on air, retransmissions included", "us"))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """Something that went wrong, when, for whom and why."""

    line: str = field(metadata=LINE)
    time_us: int = field(metadata=_is("when", "us"))
    node: int = field(metadata=NODE)
    round: int = field(metadata=ROUND)
    kind: str = field(metadata=_is("what happened", one_of=EVENTS))
    detail: str = field(metadata=_is("why, in one plain phrase"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalRow:
    """One node of a large fleet over a whole line; such a fleet has the other tables for the watched nodes only.

    Energy balances: start_nj + supplied_nj = end_nj + drawn_nj + lost_nj. A store without end holds nothing and
    supplies what is drawn. A small fleet has this table where nodes report or harvest, or have stores that leak.
    """

    line: str = field(metadata=LINE)
    node: int = field(metadata=NODE)
    drawn_nj: int = field(metadata=_is("energy drawn by the node", "nJ"))
    supplied_nj: int = field(metadata=_is("energy that came in: harvested, or from the mains", "nJ"))
    lost_nj: int = field(metadata=_is("heat in store and charger, leakage, what a full store could not take", "nJ"))
    start_nj: int = field(metadata=_is("energy in the store at the start", "nJ"))
    end_nj: int = field(metadata=_is("energy in the store at the end", "nJ"))
    died_us: int = field(metadata=_is("when it died, or went out for want of energy; -1 while it lives", "us"))
    reports: int = field(metadata=_is("uplinks of its own that it sent", "messages"))
    heard: int = field(metadata=_is("of these, those that arrived", "messages"))
    sent_us: int = field(metadata=_is("time that its transmitter was on", "us"))
    rounds: int = field(metadata=_is("rounds that it was asked in", "rounds"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SumRow:
    """What one cause drew over the nodes of one group and one line of a large fleet.

    A group whose sums would pass 64 bits has several rows for each cause, each of a part of its nodes.
    """

    line: str = field(metadata=LINE)
    group: int = field(metadata=_is("index of the group in the scenario's fleet, from 0"))
    board: str = field(metadata=_is("folder name of its board profile"))
    nodes: int = field(metadata=_is("nodes that are summed: all of the group, or a part", "nodes"))
    cause: str = field(metadata=_is("what the nodes were doing", one_of=CAUSES))
    energy_nj: int = field(metadata=_is("energy drawn", "nJ"))
    time_us: int = field(metadata=_is("time spent doing it, summed over the nodes", "us"))


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRow:
    """A node that had to wait until its gateway had a link for it."""

    line: str = field(metadata=LINE)
    round: int = field(metadata=ROUND)
    node: int = field(metadata=NODE)
    direction: str = field(metadata=_is("up: node to server, down: server to node", one_of=("up", "down")))
    waited_us: int = field(metadata=_is("how long it slept until its turn came", "us"))


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRow:
    """One attempt to bring an update to one node."""

    line: str = field(metadata=LINE)
    update: str = field(metadata=_is("its name in the scenario"))
    stage: int = field(metadata=_is("stage of the campaign, 0 for the canaries"))
    node: int = field(metadata=NODE)
    attempt: int = field(metadata=_is("how often it was asked before"))
    asked_us: int = field(metadata=_is("when the server asked", "us"))
    known_us: int = field(metadata=_is("when the server looked at what became of it", "us"))
    result: str = field(metadata=_is("what became of it", one_of=RESULTS))
    payload_bytes: int = field(metadata=_is("length of manifest and content; 0 where the node had it", "bytes"))
    flash_us: int = field(metadata=_is("time that its flash was at work", "us"))
    erases: int = field(metadata=_is("erase units erased", "units"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One line of a board's memory ledger."""

    board: str = field(metadata=_is("folder name of the board profile"))
    memory: str = field(metadata=_is("kind of memory", one_of=("sram", "flash")))
    bank: str = field(metadata=_is("bank of the board it lies in"))
    item: str = field(metadata=_is("what takes the bytes"))
    bytes: int = field(metadata=_is("its size", "bytes"))
    reason: str = field(metadata=_is("why it is needed"))
    basis: str = field(metadata=_is("how the size is known", one_of=LEDGER_BASES))
    unverified: bool = field(metadata=_is("whether its source could not be checked"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """One tensor of the arena: where it lies and from which step to which."""

    tensor: str = field(metadata=_is("name of the tensor"))
    bytes: int = field(metadata=_is("its size", "bytes"))
    offset: int = field(metadata=_is("where it starts in the arena", "bytes"))
    first_step: int = field(metadata=_is("first step that needs it", "steps"))
    last_step: int = field(metadata=_is("last step that needs it, included", "steps"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRow:
    """A small fact about the run. The keys that mean something are listed in `fleet.record`."""

    key: str = field(metadata=_is("name of the fact"))
    value: str = field(metadata=_is("the fact"))
    basis: str = field(metadata=_is("how it is known", one_of=BASES))


Row: TypeAlias = (
    NodeRow
    | RoundRow
    | AccuracyRow
    | EnergyRow
    | BatteryRow
    | TrafficRow
    | EventRow
    | LedgerRow
    | PlanRow
    | ValueRow
    | TotalRow
    | SumRow
    | WaitRow
    | UpdateRow
)

TABLES: dict[str, type[Row]] = {
    "nodes": NodeRow,
    "rounds": RoundRow,
    "accuracy": AccuracyRow,
    "energy": EnergyRow,
    "battery": BatteryRow,
    "traffic": TrafficRow,
    "events": EventRow,
    "ledger": LedgerRow,
    "plan": PlanRow,
    "values": ValueRow,
    "totals": TotalRow,
    "sums": SumRow,
    "waits": WaitRow,
    "updates": UpdateRow,
}
"""Tables in the order of the fingerprint: only append."""

FIRST: Final = 10
"""Tables of the first format, which count for the fingerprint when they are empty, too; later ones do not."""


def columns(table: str) -> dict[str, type]:
    """Column names of a table in order, each with its type: int, str or bool."""
    return {column.name: _cell_type(column.type) for column in fields(TABLES[table])}


def meanings(table: str) -> dict[str, tuple[str, str]]:
    """Column names of a table in order, each with its meaning and its unit ('' where it has none)."""
    return {c.name: (str(c.metadata["meaning"]), str(c.metadata["unit"])) for c in fields(TABLES[table])}


def check(table: str, row: Row) -> None:
    """Nothing, or a TypeError or ValueError that names the column: a wrong cell never reaches a file."""
    if type(row) is not TABLES[table]:
        raise TypeError(f"{table}: expected a {TABLES[table].__name__}, got a {type(row).__name__}")
    for column in fields(row):
        _check_cell(f"{table}.{column.name}", column.type, column.metadata["one_of"], getattr(row, column.name))


def _check_cell(where: str, kind: object, one_of: tuple[str, ...], value: object) -> None:
    if type(value) is not kind:
        raise TypeError(f"{where}: expected {_cell_type(kind).__name__}, got {type(value).__name__} {value!r}")
    if one_of and value not in one_of:
        raise ValueError(f"{where}: expected one of {', '.join(one_of)}, got {value!r}")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"{where}: expected a number that fits 64 bits, got {value}")


def _cell_type(annotation: object) -> type:
    assert isinstance(annotation, type), annotation
    return annotation
