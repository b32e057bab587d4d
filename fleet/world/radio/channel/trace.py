"""Losses as they were measured: a CSV file of shares over time.

The file has the columns `time_s` and `loss`; each row holds from its time to the next row's, times count from the
start of a line and begin at 0. After the last row its share stays, or the trace begins again.
"""

import csv
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

from fleet.base import units
from fleet.base.errors import Fault, InputError
from fleet.base.units import TIME_US
from fleet.scenario.schema import beside
from fleet.world.radio.channel.losses import Draw, Site

HEADER: Final = ["time_s", "loss"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """times_us: when each share of `losses` begins, ascending from 0. repeat_us: when it begins again; 0: never."""

    times_us: tuple[int, ...]
    losses: tuple[float, ...]
    repeat_us: int = 0

    def share(self, _bits: int = 0, at_us: int = 0, /) -> float:
        """What is lost at a time."""
        at_us = at_us % self.repeat_us if self.repeat_us else at_us
        return self.losses[bisect_right(self.times_us, at_us) - 1]

    def opened(self, _draw: Draw, /) -> "Trace":
        """Itself: it follows the time alone."""
        return self

    def lost(self, draw: Draw, at_us: int, bits: int, /) -> bool:
        """A packet is lost when its draw is below the share of its time."""
        return draw() < round(self.share(bits, at_us) * 2**32)


def trace(site: Site, *, file: Path, repeat_us: int = 0) -> Trace:
    """The trace of a file; InputError with everything that is wrong in it."""
    path = beside(site.scenario, file)
    try:
        with path.open(newline="", encoding="utf-8") as text:
            rows = list(csv.reader(text))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Fault("link.file", f"expected a readable file, got {path}: {error}; correct it")]) from error
    if not rows or rows[0] != HEADER or len(rows) == 1:
        found = f"{len(rows) - 1} rows under {','.join(rows[0])[:60]!r}" if rows else "an empty file"
        text_ = f"expected the columns {', '.join(HEADER)} and at least one row, got {found}; correct {path}"
        raise InputError([Fault("link.file", text_)])
    read = [_row(path, number, row) for number, row in enumerate(rows[1:], 2)]
    faults = [each for each in read if isinstance(each, Fault)]
    points = [each for each in read if not isinstance(each, Fault)]
    faults += _order_faults(path, [time_us for time_us, _ in points], repeat_us) if not faults else []
    if faults:
        raise InputError(faults)
    return Trace(times_us=tuple(t for t, _ in points), losses=tuple(loss for _, loss in points), repeat_us=repeat_us)


def _row(path: Path, number: int, row: list[str]) -> tuple[int, float] | Fault:
    try:
        time, loss = row
        time_us, share = Fraction(time.strip()) * 1_000_000, units.share(loss.strip() if "%" in loss else float(loss))
    except (ValueError, ZeroDivisionError):
        return Fault(
            f"{path}:{number}", f"expected a time in seconds and a share, got {','.join(row)}; correct the row"
        )
    if time_us < 0 or time_us.denominator != 1 or not 0 <= share <= 1:
        text = f"expected a time of whole microseconds from 0 and a share from 0 to 1, got {','.join(row)}"
        return Fault(f"{path}:{number}", f"{text}; correct the row")
    return int(time_us), share


def _order_faults(path: Path, times_us: list[int], repeat_us: int) -> Iterator[Fault]:
    if times_us[0] != 0:
        yield Fault(f"{path}:2", f"expected the first row at 0 s, got {units.show(times_us[0], TIME_US)}; add one")
    for number, (one, other) in enumerate(pairwise(times_us), 3):
        if other <= one:
            yield Fault(f"{path}:{number}", "expected a later time than the row before, got none; sort the rows")
    if repeat_us and repeat_us <= times_us[-1]:
        last = units.show(times_us[-1], TIME_US)
        yield Fault("link.repeat", f"expected more than {last}, the last row's time, got less; lengthen it")
