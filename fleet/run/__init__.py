"""A whole run: `execute(scenario, out=...)` and `resume(run)`."""

from fleet.run.execute import execute, resume

__all__ = ["execute", "resume"]
