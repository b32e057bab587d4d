"""Where blocks of memory lie that live at different times, and in which order operators hold least.

`place_blocks(blocks)` for one arena, `place_in_banks(blocks, banks)` for several; `best_order(calls, sizes, outputs)`
for the order; `greedy_by_size` is TensorFlow Lite Micro's plan, to compare with.
"""

from fleet.node.plan.placement.banks import place_in_banks
from fleet.node.plan.placement.blocks import ALIGN, Block, Effort, Part, Placement
from fleet.node.plan.placement.choose import Progress, place_blocks
from fleet.node.plan.placement.greedy import MICRO_ALIGN, greedy_by_size
from fleet.node.plan.placement.order import MOST_STATES, Call, Order, best_order

__all__ = [
    "ALIGN",
    "MICRO_ALIGN",
    "MOST_STATES",
    "Block",
    "Call",
    "Effort",
    "Order",
    "Part",
    "Placement",
    "Progress",
    "best_order",
    "greedy_by_size",
    "place_blocks",
    "place_in_banks",
]
