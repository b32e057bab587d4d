"""Frames that meet on the air: which of them a gateway still receives. Vectorised, exact for any set of frames.

`delivered` looks at every pair of frames that overlap, in the order of their starts, and at no other: its time grows
with frames and overlaps. Models, by name in MODELS:
    simple    frames of one channel and spreading factor that overlap are both lost
    capture   the stronger one survives if it is at least 6 dB above; an overlap with no more than the first
              N - 5 = 3 of the eight preamble symbols of the later frame harms neither.
              LoRaSim, loraDir.py: powerCollision, timingCollision (Bor et al., MSWiM 2016)
    goursaud  as capture, and frames of other spreading factors harm as well, above a threshold. Goursaud and Gorce,
              2015, as in ns-3 lorawan, model/lora-interference-helper.cc
    croce     the same with thresholds measured by Croce et al., 2018, as in FUOTASim; 1 dB within a spreading factor

Modelled: each interferer is held against the frame alone, their powers are not added, and how long they overlap does
not matter. Frames are of 125 kHz. The limit of eight frames that a gateway demodulates at once is not modelled.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.world.radio.lora.airtime import CHIP_US

Ints = NDArray[np.int64]
Pair = tuple[Ints, Ints]
PREAMBLE: Final = 8  # symbols
LOCK: Final = 5  # symbols of the preamble that a receiver needs; loraDir.py, timingCollision
LEAST_SF: Final = 7
SFS: Final = 6  # from 7 to 12

# Rows: the frame, SF 7 to 12. Columns: what meets it. In dB: the frame survives if it is at least so far above.
GOURSAUD: Final = (
    (6, -16, -18, -19, -19, -20),
    (-24, 6, -20, -22, -22, -22),
    (-27, -27, 6, -23, -25, -25),
    (-30, -30, -30, 6, -26, -28),
    (-33, -33, -33, -33, 6, -29),
    (-36, -36, -36, -36, -36, 6),
)
CROCE: Final = (
    (1, -8, -9, -9, -9, -9),
    (-11, 1, -11, -12, -13, -13),
    (-15, -13, 1, -13, -14, -15),
    (-19, -18, -17, 1, -17, -18),
    (-22, -22, -21, -20, 1, -20),
    (-25, -25, -25, -24, -23, 1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What an overlap does. None: frames of the same (other) spreading factor never survive (never harm) each other.

    same_cdb: hundredths of a dB that a frame must be above one of its own spreading factor.
    other_db: thresholds against other spreading factors. spared: symbols at a frame's start that may be hit.
    """

    same_cdb: int | None = None
    other_db: tuple[tuple[int, ...], ...] | None = None
    spared: int = 0


MODELS: Final = {
    "simple": Model(),
    "capture": Model(same_cdb=600, spared=PREAMBLE - LOCK),
    "goursaud": Model(same_cdb=600, other_db=GOURSAUD, spared=PREAMBLE - LOCK),
    "croce": Model(same_cdb=100, other_db=CROCE, spared=PREAMBLE - LOCK),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Frames as one or more gateways hear them, one entry each, in any order.

    channel: a number per gateway and frequency; frames meet only within it. sf: 7 to 12. rssi_cdbm: 1/100 dBm.
    """

    start_us: Ints
    duration_us: Ints
    channel: Ints
    sf: Ints
    rssi_cdbm: Ints


def delivered(frames: Frames, model: Model) -> NDArray[np.bool_]:
    """Which frames are received, as bool in the order given. Frames below a receiver's sensitivity are the caller's."""
    received = np.ones(len(frames.start_us), dtype=np.bool_)
    for early, late in overlaps(frames, by_sf=model.other_db is None):
        received[_harmed(frames, model, early, late)] = False
    return received


def overlaps(frames: Frames, *, by_sf: bool) -> Iterator[Pair]:
    """All pairs of frames that overlap on a channel, as two arrays of indices a time, the earlier frame first.

    by_sf: only pairs of one spreading factor. Neighbours come first, then those two apart, and so on. A frame that
    has ended before the k-th behind it starts overlaps none behind that one either, so each step looks only at those
    that are left.
    """
    if not len(frames.start_us):
        return
    order, at = _sorted(_lanes(frames, by_sf=by_sf))
    place: Ints = np.flatnonzero(at[1:] - at[:-1] < int(frames.duration_us.max()))
    end = at[place] + frames.duration_us[order[place]]
    apart = 1
    while place.size:
        kept = at[place + apart] < end
        place, end = place[kept], end[kept]
        yield order[place], order[place + apart]
        apart += 1
        whole = int(np.searchsorted(place, len(at) - apart))
        place, end = place[:whole], end[:whole]


def _lanes(frames: Frames, *, by_sf: bool) -> Ints:
    """Starts on one line of time on which lanes lie behind each other, so that frames of two lanes never overlap."""
    lane = frames.channel * SFS + frames.sf if by_sf else frames.channel
    first = int(frames.start_us.min())
    span = int(frames.start_us.max()) - first + int(frames.duration_us.max()) + 1
    low = int(lane.min())
    if span * (int(lane.max()) - low + 1) >= 2**63:
        raise ValueError(f"channel: expected less than 2^63 us over all channels, got {span} us each; number them anew")
    result: Ints = (lane - low) * span + (frames.start_us - first)
    return result


def _sorted(at: Ints) -> Pair:
    """Order and sorted values. Where index and value fit in 63 bits they are sorted as one number: four times faster.

    Equal starts keep the order given then, and not otherwise; it decides nothing, because such frames hit each
    other's middle.
    """
    bits = len(at).bit_length()
    if int(at.max()).bit_length() + bits > 63:
        order = np.argsort(at)
        return order, at[order]
    packed = (at << bits) | np.arange(len(at))
    packed.sort()
    return packed & ((1 << bits) - 1), packed >> bits


def _harmed(frames: Frames, model: Model, early: Ints, late: Ints) -> Ints:
    """Of pairs that overlap, the frames that are lost by it."""
    one, two = frames.sf[early], frames.sf[late]
    above = frames.rssi_cdbm[early] - frames.rssi_cdbm[late]
    ends = frames.start_us[early] + frames.duration_us[early]
    spared = ends <= frames.start_us[late] + model.spared * (CHIP_US[125_000] << two)
    needs_early, needs_late = _needs(model, one, two)
    first, second = (above < needs_early) & ~(spared & (one == two)), (-above < needs_late) & ~spared
    return np.concatenate([early[first], late[second]])


def _needs(model: Model, one: Ints, two: Ints) -> tuple[Any, Any]:
    """By how many hundredths of a dB each of a pair must be above the other."""
    never = np.iinfo(np.int64).max
    same = never if model.same_cdb is None else model.same_cdb
    if model.other_db is None:
        return same, same
    table = 100 * np.array(model.other_db, dtype=np.int64)
    np.fill_diagonal(table, same)
    return table[one - LEAST_SF, two - LEAST_SF], table[two - LEAST_SF, one - LEAST_SF]
