"""Shadow memory: every step of a plan alone, in an arena where all but its own buffers is poison.

A step runs twice, with different poison around the buffers that it names. What it leaves in them must be the same both
times, and the poison untouched: so it neither reads nor writes a byte outside. Between steps everything that no live
buffer covers is poisoned as well, so that a buffer that died too early shows at the end, against an ordinary node.
A group of rows or channels is one step.
"""

import ctypes as c
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.base import rng
from fleet.node.engine.binding import Course, Node, _Course, _Node, _Real, class_bits, library
from fleet.node.engine.host import Variant
from fleet.node.model.fixed import real
from fleet.node.plan.arena import EXPONENTS
from fleet.node.plan.lifetimes import GROUPS
from fleet.node.plan.plan import HEADER_WORDS, Plan
from fleet.node.plan.steps import Code, Region

KEY = rng.key(3, rng.Stream.UPDATE, 8)
LOSSES = (Code.LOSS, Code.LOSS_SQUARED)
Bytes = NDArray[np.uint8]


class _Goal(c.Structure):
    _fields_ = [("label", c.c_int32), ("answer", c.c_void_p)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """Steps first to last of the plan, which run as one, from this word on. inside: arena bytes that they name."""

    first: int
    last: int
    word: int
    inside: NDArray[np.bool_]
    named: tuple[str, ...]


def check_shadow(plan: Plan, windows: NDArray[Any], targets: NDArray[Any], *, rate: float = 0.05) -> None:
    """AssertionError with step and byte where a step leaves its buffers; or where a run ends other than a node's.

    windows: int8 [n, H, W, C], one training step each. targets: labels uint8 [n], or answers int8 [n, ...].
    """
    shadow = _Shadow(plan, rate)
    graph = plan.graph
    own = frozenset(range(graph.classes)) if graph.has_head else frozenset[int]()
    node, course = Node(plan, variant=Variant.PLAIN), Course(key=KEY, rate=rate, own=own)
    for i, window in enumerate(windows):
        shadow.step(window, targets[i])
        order = np.array([0])
        learn = node.train if targets.ndim == 1 else node.fit
        learn(window[None], targets[i : i + 1], order, course, close=False)
        assert shadow.state.tobytes() == node.state, f"window {i}: another state than a node's"


class _Shadow:
    """A node whose steps are run one by one."""

    def __init__(self, plan: Plan, rate: float) -> None:
        lib, self.plan = library(), plan
        lib.fe_run_step.argtypes = [c.c_void_p, c.c_void_p, c.c_void_p, c.c_uint64]
        lib.fe_run_step.restype = None
        lib.fe_run_loss.argtypes = [c.c_void_p, c.c_void_p, c.POINTER(_Goal), c.c_void_p]
        self.words = np.frombuffer(plan.content, dtype="<i4").copy()
        self.model = np.frombuffer(plan.model, dtype=np.uint8).copy()
        self._state = np.zeros(plan.state_bytes // 4, dtype="<i4")
        self._arena = np.zeros(plan.arena_bytes // 4, dtype="<i4")
        self.state, self.arena = self._state.view(np.uint8), self._arena.view(np.uint8)
        self.window = np.zeros(plan.graph.input.size, dtype=np.int8)
        held = (self.words, self.model, self._state, self._arena, self.window)
        self.node = _Node(*(a.ctypes.data for a in held))
        own = range(plan.graph.classes if plan.graph.has_head else 0)
        self.own, fixed = class_bits(own, max(plan.layout.classes, 1)), real(rate)
        self.course = _Course(KEY, _Real(fixed.mant, fixed.exp), 0, self.own.ctypes.data)
        self.moments = tuple(_moments(plan))
        lib.fe_reset(self.node)

    def step(self, window: NDArray[Any], target: Any) -> None:
        """One training step."""
        program, key = self.plan.draft.program, rng.absorb(KEY, self.course.step)
        self.arena[:] = _poison(self.arena.size, 0)
        self.window[:] = window.reshape(-1)
        ref = self.plan.maps[self.plan.graph.inputs[0]]
        if ref.region is Region.ARENA:
            at = next(b for b in self.plan.buffers if b.name == ref.name)
            self.arena[at.offset : at.end] = self.window.view(np.uint8)
        says, batch = True, self.plan.scheme.recipe.batch
        for moment in self.moments:
            if moment.first < program.loss or (moment.first < program.apply and says):
                says = self._run(moment, target, key)
            elif moment.first >= program.apply and self.course.step % batch == 0:
                self._run(moment, target, key)
            self._bury(moment)
        assert (self.window == window.reshape(-1)).all(), "the window was written"

    def _run(self, moment: _Moment, target: Any, key: int) -> bool:
        """A step under two poisons. False where the loss has nothing left to say."""
        arena, state, outside = self.arena.copy(), self.state.copy(), ~moment.inside
        left: list[tuple[bytes, bytes, int]] = []
        for kind in (1, 2):
            self.arena[:], self.state[:] = arena, state
            poison = _poison(arena.size, kind)
            self.arena[outside] = poison[outside]
            says = self._call(moment, target, key, kind == 1)
            touched = np.flatnonzero((self.arena != poison) & outside)
            assert not touched.size, f"{self._name(moment)}: wrote byte {touched[0]}, outside of {moment.named}"
            left.append((self.arena[moment.inside].tobytes(), self.state.tobytes(), says))
        assert left[0] == left[1], f"{self._name(moment)}: read something outside of {moment.named}"
        self.arena[outside] = arena[outside]
        return bool(left[0][2])

    def _call(self, moment: _Moment, target: Any, key: int, is_first: bool) -> int:
        if self.plan.steps[moment.first].code in LOSSES:
            answer = np.atleast_1d(np.ascontiguousarray(target))
            goal = _Goal(int(target), None) if answer.dtype == np.uint8 else _Goal(0, answer.ctypes.data)
            loss = c.c_uint32()
            self.course.step += is_first
            return int(library().fe_run_loss(c.addressof(self.node), c.addressof(self.course), goal, c.addressof(loss)))
        at = self.words.ctypes.data + 4 * moment.word
        library().fe_run_step(c.addressof(self.node), at, c.addressof(self.course), key)
        return 1

    def _bury(self, moment: _Moment) -> None:
        """Poison over everything that no buffer of the next step or later covers."""
        live = np.zeros(self.arena.size, dtype=bool)
        for b in self.plan.buffers:
            if b.first <= moment.last + 1 and b.last > moment.last:
                live[b.offset : b.end] = True
        self.arena[~live] = _poison(self.arena.size, 3)[~live]

    def _name(self, moment: _Moment) -> str:
        step = self.plan.steps[moment.first]
        return f"step {moment.first}, {step.code.name.lower()} of {step.op}"


def _moments(plan: Plan) -> Sequence[_Moment]:
    buffers = {b.name: b for b in plan.buffers}
    found: list[_Moment] = []
    word, i = HEADER_WORDS, 0
    while i < len(plan.steps):
        count = plan.steps[i].fields[0] if plan.steps[i].code in GROUPS else 0
        assert isinstance(count, int)
        steps = plan.steps[i : i + count + 1]
        named = tuple(dict.fromkeys(name for step in steps for name in step.buffers))
        if i >= plan.draft.program.loss and EXPONENTS in buffers:
            named = (*named, EXPONENTS)
        inside = np.zeros(plan.arena_bytes, dtype=bool)
        for name in named:
            at = buffers[name]
            assert at.first <= i + count, f"step {i}: names {name}, which does not live yet"
            assert at.last >= i, f"step {i}: names {name}, which lives no longer"
            inside[at.offset : at.end] = True
        found.append(_Moment(first=i, last=i + count, word=word, inside=inside, named=named))
        word += sum(2 + len(step.fields) for step in steps)
        i += count + 1
    return found


def _poison(size: int, kind: int) -> Bytes:
    return ((np.arange(size) * (167, 59, 201, 83)[kind] + (13, 101, 7, 191)[kind]) & 255).astype(np.uint8)
