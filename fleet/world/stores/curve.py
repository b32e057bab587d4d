"""Voltage and resistance of a cell along the share of its capacity that is gone: straight lines between points."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

PPM: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """State of a cell after a share of its capacity is gone."""

    gone_ppm: int
    open_mv: int  # voltage without load
    resistance_mohm: int  # equivalent series resistance


def at(curve: Sequence[Point], gone_nj: int, capacity_nj: int) -> Point:
    """The point of a curve that begins at 0 ppm and ascends."""
    gone_ppm = max(0, min(gone_nj * PPM // capacity_nj, PPM))
    after = bisect_right(curve, gone_ppm, key=lambda point: point.gone_ppm)
    low = curve[after - 1]
    if after == len(curve):
        return low
    high = curve[after]
    part, whole = gone_ppm - low.gone_ppm, high.gone_ppm - low.gone_ppm
    return Point(
        gone_ppm=gone_ppm,
        open_mv=low.open_mv - (low.open_mv - high.open_mv) * part // whole,
        resistance_mohm=low.resistance_mohm + (high.resistance_mohm - low.resistance_mohm) * part // whole,
    )


def under_load_mv(open_mv: int, current_na: int, resistance_mohm: int) -> int:
    """V_open - I R in millivolts, rounded down: nA x mohm = 10^-12 V."""
    return open_mv + (-current_na * resistance_mohm // 1_000_000_000)
