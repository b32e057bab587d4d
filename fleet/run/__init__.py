"""A whole run: `execute(scenario, out=...)` and `resume(run)`. What is behind them is imported when they are called."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleet.run.progress import Progress
    from fleet.scenario import Scenario

__all__ = ["execute", "resume"]


def execute(scenario: "Scenario", *, out: Path, jobs: int = 1, progress: "Progress | None" = None) -> Path:
    """Runs every line of a scenario into a new run folder. Returns the folder. See fleet.run.voyage."""
    from fleet.run import voyage

    return voyage.execute(scenario, out=out, jobs=jobs, progress=progress)


def resume(run: Path, *, jobs: int = 1, progress: "Progress | None" = None, allow_code: bool = False) -> Path:
    """Finishes an interrupted run. Returns the folder. See fleet.run.voyage."""
    from fleet.run import voyage

    return voyage.resume(run, jobs=jobs, progress=progress, allow_code=allow_code)
