"""A plan as a C project for a board: `export(plan, profile, out=…, name=…, trial=…, kind=…)`."""

from fleet.node.export.kinds import Kind
from fleet.node.export.project import export
from fleet.node.export.trial import Trial, random_trial

__all__ = ["Kind", "Trial", "export", "random_trial"]
