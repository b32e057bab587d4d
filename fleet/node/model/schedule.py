"""Learning rates over the steps of a course, as pieces of constant rate: an engine multiplies by a Real, no more.

A piece is the step at which its rate begins. The common schedules of the field become pieces here; a curve takes
the rate at the middle of each of its pieces.
"""

from bisect import bisect_right
from dataclasses import dataclass
from math import cos, inf, pi
from typing import Final

from fleet.base.errors import Fault, InputError
from fleet.node.model.fixed import Real, real

PIECES: Final = 16  # of a curve: neighbouring rates of a cosine then differ by less than a tenth of the first


@dataclass(frozen=True, slots=True)
class Piece:
    """From step `first` on, until the next piece. rate: of real weights and one window."""

    first: int
    rate: float

    @property
    def real(self) -> Real:
        """The rate as the engine takes it."""
        return real(self.rate)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Pieces in order; the first begins at step 0."""

    pieces: tuple[Piece, ...]

    def __post_init__(self) -> None:
        faults = []
        starts = [piece.first for piece in self.pieces]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            faults.append(Fault("schedule", f"expected pieces from step 0 on, each later than the last, got {starts}"))
        if odd := [piece.rate for piece in self.pieces if not 0 <= piece.rate < inf]:
            text = f"expected rates of 0 or more, none infinite, got {odd[0]}; a step goes down the gradient"
            faults.append(Fault("rate", text))
        if faults:
            raise InputError(faults)

    @property
    def reals(self) -> tuple[tuple[int, Real], ...]:
        """(first step, rate) of each piece, as the engine's courses take them."""
        return tuple((piece.first, piece.real) for piece in self.pieces)

    def at(self, step: int) -> Real:
        """The rate of a step."""
        return self.pieces[bisect_right(self.pieces, step, key=lambda piece: piece.first) - 1].real

    def runs(self, first: int, count: int) -> list[tuple[int, int, Real]]:
        """(first step, how many, rate) of the runs of one rate that `count` steps from `first` on are made of."""
        ends = [piece.first for piece in self.pieces if first < piece.first < first + count]
        starts = [first, *ends]
        lengths = [end - start for start, end in zip(starts, [*ends, first + count], strict=True)]
        return [(start, length, self.at(start)) for start, length in zip(starts, lengths, strict=True) if length]


def constant(rate: float) -> Schedule:
    """One rate for all steps."""
    return Schedule((Piece(0, rate),))


def stepped(rate: float, *, every: int, factor: float, steps: int) -> Schedule:
    """The rate times factor after each `every` steps, over so many steps."""
    _at_least_one(every=every, steps=steps)
    return Schedule(tuple(Piece(n * every, rate * factor**n) for n in range(-(-steps // every))))


def cosine(rate: float, *, steps: int, pieces: int = PIECES, lowest: float = 0.0) -> Schedule:
    """From rate down to lowest along half a cosine. Source: Loshchilov, Hutter, "SGDR", ICLR 2017, without restarts."""
    _at_least_one(steps=steps, pieces=pieces)
    return Schedule(
        tuple(
            Piece(first, lowest + (rate - lowest) * (1 + cos(pi * middle)) / 2)
            for first, middle in _sampled(steps, pieces)
        )
    )


def warmed_up(schedule: Schedule, *, steps: int, pieces: int = PIECES) -> Schedule:
    """A schedule after a straight climb to its first rate, over so many steps.

    Source: Goyal et al., "Accurate, Large Minibatch SGD", arXiv:1706.02677, section 2.2.
    """
    _at_least_one(pieces=pieces)
    climb = [Piece(first, schedule.pieces[0].rate * middle) for first, middle in _sampled(steps, pieces)]
    return Schedule((*climb, *(Piece(piece.first + steps, piece.rate) for piece in schedule.pieces)))


def _sampled(steps: int, pieces: int) -> list[tuple[int, float]]:
    """(first step, middle as a part of all steps) of at most so many pieces."""
    count = min(pieces, steps)
    starts = [n * steps // count for n in range(count)]
    return [(start, (start + end) / 2 / steps) for start, end in zip(starts, [*starts, steps][1:], strict=False)]


def _at_least_one(**counts: int) -> None:
    faults = [Fault(name, f"expected at least 1, got {count}") for name, count in counts.items() if count < 1]
    if faults:
        raise InputError(faults)
