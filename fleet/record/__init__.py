"""What a run leaves behind: typed rows, the run folder, the journal and the fingerprint.

Keys of the table `values` that readers understand; all are optional, others are shown as they are:
    question         the question of the scenario               command          what was typed
    seed             the seed                                   scheme           what trains, in one phrase
    limit:<n>        a sentence that limits the answer          peak_step        step at which the arena is fullest
    steps:alone      steps one node took alone                  steps:personal   steps of the personal pass
    raw_bytes        training windows of one node as stored, mean over nodes: what sending data would take
    emulated         nodes that were emulated firmware, each with its board; the others ran in the simulator's engine
    watched          of which nodes the tables have rows, where not of all
    report:<first>:<count>             payload of a report of these nodes, in bytes
    bank:<board>:<sram|flash>:<bank>   size of a memory bank in bytes
    digest:<whose>   SHA-256 of final weights; part of the fingerprint
    basis:<thing>    what is measured, counted, modelled or unverified: the row's basis says which, its value what it is
"""

from fleet.record.disk import write_whole
from fleet.record.fingerprint import fingerprint
from fleet.record.folder import SCHEMA, RunFolder, open_run
from fleet.record.journal import Journal
from fleet.record.rows import (
    BASES,
    CAUSES,
    EVENTS,
    LINES,
    PHASES,
    TABLES,
    AccuracyRow,
    BatteryRow,
    EnergyRow,
    EventRow,
    LedgerRow,
    NodeRow,
    PlanRow,
    RoundRow,
    Row,
    SumRow,
    TotalRow,
    TrafficRow,
    UpdateRow,
    ValueRow,
    WaitRow,
    columns,
    meanings,
)

__all__ = [
    "BASES",
    "CAUSES",
    "EVENTS",
    "LINES",
    "PHASES",
    "SCHEMA",
    "TABLES",
    "AccuracyRow",
    "BatteryRow",
    "EnergyRow",
    "EventRow",
    "Journal",
    "LedgerRow",
    "NodeRow",
    "PlanRow",
    "RoundRow",
    "Row",
    "RunFolder",
    "SumRow",
    "TotalRow",
    "TrafficRow",
    "UpdateRow",
    "ValueRow",
    "WaitRow",
    "columns",
    "fingerprint",
    "meanings",
    "open_run",
    "write_whole",
]
