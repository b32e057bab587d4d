"""Which nodes a round asks. Pure: what the server knows in, numbers of nodes out."""

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng

Numbers = NDArray[np.int64]


def by_chance(seed: int, number: int, nodes: int, asked: int) -> Numbers:
    """`asked` of `nodes` numbers, ascending, all equally likely: those with the least draws of this round."""
    if asked >= nodes:
        return np.arange(nodes, dtype=np.int64)
    drawn = rng.draws32(rng.key(seed, rng.Stream.SELECT, number), 0, nodes).astype(np.int64)
    ranked = drawn * 2**31 + np.arange(nodes, dtype=np.int64)  # equal draws by number
    return np.sort(np.argpartition(ranked, asked)[:asked])
