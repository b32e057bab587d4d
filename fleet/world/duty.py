"""The duty cycle of a transmitter: the most that it sent in any stretch of time of one length.

Source of the rule: ETSI EN 300 220-1, 4.3.3 (duty cycle: the ratio of the cumulated time on the air to an observation
interval, one hour unless said otherwise).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import Final

HOUR_US: Final = 3_600_000_000
PPM: Final = 1_000_000


def duty_cycle_ppm(sent: Iterable[tuple[int, int]], *, window_us: int = HOUR_US) -> int:
    """Largest share of any window in which a transmitter was on, in millionths, rounded up.

    sent: (start, duration) of each transmission, in microseconds, in any order; they do not overlap. Exact: the most
    lies in a window that begins with one transmission or ends with one.
    """
    ordered = sorted((start_us, start_us + time_us) for start_us, time_us in sent if time_us)
    starts, ends = [start for start, _ in ordered], [end for _, end in ordered]
    if any(start < end for start, end in zip(starts[1:], ends, strict=False)):
        raise ValueError("sent: expected transmissions one after the other, got two at once; one node has one radio")
    before = [0, *accumulate(end - start for start, end in ordered)]

    def on_us(from_us: int, to_us: int) -> int:
        first, after = bisect_right(ends, from_us), bisect_left(starts, to_us)
        if first >= after:
            return 0
        cut = max(from_us - starts[first], 0) + max(ends[after - 1] - to_us, 0)
        return before[after] - before[first] - cut

    most_us = max(
        (on_us(begin, begin + window_us) for begin in (*starts, *(end - window_us for end in ends))), default=0
    )
    return -(-most_us * PPM // window_us)
