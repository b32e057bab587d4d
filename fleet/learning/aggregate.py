"""Averaging int8 updates exactly: whole numbers in, whole numbers out, in any order.

The server keeps a master of the trained values with 16 fractional bits. Nodes answer with deltas against what was
pushed, so what rounding takes from a push is not lost: it stays in the master (error feedback).
Each value is averaged over the nodes that hold it, weighted by their windows, as HeteroFL does for sub-models
(Diao, Ding, Tarokh, ICLR 2021).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FRACTION_BITS = 16
Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """One node's answer. windows: its weight. deltas: int32 [size]. held: bool [size], the values it trains."""

    windows: int
    deltas: NDArray[np.int32]
    held: NDArray[np.bool_]


def master_of(values: NDArray[np.int32]) -> Int64:
    """int64 [size], 2^-16 steps: a master that pushes exactly these values."""
    return values.astype(np.int64) << FRACTION_BITS


def pushed(master: Int64, weights: int) -> NDArray[np.int32]:
    """int32 [size]: the master rounded to nearest; the first `weights` values clipped to +-127."""
    values = (master + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS
    values[:weights] = np.clip(values[:weights], -127, 127)
    return values.astype(np.int32)


def holder_averaged(master: Int64, contributions: Iterable[Contribution]) -> Int64:
    """The master plus, per value, the window-weighted mean delta of its holders; no holder, no change.

    Sums are exact while windows * |delta| * nodes < 2^47.
    """
    total = np.zeros_like(master)
    weight = np.zeros_like(master)
    for part in contributions:
        total += part.windows * np.where(part.held, part.deltas.astype(np.int64), 0)
        weight += np.where(part.held, part.windows, 0)
    held = weight > 0
    step = np.zeros_like(master)
    step[held] = _rounded_ratio(total[held] << FRACTION_BITS, weight[held])
    return master + step


def _rounded_ratio(a: Int64, b: Int64) -> Int64:
    """a / b to nearest, halves up."""
    return (2 * a + b) // (2 * b)
