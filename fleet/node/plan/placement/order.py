"""The order of operators that holds least at once, for networks whose branches allow more than one.

A state is the set of operators that have run, which says what tensors must exist. States are taken up by the most
that was held on the way to them, least first, so that the first way to the end is the best one: the exact dynamic
programme of Liberis and Lane, "Neural networks on microcontrollers: saving memory at inference via operator
reordering", 2019.

What can run within what was held anyway and leaves no more behind than before runs at once: an operator, or a chain
of them. That is never worse, because the bytes held are a submodular function of the set that has run, and keeps
branches from multiplying. The same holds from the end to the start, where a network that joins is the easier one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import product
from typing import Final

from fleet.base.errors import Fault, InputError

MOST_STATES: Final = 20_000  # each way; looking at a state of 100 operators takes about 0.1 ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An operator: names of the tensors it reads and of those it makes."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """calls: numbers of the operators in their new order. peak_bytes: the most held while one runs.

    proved: no other order has a smaller peak; otherwise there were too many states to look at all.
    """

    calls: tuple[int, ...]
    peak_bytes: int
    proved: bool


def best_order(
    calls: Sequence[Call], sizes: Mapping[str, int], outputs: Sequence[str], *, states: int = MOST_STATES
) -> Order:
    """The order of least peak, the given one where none is better.

    calls: in an order in which they can run. sizes: bytes of every tensor that is held; others (constants) are free.
    outputs: tensors that stay to the end. What no operator makes is there from the start, until it was last read.
    states: how many sets of operators to look at from either end. InputError for an order that cannot run.
    """
    _check(calls)
    net = _Net(calls, sizes, outputs)
    best = min(tuple(range(len(calls))), net.greedy(), key=net.peak)
    for part, way in product((states // 100, states // 10, states), (_Ahead(net), _Back(net))):
        found, proved = way.search(net.peak(best), part)
        best = best if found is None else found
        if proved:
            break
    return Order(calls=best, peak_bytes=net.peak(best), proved=proved)


class _Net:
    """Operators and tensors as bits: bit i of a set is operator i."""

    def __init__(self, calls: Sequence[Call], sizes: Mapping[str, int], outputs: Sequence[str]) -> None:
        self.count = len(calls)
        self.all = (1 << self.count) - 1
        maker = {name: i for i, call in enumerate(calls) for name in call.outputs}
        readers: dict[str, int] = {name: 0 for call in calls for name in (*call.inputs, *call.outputs)}
        for i, call in enumerate(calls):
            for name in call.inputs:
                readers[name] |= 1 << i
        for name in outputs:
            readers[name] = readers.get(name, 0) | 1 << self.count  # read by nobody that runs
        self.before = [sum({1 << maker[name] for name in call.inputs if name in maker}) for call in calls]
        self.made = [sum(sizes.get(name, 0) for name in set(call.outputs)) for call in calls]
        self.ends = [
            [(readers[name], sizes[name]) for name in sorted({*call.inputs, *call.outputs}) if name in sizes]
            for call in calls
        ]
        self.after = [sum({1 << j for j in range(i, self.count) if self.before[j] >> i & 1}) for i in range(self.count)]
        self.start = sum(sizes.get(name, 0) for name in readers if name not in maker)
        self.kept = sum(sizes.get(name, 0) for name in set(outputs))

    def run(self, done: int, held: int, i: int) -> tuple[int, int]:
        """Bytes held while operator i runs after those of `done`, and after it."""
        left = ~(done | 1 << i)
        during = held + self.made[i]
        return during, during - sum(size for readers, size in self.ends[i] if not readers & left)

    def take_back(self, done: int, held: int, i: int) -> tuple[int, int]:
        """Bytes held while operator i, the last of `done`, runs, and before it."""
        _, gone = self.run(done ^ 1 << i, 0, i)
        before = held - gone
        return before + self.made[i], before

    def peak(self, order: Sequence[int]) -> int:
        """The most held."""
        done, held, peak = 0, self.start, self.start
        for i in order:
            during, held = self.run(done, held, i)
            done, peak = done | 1 << i, max(peak, during)
        return peak

    def ready(self, done: int) -> list[int]:
        """Operators that can run next."""
        return [i for i in range(self.count) if not done >> i & 1 and not self.before[i] & ~done]

    def greedy(self) -> tuple[int, ...]:
        """At each turn what leaves least behind, of equals what needs least."""
        order: list[int] = []
        done, held = 0, self.start
        while done != self.all:
            i = min(self.ready(done), key=lambda i: (*reversed(self.run(done, held, i)), i))
            _, held = self.run(done, held, i)
            done |= 1 << i
            order.append(i)
        return tuple(order)


_Move = tuple[int, int, tuple[int, ...]]  # the most held meanwhile, what is held then, and the operators
_State = tuple[int, int, int, int, int, tuple[int, ...]]  # peak so far, distance, state, held, state before, operators


class _Ahead:
    """States from nothing to everything."""

    def __init__(self, net: _Net) -> None:
        self.net = net
        self.begin, self.end, self.held = 0, net.all, net.start

    def ready(self, state: int) -> list[int]:
        """Operators that may come next."""
        return self.net.ready(state)

    def step(self, state: int, held: int, i: int) -> tuple[int, int]:
        """Bytes held while operator i runs, and when the state has changed by it."""
        return self.net.run(state, held, i)

    def in_order(self, path: Sequence[int]) -> tuple[int, ...]:
        """Operators of a way from begin to end as they run."""
        return tuple(path)

    def search(self, budget: int, states: int) -> tuple[tuple[int, ...] | None, bool]:
        """The best order whose peak is below `budget`, None for none; and whether all that matter were looked at."""
        heap: list[_State] = [(self.net.start, 0, self.begin, self.held, self.begin, ())]
        came: dict[int, tuple[int, tuple[int, ...]]] = {}  # of each state the one before, and the operators between
        while heap:
            peak, _, state, held, before, path = heappop(heap)
            if state in came:
                continue
            came[state] = before, path
            if state == self.end:
                return self._way(came), True
            if len(came) > states:
                return None, False
            for during, after, moved in self._moves(state, held, peak):
                now, worst = state ^ sum(1 << i for i in moved), max(peak, during)
                if worst < budget and now not in came:
                    heappush(heap, (worst, (now ^ self.end).bit_count(), now, after, state, moved))
        return None, True

    def _moves(self, state: int, held: int, peak: int) -> list[_Move]:
        """What may come next; alone, what costs nothing."""
        ready = self.ready(state)
        moves: list[_Move] = []
        for i in ready:
            during, after = self.step(state, held, i)
            moves.append((during, after, (i,)))
            if during <= peak and (free := self._chain(state, held, peak, after, ready, i)):
                return [free]
        return moves

    def _chain(self, state: int, held: int, peak: int, after: int, ready: Sequence[int], i: int) -> _Move | None:
        """Operators from i on, each possible by the one before only, up to the first that leaves no more than held."""
        path, now, known = [i], state ^ 1 << i, set(ready)
        while after > held:
            following = [j for j in self.ready(now) if j not in known]
            if not following:
                return None
            during, after = self.step(now, after, following[0])
            if during > peak:
                return None
            known.update(following)
            path.append(following[0])
            now ^= 1 << following[0]
        return peak, after, tuple(path)

    def _way(self, came: Mapping[int, tuple[int, tuple[int, ...]]]) -> tuple[int, ...]:
        way: list[int] = []
        state, path = came[self.end]
        while path:
            way += reversed(path)
            state, path = came[state]
        return self.in_order(way[::-1])


class _Back(_Ahead):
    """States from everything to nothing: operators are taken back, last first."""

    def __init__(self, net: _Net) -> None:
        super().__init__(net)
        self.begin, self.end, self.held = net.all, 0, net.kept

    def ready(self, state: int) -> list[int]:
        return [i for i in range(self.net.count) if state >> i & 1 and not self.net.after[i] & state]

    def step(self, state: int, held: int, i: int) -> tuple[int, int]:
        return self.net.take_back(state, held, i)

    def in_order(self, path: Sequence[int]) -> tuple[int, ...]:
        return tuple(reversed(path))


def _check(calls: Sequence[Call]) -> None:
    made_by = {name: i for i, call in enumerate(calls) for name in call.outputs}
    faults = [
        Fault(f"order: {call.name}", f"expected {name!r} made before it is read, got it from a later one; order them")
        for i, call in enumerate(calls)
        for name in call.inputs
        if made_by.get(name, -1) >= i
    ]
    if faults:
        raise InputError(faults)
