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
from fleet.world.radio.lora.airtime import CHIP_US
from fleet.world.radio.lora.collisions import LEAST_SF, SFS, Frames, Model
from fleet.world.radio.lora.exact import exp

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


def survival(frames: Frames, model: Model, *, window_us: int, channels: int = 1) -> NDArray[np.float64]:
    """For each node that sends one frame in a window, the chance that it is received; its start does not matter.

    frames.channel: the gateway here; each node draws one of `channels` frequencies, all with the same chance.
    """
    harm_us = np.zeros(len(frames.sf), dtype=np.float64)
    for sf in range(LEAST_SF, LEAST_SF + SFS):
        others = np.flatnonzero(frames.sf == sf)
        if not others.size:
            continue
        own = frames.sf == sf
        if model.other_db is None:
            harm_us[others] += _harm_us(frames, model, others, others)
        else:
            everyone = np.arange(len(own))
            harm_us += _harm_us(frames, model, everyone, others)
    return exp(-harm_us / (window_us * channels))


def _harm_us(frames: Frames, model: Model, victims: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    """How long a start of one of the others, all of one spreading factor, would harm each victim, summed over others.

    Another frame harms when it starts between its own end and the victim's, less the symbols that may be hit.
    """
    gateway, low = frames.channel[others], frames.rssi_cdbm.min() - FAR_CDB
    level = gateway * 4 * FAR_CDB + frames.rssi_cdbm[others] - low
    order = np.argsort(level, kind="stable")
    level = level[order]
    longer = np.concatenate([[0], np.cumsum(frames.duration_us[others][order])])
    sf = frames.sf[others[0]]
    above = frames.channel[victims] * 4 * FAR_CDB
    first = np.searchsorted(
        level, above + frames.rssi_cdbm[victims] - low - _below(model, frames.sf[victims], sf), "right"
    )
    last = np.searchsorted(level, above + 4 * FAR_CDB)
    count, theirs = last - first, longer[last] - longer[first]
    own = frames.sf[victims] == sf
    count, theirs = count - own, theirs - own * frames.duration_us[victims]
    spared = model.spared * (CHIP_US[125_000] << frames.sf[victims])
    result: NDArray[np.int64] = theirs + count * (frames.duration_us[victims] - spared - own * spared)
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
