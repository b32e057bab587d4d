"""A fleet of a million as rows: sleepers are columns of numbers that are advanced in closed form when looked at.

A node becomes an object while it talks, trains or updates, and returns to its row. The rows hold what the objects
would: a test runs the same fleet both ways and compares every record.
"""

from fleet.world.cohort.cohort import Cohort, Group
from fleet.world.cohort.rows import Rows

__all__ = ["Cohort", "Group", "Rows"]
