"""What computing costs a node: work → instructions → cycles → time → energy."""

from fleet.node.cost.kinds import KINDS, OpCount
from fleet.node.cost.price import (
    COUNTED,
    MODELLED,
    Cost,
    FlashCost,
    compute_na,
    counted_cost,
    decimal,
    energy_nj,
    flash_cost,
    instructions_of,
    round_half_up,
    step_cost,
)
from fleet.node.cost.table import CoreTable, Kernel, core_table, cores, counted_as, read_table

__all__ = [
    "COUNTED",
    "KINDS",
    "MODELLED",
    "CoreTable",
    "Cost",
    "FlashCost",
    "Kernel",
    "OpCount",
    "compute_na",
    "core_table",
    "cores",
    "counted_as",
    "counted_cost",
    "decimal",
    "energy_nj",
    "flash_cost",
    "instructions_of",
    "read_table",
    "round_half_up",
    "step_cost",
]
