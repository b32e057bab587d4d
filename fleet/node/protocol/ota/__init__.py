"""Updates of models, plans and firmware: what a node and its bootloader do, step by step, over a flash that may lose
power."""

from fleet.node.protocol.ota.agent import Agent
from fleet.node.protocol.ota.bootloader import Booted, boot
from fleet.node.protocol.ota.content import Trust, in_slot, manufacture
from fleet.node.protocol.ota.mcuboot import Mode, SwapType
from fleet.node.protocol.ota.places import Layout, layout_of
from fleet.node.protocol.ota.table import Action, Event, State, react, table_bytes

__all__ = [
    "Action",
    "Agent",
    "Booted",
    "Event",
    "Layout",
    "Mode",
    "State",
    "SwapType",
    "Trust",
    "boot",
    "in_slot",
    "layout_of",
    "manufacture",
    "react",
    "table_bytes",
]
