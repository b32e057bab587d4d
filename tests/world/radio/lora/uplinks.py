"""One uplink of each node in a window: when, on which channel. The same node and window give the same frame."""

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.world.radio.lora.collisions import Frames

Ints = NDArray[np.int64]


def uplinks(
    key: int,
    nodes: Ints,
    *,
    gateway: Ints,
    sf: Ints,
    duration_us: Ints,
    rssi_cdbm: Ints,
    window_us: int,
    channels: int = 3,
    cycle: int = 100,
) -> Frames:
    """Frames of the nodes in one window, as their gateway hears them.

    key: of the seed and the window. nodes: their numbers, which choose the draws; the other arrays have an entry for
    each. A node starts early enough that its off time, `cycle` times the airtime from the start (100 at a duty cycle of
    1 %), ends within the window: whatever it draws in the next one, it keeps its duty cycle.
    """
    room_us = window_us - cycle * int(duration_us.max(initial=0))
    if room_us <= 0:
        least_us = window_us - room_us
        raise ValueError(
            f"window_us: expected more than {least_us} for the duty cycle, got {window_us}; send less often"
        )
    when, where = (_draws(rng.absorb(key, part), nodes) for part in (0, 1))
    free_us = (window_us - cycle * duration_us).astype(np.uint64)
    return Frames(
        start_us=(when * free_us >> np.uint64(32)).astype(np.int64),
        duration_us=duration_us,
        channel=gateway * channels + (where * np.uint64(channels) >> np.uint64(32)).astype(np.int64),
        sf=sf,
        rssi_cdbm=rssi_cdbm,
    )


def _draws(key: int, nodes: Ints) -> NDArray[np.uint64]:
    drawn: NDArray[np.uint64] = rng.draws32(key, 0, int(nodes.max(initial=-1)) + 1)[nodes].astype(np.uint64)
    return drawn
