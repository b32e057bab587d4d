"""The engine from Python: one Node over a plan, sizes checked before each call, the GIL released inside."""

import ctypes as c
from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import EngineError
from fleet.node.engine.build import host_library
from fleet.node.model.fixed import LIMIT, Real, real
from fleet.node.model.graph import Int8
from fleet.node.plan.state import state_bytes, state_values
from fleet.node.plan.plan import Plan


class Status(IntEnum):
    """fe_status."""

    OK = 0
    BAD_MAGIC = -1
    BAD_VERSION = -2
    BAD_PLAN = -3
    BAD_LABEL = -4
    BAD_FRAME = -5
    OTHER_FRAME = -6
    BAD_VALUES = -7


class _Node(c.Structure):
    _fields_ = [("plan", c.c_void_p), ("model", c.c_void_p), ("state", c.c_void_p), ("arena", c.c_void_p)]


class _Real(c.Structure):
    _fields_ = [("mant", c.c_int32), ("exp", c.c_int32)]


class _Course(c.Structure):
    _fields_ = [("key", c.c_uint64), ("rate", _Real), ("step", c.c_uint32), ("own", c.c_void_p)]


@cache
def library() -> c.CDLL:
    """The loaded engine, built if need be."""
    lib = c.CDLL(str(host_library()))
    pointer = c.c_void_p
    lib.fe_check_plan.argtypes = [pointer, c.c_uint32, c.c_uint32, c.c_uint32, c.c_uint32]
    lib.fe_train.argtypes = [c.POINTER(_Node), c.POINTER(_Course), pointer, pointer, pointer, c.c_int32, pointer]
    lib.fe_infer_many.argtypes = [c.POINTER(_Node), pointer, c.c_int32, pointer]
    lib.fe_reset.argtypes = [c.POINTER(_Node)]
    lib.fe_infer_many.restype = lib.fe_reset.restype = None
    return lib


@dataclass(slots=True, kw_only=True)
class Course:
    """How a node trains from here on. key: rng.key(seed, UPDATE, node). own: classes of the softmax.

    rate: of float SGD with one window per step; a number is rounded to the nearest Real. step counts up over all
    rounds: restarting it would repeat the rounding of earlier rounds.
    """

    key: int
    rate: Real | float
    own: Collection[int]
    step: int = 0

    @property
    def fixed_rate(self) -> Real:
        return self.rate if isinstance(self.rate, Real) else real(self.rate)


class Node:
    """A simulated device: the plan's memory, and the C engine working in it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._words = np.frombuffer(plan.content, dtype="<i4").copy()
        self._model = np.frombuffer(plan.model, dtype=np.uint8).copy()
        self._state = np.zeros(plan.state_bytes // 4, dtype="<i4")
        self._arena = np.zeros(plan.arena_bytes // 4, dtype="<i4")
        self._node = _Node(*(a.ctypes.data for a in (self._words, self._model, self._state, self._arena)))
        self._check()
        library().fe_reset(self._node)

    def _check(self) -> None:
        sizes = (self._words.size, self._model.nbytes, self._state.nbytes, self._arena.nbytes)
        status = Status(library().fe_check_plan(self._words.ctypes.data, *sizes))
        if status is not Status.OK:
            raise EngineError(
                f"plan {self.plan.digest[:12]}: expected a plan of this engine, got {status.name}; plan it again"
            )

    @property
    def values(self) -> NDArray[np.int32]:
        """int32 [size]: the trained values, in the layout's order."""
        return state_values(self.plan.layout, self._state.tobytes())

    @values.setter
    def values(self, values: NDArray[np.int32]) -> None:
        layout = self.plan.layout
        if values.shape != (layout.size,):
            raise EngineError(
                f"values: expected {layout.size}, got {list(values.shape)}; check that the scheme is the plan's"
            )
        sizes = np.abs(values.astype(np.int64))
        if sizes[: layout.weights].max(initial=0) > 127 or sizes.max(initial=0) > LIMIT:
            raise EngineError("values: expected weights within 127 and biases within 2^30, got larger ones; clip them")
        self._state[:] = np.frombuffer(state_bytes(layout, values), dtype="<i4")

    def logits(self, windows: Int8) -> NDArray[np.int16]:
        """int16 [n, classes], Q8, for windows int8 [n, H, W, C]."""
        windows = self._windows(windows)
        out = np.empty((len(windows), self.plan.graph.classes), dtype=np.int16)
        library().fe_infer_many(self._node, windows.ctypes.data, len(windows), out.ctypes.data)
        return out

    def train(
        self, windows: Int8, labels: NDArray[np.uint8], order: NDArray[np.int64], course: Course
    ) -> NDArray[np.float64]:
        """One step on windows[i] for each i in order; advances the course. Returns p(label) before each step.

        windows: int8 [n, H, W, C]. labels: uint8 [n]. Raises EngineError for a label outside the course's classes.
        """
        windows = self._windows(windows)
        labels = np.ascontiguousarray(labels, dtype=np.uint8)
        steps = np.ascontiguousarray(order, dtype=np.int32)
        if len(labels) != len(windows):
            raise EngineError(f"labels: expected {len(windows)}, one per window, got {len(labels)}")
        if steps.size and not (steps.min() >= 0 and steps.max() < len(windows)):
            raise EngineError(f"order: expected windows 0 to {len(windows) - 1}, got {steps.min()} to {steps.max()}")
        own = class_bits(course.own, self.plan.graph.classes)
        p_true = np.zeros(steps.size, dtype=np.uint32)
        rate = course.fixed_rate
        c_course = _Course(course.key, _Real(rate.mant, rate.exp), course.step, own.ctypes.data)
        arrays = (a.ctypes.data for a in (windows, labels, steps))
        status = Status(library().fe_train(self._node, c_course, *arrays, steps.size, p_true.ctypes.data))
        if status is not Status.OK:
            raise EngineError(f"step {c_course.step}: expected a label of the node's classes, got {status.name}")
        course.step = c_course.step
        return p_true / 32768

    def _windows(self, windows: Int8) -> Int8:
        expected = self.plan.graph.input.shape
        if windows.shape[1:] != expected or windows.dtype != np.int8:
            raise EngineError(f"windows: expected int8 [n, {expected}], got {windows.dtype} {windows.shape}")
        return np.ascontiguousarray(windows)


def class_bits(classes: Collection[int], count: int) -> NDArray[np.uint8]:
    """Bit c of byte c // 8 is set for each class. Raises EngineError for one that is not below count."""
    bits = np.zeros(-(-count // 8), dtype=np.uint8)
    for label in classes:
        if not 0 <= label < count:
            raise EngineError(f"classes: expected 0 to {count - 1}, got {label}; name classes of the net")
        bits[label >> 3] |= np.uint8(1 << (label & 7))
    return bits
