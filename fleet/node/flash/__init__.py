"""Flash as it is: erased in units, each part programmed once in between, worn by every erase, undefined where the power
went. No clock: it counts operations, microseconds and nanojoules; who uses it moves time."""

from fleet.node.flash.flash import Flash, FlashStop, PowerCut, WornOut
from fleet.node.flash.geometry import Geometry, Unit, UnitRow, geometry_of

__all__ = ["Flash", "FlashStop", "Geometry", "PowerCut", "Unit", "UnitRow", "WornOut", "geometry_of"]
