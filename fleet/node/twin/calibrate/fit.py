"""Coefficients of the cost model from counted plan steps: least squares without negative numbers, exact arithmetic.

instructions = calls * per_call + taps * per_tap + macs * per_mac + elements * per_element + weights * per_weight +
channels * per_channel. A step that holds several kinds of work counts for the last of them, once the others are known.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Final

from fleet.node.cost import KINDS, Kernel, OpCount
from fleet.node.cost.price import instructions_by

AMOUNTS: Final = ("calls", "taps", "macs", "elements", "weights", "channels")
DIGITS: Final = 4  # of a coefficient
_ONE: Final = 2**40  # weights are whole numbers of this part, so that sums are exact

Numbers = dict[str, Fraction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One counted piece of a plan. what: for people."""

    what: str
    counts: tuple[OpCount, ...]
    instructions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One equation of one kind: amounts in the order of AMOUNTS. target: of what was counted, what is left for them."""

    amounts: tuple[int, ...]
    counted: int
    target: Fraction
    weight: int


def fitted(seen: Iterable[Seen]) -> tuple[Kernel, ...]:
    """A kernel per kind, in the order of KINDS. Raises ValueError for a kind that nothing was counted of."""
    left, found = [s for s in seen if s.counts], dict[str, Kernel]()
    while open_kinds := _ready(left, found):
        for kind in open_kinds:
            rows = [_row(s, kind, found) for s in left if _unknown(s, found) == {kind}]
            found[kind] = _kernel(kind, rows)
    if missing := [kind for kind in KINDS if kind not in found]:
        raise ValueError(f"expected counts of every kind of work, got none of {', '.join(missing)}; add a sample")
    return tuple(found[kind] for kind in KINDS)


def _unknown(seen: Seen, found: Mapping[str, Kernel]) -> set[str]:
    return {count.kind for count in seen.counts} - found.keys()


def _ready(left: Sequence[Seen], found: Mapping[str, Kernel]) -> list[str]:
    """Kinds that stand alone in some step, the others of it being known: in the order of KINDS."""
    alone = {kind for s in left if len(unknown := _unknown(s, found)) == 1 for kind in unknown}
    return [kind for kind in KINDS if kind in alone]


def _row(seen: Seen, kind: str, found: Mapping[str, Kernel]) -> _Row:
    own = [count for count in seen.counts if count.kind == kind]
    rest = (instructions_by(found[count.kind], count) for count in seen.counts if count.kind != kind)
    return _Row(
        amounts=tuple(sum(getattr(count, name) for count in own) for name in AMOUNTS),
        counted=max(1, seen.instructions),
        target=seen.instructions - sum(rest, Fraction(0)),
        weight=_ONE // max(1, seen.instructions),
    )


def _kernel(kind: str, rows: Sequence[_Row]) -> Kernel:
    numbers = _best(rows, least=None if kind.startswith("take_") else 0)
    told = {f"per_{name.removesuffix('s')}": _rounded(numbers.get(name, Fraction(0))) for name in AMOUNTS}
    return Kernel(kind=kind, **told, steps=len(rows), error=_error(numbers, rows))


def _best(rows: Sequence[_Row], least: int | None) -> Numbers:
    """The amounts, as many as help, whose coefficients are all above `least` and which miss least."""
    best: tuple[Fraction, Numbers] = (_missed({}, rows), {})
    for count in range(1, len(AMOUNTS) + 1):
        for chosen in combinations(range(len(AMOUNTS)), count):
            solved = _solved(chosen, rows)
            if solved is None or (least is not None and min(solved.values()) <= least):
                continue
            if (off := _missed(solved, rows)) < best[0]:
                best = off, solved
    return best[1]


def _missed(numbers: Numbers, rows: Sequence[_Row]) -> Fraction:
    return sum((row.weight * (_said(numbers, row) - row.target) ** 2 for row in rows), Fraction(0))


def _said(numbers: Numbers, row: _Row) -> Fraction:
    return sum(
        (numbers[name] * amount for name, amount in zip(AMOUNTS, row.amounts, strict=True) if name in numbers),
        Fraction(0),
    )


def _solved(chosen: Sequence[int], rows: Sequence[_Row]) -> Numbers | None:
    """The normal equations of some amounts, solved; None where they do not tell them apart."""
    matrix = [
        [
            *(Fraction(sum(r.weight * r.amounts[i] * r.amounts[j] for r in rows)) for j in chosen),
            sum((r.weight * r.amounts[i] * r.target for r in rows), Fraction(0)),
        ]
        for i in chosen
    ]
    for i in range(len(chosen)):
        pivot = next((j for j in range(i, len(chosen)) if matrix[j][i] != 0), None)
        if pivot is None:
            return None
        matrix[i], matrix[pivot] = matrix[pivot], matrix[i]
        matrix[i] = [value / matrix[i][i] for value in matrix[i]]
        for j in range(len(chosen)):
            if j != i:
                matrix[j] = [a - matrix[j][i] * b for a, b in zip(matrix[j], matrix[i], strict=True)]
    return {AMOUNTS[i]: row[-1] for i, row in zip(chosen, matrix, strict=True)}


def _rounded(value: Fraction) -> float:
    return float(f"{float(value):.{DIGITS}g}")


def _error(numbers: Numbers, rows: Sequence[_Row]) -> float:
    """All misses together, as a share of what these steps take, in whole per mille upwards."""
    off = sum((abs(_said(numbers, row) - row.target) for row in rows), Fraction(0)) / sum(row.counted for row in rows)
    return float(-(-off * 1000 // 1)) / 1000


def misses(seen: Iterable[Seen], kernels: Mapping[str, Kernel]) -> Iterator[tuple[Seen, Fraction]]:
    """Each counted step with what the model says of it."""
    for s in seen:
        yield s, sum((instructions_by(kernels[count.kind], count) for count in s.counts), Fraction(0))
