"""What the frozen beginning of a network makes of windows, remembered: it is the same at every step.

Which maps cross from the steps that nothing trained touches to the others is read from the plan. Time and energy of a
node are charged by the plan, whether a simulation remembers or not.
"""

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.node.engine.host import Recalled
from fleet.node.plan.plan import Plan
from fleet.node.plan.steps import Code, Region, Step

BUDGET_BYTES = 2**30
LOSSES = (Code.LOSS, Code.LOSS_SQUARED)


def frozen_steps(plan: Plan) -> int:
    """How many first steps no trained value can change; 0 for a plan that does not train."""
    if not plan.trains:
        return 0
    group, inner = 0, 0  # where the group of rows began, and how many of its steps are to come
    for i, step in enumerate(plan.steps):
        group, inner = (i, _inner(step)) if inner == 0 else (group, inner - 1)
        if step.code in LOSSES or any(not isinstance(f, int) and f.region is Region.STATE for f in step.fields):
            return group
    raise AssertionError("a plan that trains has a loss")


def _inner(step: Step) -> int:
    """How many steps behind this one belong to it."""
    count = step.fields[0] if step.code is Code.ROWS else 0
    assert isinstance(count, int)
    return count


class Memo:
    """Maps of windows under one plan and model. budget_bytes: what does not fit is computed as ever.

    Windows are told apart by their array, whose content must not change. What an array's windows became is forgotten
    with the array.
    """

    def __init__(self, plan: Plan, budget_bytes: int = BUDGET_BYTES) -> None:
        self.plan = plan
        self.steps = frozen_steps(plan)
        crossing = [b for b in plan.buffers if b.first < self.steps <= b.last]
        self.spans = np.array([(b.offset, b.size_bytes) for b in crossing], dtype=np.int32).reshape(-1, 2)
        self.window_bytes = int(self.spans[:, 1].sum())
        self._left_bytes = budget_bytes
        self._entries: dict[int, _Entry] = {}
        self._lock = threading.RLock()  # _entry may set off a collection, which may forget an array

    def fits(self, plan: Plan) -> bool:
        """Whether maps remembered here are those of this plan."""
        mine = self.plan
        return mine is plan or (mine.content, mine.model) == (plan.content, plan.model)

    @contextmanager
    def of(self, windows: NDArray[Any]) -> Iterator[Recalled | None]:
        """What is remembered of these windows, for one thread at a time; None where nothing can be."""
        entry = self._entry(windows) if self.steps else None
        if entry is None or not entry.lock.acquire(blocking=False):
            yield None
            return
        try:
            yield entry.recalled
        finally:
            entry.lock.release()

    def _entry(self, windows: NDArray[Any]) -> "_Entry | None":
        key = id(windows)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None and len(windows) * self.window_bytes <= self._left_bytes:
                entry = _Entry(self, len(windows))
                self._entries[key] = entry
                self._left_bytes -= entry.size_bytes
                weakref.finalize(windows, _forget, weakref.ref(self), key).atexit = False
            return entry

    def forget(self, key: int) -> None:
        """Drops what is remembered of an array that is no more."""
        with self._lock:
            self._left_bytes += self._entries.pop(key).size_bytes


def _forget(memo: "weakref.ref[Memo]", key: int) -> None:
    alive = memo()
    if alive is not None:
        alive.forget(key)


class _Entry:
    """Maps and marks of the windows of one array."""

    def __init__(self, memo: Memo, count: int) -> None:
        self.lock = threading.Lock()
        self._maps = np.empty(count * memo.window_bytes, dtype=np.uint8)
        self._known = np.zeros(count, dtype=np.uint8)
        self.size_bytes = self._maps.nbytes
        self.recalled = Recalled(
            memo.spans.ctypes.data,
            len(memo.spans),
            memo.steps,
            memo.window_bytes,
            self._maps.ctypes.data,
            self._known.ctypes.data,
        )
