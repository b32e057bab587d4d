"""Where blocks of memory lie that live at different times: `place_blocks(blocks)`."""

from fleet.node.plan.placement.blocks import ALIGN, Block, Effort, Part, Placement
from fleet.node.plan.placement.choose import place_blocks

__all__ = ["ALIGN", "Block", "Effort", "Part", "Placement", "place_blocks"]
