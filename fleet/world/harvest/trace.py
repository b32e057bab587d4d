"""A harvester that was measured: a CSV file of moments and powers."""

import csv
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from fleet.base.errors import Fault, InputError
from fleet.world.harvest.harvest import NEVER

HEADER: Final = ("time_s", "power_uw")
_NUMBER: Final = re.compile(r"[-+]?\d{1,20}(\.\d{0,20})?([eE][-+]?\d{1,2})?")
_MOST_NW: Final = 10**12  # 1 kW
_MOST_US: Final = 10**17  # three thousand years


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """starts_us: ascending, from 0; each power holds until the next start, the last for ever."""

    starts_us: tuple[int, ...]
    powers_nw: tuple[int, ...]

    def power_nw(self, time_us: int) -> int:
        """The power of the last line at or before a moment."""
        return self.powers_nw[bisect_right(self.starts_us, time_us) - 1]

    def until_us(self, time_us: int) -> int:
        """When the next line begins."""
        after = bisect_right(self.starts_us, time_us)
        return self.starts_us[after] if after < len(self.starts_us) else NEVER


@lru_cache(maxsize=16)
def read_trace(path: Path) -> Trace:
    """A trace from a file with the header `time_s,power_uw`; InputError with every fault of it.

    Times start at 0 and ascend, in steps of 1 us at the finest; powers are from 0 to 1 kW, in whole nW.
    """
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError.one(
            str(path), f"expected a trace in CSV, got {error}; correct the path or the file"
        ) from error
    if not lines or tuple(cell.strip() for cell in lines[0]) != HEADER:
        got = ",".join(lines[0])[:80] if lines else "an empty file"
        raise InputError.one(f"{path}:1", f"expected the header {','.join(HEADER)}, got {got}; write it as first line")
    faults: list[Fault] = []
    rows = list(_rows(path, lines[1:], faults))
    faults += _order(path, [(number, time_us) for number, time_us, _ in rows])
    if faults:
        raise InputError(faults)
    return Trace(starts_us=tuple(row[1] for row in rows), powers_nw=tuple(row[2] for row in rows))


def _rows(path: Path, lines: list[list[str]], faults: list[Fault]) -> Iterator[tuple[int, int, int]]:
    """Line number, microseconds and nanowatts of every good line; what is wrong with the others goes to faults."""
    for number, cells in enumerate(lines, 2):
        where = f"{path}:{number}"
        if len(cells) != len(HEADER):
            faults.append(Fault(where, f"expected 2 numbers, got {len(cells)}; write one time and one power a line"))
            continue
        found = [
            _whole(cell, scale, most, where, name, faults)
            for cell, scale, most, name in zip(cells, (10**6, 10**3), (_MOST_US, _MOST_NW), HEADER, strict=True)
        ]
        if found[0] is not None and found[1] is not None:
            yield number, found[0], found[1]


def _whole(cell: str, scale: int, most: int, where: str, name: str, faults: list[Fault]) -> int | None:
    """A decimal number times its scale, exactly; None with a fault where it is none, or out of range."""
    value = Fraction(cell.strip()) * scale if _NUMBER.fullmatch(cell.strip()) else None
    if value is None or not 0 <= value <= most or value.denominator != 1:
        unit = "1 us" if scale == 10**6 else "1 nW"
        text = f"expected {name} from 0 to {most // scale} in steps of {unit}, got '{cell[:40]}'; correct it"
        faults.append(Fault(where, text))
        return None
    return int(value)


def _order(path: Path, times: list[tuple[int, int]]) -> Iterator[Fault]:
    if not times:
        yield Fault(f"{path}:2", "expected at least one line of numbers, got none; add `0,0` at least")
        return
    if times[0][1] != 0:
        yield Fault(f"{path}:{times[0][0]}", f"expected the first time to be 0, got {times[0][1]} us; add a line at 0")
    for (_, before), (number, here) in pairwise(times):
        if here <= before:
            text = f"expected a time after {before} us of the line before, got {here} us; put the lines in order"
            yield Fault(f"{path}:{number}", text)
