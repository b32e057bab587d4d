"""What happens to a node besides its work: when it is there, how its clock runs, what breaks. Pure functions of time.

Nothing here keeps a state: whether a node is in reach at a moment, or what breaks between two moments, follows from
the seed, the node and the time alone. So a sleeping node costs nothing, and the order of questions cannot matter.
"""

from fleet.world.life.clock import Clock
from fleet.world.life.faults import Faults, Mishap, Strike
from fleet.world.life.life import Life, life_of
from fleet.world.life.presence import NEVER, Presence

__all__ = ["NEVER", "Clock", "Faults", "Life", "Mishap", "Presence", "Strike", "life_of"]
