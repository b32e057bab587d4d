"""Which window a node trains on at each step: shuffled passes that go on over the rounds."""

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng


def sample_order(seed: int, stream: rng.Stream, node: int, windows: int, first: int, count: int) -> NDArray[np.int64]:
    """Window numbers of steps first … first + count - 1. Pass p is the permutation under (seed, stream, node, p)."""
    passes = range(first // windows, (first + count - 1) // windows + 1) if count else range(0)
    shuffled = [rng.permutation(rng.key(seed, stream, node, p), windows) for p in passes]
    start = first % windows
    return np.concatenate([np.empty(0, np.int64), *shuffled])[start : start + count]
