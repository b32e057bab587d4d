"""A plan as a C project for a board: `export(plan, profile, out=…, name=…, trial=…)`."""

from fleet.node.export.project import export
from fleet.node.export.trial import Trial, random_trial

__all__ = ["Trial", "export", "random_trial"]
