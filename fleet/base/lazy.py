"""Long sequences that follow from short ones, so that a million nodes take no more memory than a dozen."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Generic, TypeVar, overload

T = TypeVar("T")


class Derived(Sequence[T], Generic[T]):
    """Item n is item(n): made anew each time it is asked for."""

    def __init__(self, length: int, item: Callable[[int], T]) -> None:
        self._length = length
        self._item = item

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...

    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return [self._item(n) for n in range(*index.indices(self._length))]
        if not -self._length <= index < self._length:
            raise IndexError(f"expected an index below {self._length}, got {index}")
        return self._item(index % self._length)


def repeated(items: Sequence[T], length: int) -> Sequence[T]:
    """The items over and over: item n is items[n mod their number]."""
    return Derived(length, lambda n: items[n % len(items)])


def in_runs(runs: Iterable[tuple[T, int]]) -> Sequence[T]:
    """Each value as often as its count says, one after the other."""
    values, counts = zip(*runs, strict=True)
    ends = list(accumulate(counts))
    return Derived(ends[-1], lambda n: values[bisect_right(ends, n)])
