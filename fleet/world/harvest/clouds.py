"""Clouds as a Markov chain of three states in hourly steps, one chain for each region.

Nodes of one region are under the same clouds at the same time. Three states are coarse: SolarStat (arXiv 1311.1025)
finds two rough and about eight a month near to measured statistics. The chance of each change is our guess, of weather
that lasts some hours; no site was fitted (modelled, unverified).
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng

PASSES_PERMILLE: Final = (1000, 500, 150)  # clear, partial, overcast: share of the clear sky's light
CHANGES_PERMILLE: Final = ((850, 120, 30), (200, 600, 200), (40, 160, 800))
"""From a state (row) to the states an hour later."""
BLOCK: Final = 1024  # hours that are drawn at once


def passes_permille(seed: int, region: int, hour: int) -> int:
    """Share of the light of a clear sky in one hour of one region."""
    return PASSES_PERMILLE[int(_states(seed, region, hour // BLOCK)[hour % BLOCK])]


@lru_cache(maxsize=4096)
def _states(seed: int, region: int, block: int) -> NDArray[np.int8]:
    """States of some hours; every block goes on where the one before ended. Hour 0 is left from a clear sky."""
    state = int(_states(seed, region, block - 1)[-1]) if block else 0
    draws = rng.draws32(rng.key(seed, rng.Stream.CLOUDS, region), block * BLOCK, BLOCK)
    ends = np.cumsum(np.array(CHANGES_PERMILLE), axis=1)[:, :2]
    states = np.empty(BLOCK, dtype=np.int8)
    for hour, permille in enumerate((draws.astype(np.int64) * 1000 >> 32).tolist()):
        state = int(permille >= ends[state, 0]) + int(permille >= ends[state, 1])
        states[hour] = state
    states.setflags(write=False)
    return states
