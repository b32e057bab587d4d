"""Many nodes in simulated time: radios, stores, accounts of energy, and the event loop that moves the clock."""

from fleet.world.job import Job, Outcome, Reason
from fleet.world.node import NodeSpec
from fleet.world.power import Power, power
from fleet.world.radio import RADIOS
from fleet.world.records import Records
from fleet.world.specs import node_spec
from fleet.world.stores import STORES
from fleet.world.world import World

__all__ = [
    "RADIOS",
    "STORES",
    "Job",
    "NodeSpec",
    "Outcome",
    "Power",
    "Reason",
    "Records",
    "World",
    "node_spec",
    "power",
]
