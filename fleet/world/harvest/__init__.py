"""Harvesters: powers in whole nanowatts, constant between the moments that they name."""

from fleet.world.harvest.constant import Constant
from fleet.world.harvest.harvest import NEVER, Harvest, harvested_nj, pieces
from fleet.world.harvest.solar import Solar
from fleet.world.harvest.trace import Trace, read_trace

__all__ = ["NEVER", "Constant", "Harvest", "Solar", "Trace", "harvested_nj", "pieces", "read_trace"]
