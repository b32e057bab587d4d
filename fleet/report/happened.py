"""What went wrong, counted over all nodes; rows of it as far as a page can show them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.record import EventRow, RunFolder

MOST_ROWS: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """rows: the first MOST_ROWS events, the federated line first. total: all events. times_us: of the federated line's
    events by kind, ascending. nodes: how many nodes of it had one."""

    rows: list[EventRow]
    total: int
    times_us: Mapping[str, NDArray[np.int64]]
    nodes: int


def happened(run: RunFolder) -> Happened:
    """The events of a run folder."""
    frame = run.table("events")
    ours = frame["line"].to_numpy() == "federated"
    order = np.concatenate([np.flatnonzero(ours), np.flatnonzero(~ours)])[:MOST_ROWS]
    kinds, times_us = frame["kind"].to_numpy()[ours], frame["time_us"].to_numpy(dtype=np.int64)[ours]
    return Happened(
        rows=[_row(cells) for cells in frame.iloc[order].to_dict("records")],
        total=len(frame),
        times_us={str(kind): np.sort(times_us[kinds == kind]) for kind in sorted(set(kinds))},
        nodes=len(np.unique(frame["node"].to_numpy(dtype=np.int64)[ours])),
    )


def _row(cells: Mapping[Any, Any]) -> EventRow:
    return EventRow(**{str(name): cell for name, cell in cells.items()})
