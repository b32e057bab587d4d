"""Instructions of each step of the plan in QEMU, whose plugin sees no registers: a stop where one begins and ends."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from fleet.node.twin.blocks import ARGUMENT, NO_STEP
from fleet.node.twin.gdb import Remote
from fleet.node.twin.image import Image
from fleet.node.twin.steps import marks, plan_words, step_starts

SECOND, LINK = 1, 14  # GDB's numbers of an Arm core's registers: the second argument, the return address
THUMB: Final = ~1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Within:
    """A step that runs. back: where its caller goes on. before: instructions until it began."""

    step: int
    back: int
    before: int


class StepStops:
    """Within it, a core stops where a step begins; `passed` takes such a stop and lets it run to the step's end.

    count: instructions so far. What a step calls is its own: no other step begins in it.
    """

    def __init__(self, image: Image, remote: Remote, count: Callable[[], int]) -> None:
        self._remote, self._count = remote, count
        (self._start, self._end), words = plan_words(image)
        self._starts = tuple(step_starts(words))
        self._marks = dict(marks(image, words))
        self._counts: Counter[int] = Counter()
        self._within: _Within | None = None

    def __enter__(self) -> Self:
        for address in self._marks:
            self._remote.stop_at(address)
        return self

    def __exit__(self, *_: object) -> None:
        for address in self._marks if self._within is None else [self._within.back]:
            self._remote.pass_by(address)

    @property
    def by_step(self) -> tuple[int, ...]:
        """Instructions of every step, in the order of the plan."""
        return tuple(self._counts[start] for start in self._starts)

    def passed(self, at: int) -> bool:
        """Whether the core stopped here for us; it may run on then."""
        if self._within is None:
            return at in self._marks and self._entered(at)
        return at == self._within.back and self._left(self._within)

    def _entered(self, at: int) -> bool:
        for address in self._marks:
            self._remote.pass_by(address)  # rows and channels of a step are its own
        back = self._remote.register(LINK) & THUMB
        self._within = _Within(step=self._step(at), back=back, before=self._count())
        self._remote.stop_at(back)
        return True

    def _step(self, at: int) -> int:
        if self._marks[at] != ARGUMENT:
            return self._marks[at]
        place = self._remote.register(SECOND)
        return (place - self._start) // 4 if self._start <= place < self._end else NO_STEP

    def _left(self, within: _Within) -> bool:
        """The step is over: another may begin."""
        self._counts[within.step] += self._count() - within.before
        self._remote.pass_by(within.back)
        for address in self._marks:
            self._remote.stop_at(address)
        self._within = None
        return True
