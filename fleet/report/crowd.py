"""All nodes of one line by columns, from the table `totals`: for what a report says of a million."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleet.record import LINES, RunFolder, SumRow

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
NEVER: Final = -1  # of died_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Columns of `totals`, one place per node in the order of their numbers. Units as there: nJ and us."""

    node: Ints
    drawn_nj: Ints
    supplied_nj: Ints
    lost_nj: Ints
    start_nj: Ints
    end_nj: Ints
    died_us: Ints
    reports: Ints
    heard: Ints
    sent_us: Ints
    rounds: Ints

    def __len__(self) -> int:
        return len(self.node)

    @property
    def alive(self) -> int:
        """Nodes that have energy at the end."""
        return int((self.died_us == NEVER).sum())

    @property
    def has_stores(self) -> bool:
        """Whether every node has a store that can be emptied."""
        return bool((self.start_nj > 0).all())

    @property
    def harvests(self) -> bool:
        """Whether something charges stores or they lose as heat and leakage; the mains are no harvest."""
        return bool(((self.supplied_nj > 0) | (self.lost_nj > 0))[self.stored].any())

    @property
    def stored(self) -> NDArray[np.bool_]:
        """Which nodes have a store with an end; the mains hold nothing and lose nothing."""
        held: NDArray[np.bool_] = (self.start_nj > 0) | (self.end_nj > 0) | (self.lost_nj > 0)
        return held

    @property
    def harvested_nj(self) -> Ints:
        """Energy that came into each node's store; the mains have none."""
        return np.where(self.stored, self.supplied_nj, 0)

    def mean_nj(self) -> float:
        """Energy drawn per node."""
        return float(self.drawn_nj.mean())

    def used_share(self) -> float | None:
        """Mean share of its store at the start that a node has no more at the end; None where a store has no end."""
        return float(((self.start_nj - self.end_nj) / self.start_nj).mean()) if self.has_stores else None

    def lasting_us(self, end_us: int) -> Floats:
        """How long each node goes on from the end of the line if it goes on as in it.

        0 where it is out, infinite where its store does not get emptier; all infinite where stores have no end.
        """
        lost = (self.start_nj - self.end_nj).astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where((self.start_nj > 0) & (lost > 0), end_us * (self.end_nj / lost), np.inf)
        return np.where(self.died_us == NEVER, found, 0.0)


def crowds(run: RunFolder) -> dict[str, Crowd]:
    """Line → its nodes, of a run that has the table `totals`."""
    frame = run.table("totals")
    of = frame["line"].to_numpy()
    names = Crowd.__dataclass_fields__
    found: Mapping[str, NDArray[np.bool_]] = {line: of == line for line in LINES}
    return {
        line: Crowd(**{name: frame[name].to_numpy(dtype=np.int64)[chosen] for name in names})
        for line, chosen in found.items()
        if chosen.any()
    }


def whole_groups(rows: Sequence[SumRow]) -> list[SumRow]:
    """One row for each line, group and cause, in place of those of the parts of a group."""
    found: dict[tuple[str, int, str], SumRow] = {}
    for row in rows:
        known = found.setdefault(key := (row.line, row.group, row.cause), row)
        if known is not row:
            found[key] = replace(
                known,
                nodes=known.nodes + row.nodes,
                energy_nj=known.energy_nj + row.energy_nj,
                time_us=known.time_us + row.time_us,
            )
    return list(found.values())
