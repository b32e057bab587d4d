"""The chance that a frame survives among others whose starts are uniform over a window, and draws of it. Closed forms.

Every other frame harms with a small chance of its own, so the chances multiply to an exponential (pure ALOHA, Abramson
1970). `survival` follows the models of `collisions`, node by node; what it leaves out are the ends of the window, where
a frame has fewer neighbours: at most one airtime in a window. Each frame by itself is received as often as the scan
finds; but frames collide in pairs, so the number received in a window scatters more than independent draws say. So
runs take the scan where every frame is known, and this where only the load is.
"""

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.base.exact import exp
from fleet.world.radio.lora.airtime import CHIP_US
from fleet.world.radio.lora.collisions import LEAST_SF, SFS, Frames, Model

FAR_CDB = 10**6  # more hundredths of a dB than any two frames are apart


def pure_aloha(nodes: int, duration_us: int, interval_us: int, channels: int = 1) -> float:
    """Share delivered when each node waits exponentially long after each frame: exp(-2 N T / (tau + T)) per channel.

    nodes: all of them, spread evenly over channels; interval_us: mean wait. LoRaSim's traffic.
    """
    return float(exp(np.array(-2 * nodes / channels * duration_us / (interval_us + duration_us))))


def untouched(others: int, duration_us: int, window_us: int, channels: int = 1) -> float:
    """Chance that none of the others overlaps, exact: equal durations, starts uniform over the window, channels drawn.

    With t = T / W and c channels: (1 - 2t)(1 - 2t/c)^m within, 2c/(m+1) ((1 - t/c)^(m+1) - (1 - 2t/c)^(m+1)) at the
    two ends.
    """
    t, m = duration_us / window_us, others
    once, twice = 1 - t / channels, 1 - 2 * t / channels
    ends = 2 * channels / (m + 1) * (once ** (m + 1) - twice ** (m + 1))
    return float((1 - 2 * t) * twice**m + ends)


def survival(frames: Frames, model: Model, *, every_us: int, channels: int = 1) -> NDArray[np.float64]:
    """For each node that sends one frame in every window, the chance that it is received; its start does not matter.

    frames.channel: the gateway here; each node draws one of `channels` frequencies, all with the same chance.
    """
    each = np.full(len(frames.sf), every_us, dtype=np.int64)
    spared_us = 2 * model.spared * (CHIP_US[125_000] << frames.sf)
    itself = (2 * frames.duration_us - spared_us) / every_us
    return exp(-(harm(frames, frames, each, model) - itself) / channels)


def harm(victims: Frames, others: Frames, every_us: NDArray[np.int64], model: Model) -> NDArray[np.float64]:
    """How many frames of others harm a frame of each victim, in the mean, were there one channel. Itself is no other.

    every_us: mean time from a frame of each of the others to its next. channel: the gateway.
    """
    result = np.zeros(len(victims.sf), dtype=np.float64)
    for sf in range(LEAST_SF, LEAST_SF + SFS):
        there = np.flatnonzero(others.sf == sf)
        here = np.arange(len(victims.sf)) if model.other_db is not None else np.flatnonzero(victims.sf == sf)
        if there.size and here.size:
            result[here] += _harm(_some(victims, here), _some(others, there), every_us[there], model)
    return result


def _some(frames: Frames, chosen: NDArray[np.int64]) -> Frames:
    return Frames(
        start_us=frames.start_us[chosen],
        duration_us=frames.duration_us[chosen],
        channel=frames.channel[chosen],
        sf=frames.sf[chosen],
        rssi_cdbm=frames.rssi_cdbm[chosen],
    )


def _harm(victims: Frames, others: Frames, every_us: NDArray[np.int64], model: Model) -> NDArray[np.float64]:
    """The same where the others have one spreading factor.

    Another frame harms when it starts between its own airtime before the victim and the victim's end, less the symbols
    that may be hit. Which of the others are strong enough, a sorted list of them says.
    """
    low = min(int(victims.rssi_cdbm.min()), int(others.rssi_cdbm.min())) - FAR_CDB
    level = others.channel * 4 * FAR_CDB + others.rssi_cdbm - low
    order = np.argsort(level, kind="stable")
    often = 1 / every_us[order]
    rate = np.concatenate([[0.0], np.cumsum(often)])
    busy = np.concatenate([[0.0], np.cumsum(often * others.duration_us[order])])
    base, sf = victims.channel * 4 * FAR_CDB, int(others.sf[0])
    least = base + victims.rssi_cdbm - low - _below(model, victims.sf, sf)
    first, last = np.searchsorted(level[order], least, "right"), np.searchsorted(level[order], base + 4 * FAR_CDB)
    spared = model.spared * (CHIP_US[125_000] << victims.sf) * np.where(victims.sf == sf, 2, 1)
    result: NDArray[np.float64] = busy[last] - busy[first] + (rate[last] - rate[first]) * (victims.duration_us - spared)
    return result


def _below(model: Model, victims: NDArray[np.int64], sf: int) -> NDArray[np.int64]:
    """By how much less than the victim another frame may be heard and still harm it."""
    same = FAR_CDB if model.same_cdb is None else model.same_cdb
    if model.other_db is None:
        return np.full(len(victims), same, dtype=np.int64)
    column = 100 * np.array(model.other_db, dtype=np.int64)[:, sf - LEAST_SF]
    return np.where(victims == sf, same, column[victims - LEAST_SF])


def drawn(key: int, chance: NDArray[np.float64]) -> NDArray[np.bool_]:
    """One draw for each node under a key: whether its frame is received."""
    result: NDArray[np.bool_] = rng.draws32(key, 0, len(chance)) < np.round(chance * 2.0**32)
    return result
