"""Which nodes a round asks. Pure: what the server knows in, numbers of nodes out.

A server knows what it asked, what came back and when, what the boards' data sheets say, and the weather; not what a
node's battery really holds. Policies:
    random          all equally likely
    available       those first whose last tries were answered: fewest failures in a row
    battery         those first that should have most left by the server's own books: capacity less what it asked for;
                    mains before any store
    energy-excess   those first whose harvest now is most above what they use; after FedZero (Wiesner et al., 2024),
                    without its optimiser
    oort            exploits nodes whose updates were large for their data and came in time, explores others; after Oort
                    (Lai et al., OSDI 2021), with the norm of the update in place of the loss, which no frame carries
Ties are broken by chance.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng

Numbers = NDArray[np.int64]

POLICIES: Final = {
    "random": "all nodes are equally likely",
    "available": "first the nodes whose last tries were answered",
    "battery": "first the nodes that should have most energy left, by the server's own books",
    "energy-excess": "first the nodes whose harvest is most above their use now",
    "oort": "nodes whose updates were large and came in time, and some others to learn about them",
}

EXPLORED: Final = Fraction(9, 10)  # share of a round that explores at first; Oort 6.1, as in its code
LEAST_EXPLORED: Final = Fraction(1, 5)
DECAY: Final = Fraction(98, 100)  # of that share, with each round


@dataclass(slots=True, kw_only=True)
class Known:
    """What the server knows of its nodes, an entry for each. left_nj: by its own books, 0 where not kept.

    excess_nw: harvest now less the mean of what it asked for; who knows the weather fills it in before a choice.
    utility: of the last update, larger is better. took_us: from push to reply, the last time; 0: never asked.
    """

    nodes: int
    asked: Numbers = field(init=False)
    failures: Numbers = field(init=False)  # in a row
    took_us: Numbers = field(init=False)
    utility: Numbers = field(init=False)
    left_nj: Numbers = field(init=False)
    excess_nw: Numbers = field(init=False)

    def __post_init__(self) -> None:
        for name in ("asked", "failures", "took_us", "utility", "left_nj", "excess_nw"):
            setattr(self, name, np.zeros(self.nodes, dtype=np.int64))


def chosen(policy: str, known: Known, seed: int, number: int, count: int, *, limit_us: int = 0) -> Numbers:
    """Numbers of the nodes of round `number`, ascending: `count` of them, or all where there are no more.

    limit_us: what Oort takes for in time: longer answers lose utility.
    """
    if count >= known.nodes:
        return np.arange(known.nodes, dtype=np.int64)
    chance = rng.draws32(rng.key(seed, rng.Stream.SELECT, number), 0, known.nodes).astype(np.int64)
    match policy:
        case "random":
            return _first(chance, chance, count)
        case "available":
            return _first(known.failures, chance, count)
        case "battery":
            return _first(-known.left_nj, chance, count)
        case "energy-excess":
            return _first(-known.excess_nw, chance, count)
        case "oort":
            return _oort(known, chance, number, count, limit_us)
    raise ValueError(f"policy: expected one of {', '.join(POLICIES)}, got '{policy}'; choose one")


def _oort(known: Known, chance: Numbers, number: int, count: int, limit_us: int) -> Numbers:
    """The best of those asked before, and by chance others: a share that falls from round to round explores."""
    tried = np.flatnonzero(known.asked)
    explored = max(EXPLORED * DECAY ** (number - 1), LEAST_EXPLORED)
    best = min(count - int(explored * count), tried.size)
    exploited = tried[_first(-_worth(known, limit_us)[tried], chance[tried], best)]
    rest = chance.copy()
    rest[exploited] = 2**34  # behind everybody: each is asked once
    rest[np.setdiff1d(tried, exploited)] += 2**32  # nodes that were never asked come first
    found: Numbers = np.sort(np.concatenate([exploited, _first(rest, chance, count - best)]))
    return found


def _worth(known: Known, limit_us: int) -> Numbers:
    """Utility, times (limit / time)^2 for a node that took longer than the limit; none for one that failed last."""
    late = (known.took_us > limit_us) & (limit_us > 0)
    share = np.where(late, limit_us * 1000 // np.maximum(known.took_us, 1), 1000)
    return np.where(known.failures > 0, 0, known.utility * share // 1000 * share // 1000)


def _first(rank: Numbers, chance: Numbers, count: int) -> Numbers:
    """The `count` places of the least rank, ascending; equal ranks by chance, then by number."""
    order = np.lexsort((np.arange(rank.size), chance, rank)) if rank is not chance else np.argsort(rank, kind="stable")
    return np.sort(order[:count]).astype(np.int64)
