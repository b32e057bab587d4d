"""The engine from Python: one Node over a plan, sizes checked before each call, the GIL released inside."""

import ctypes as c
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import EngineError
from fleet.node.engine.build import host_library
from fleet.node.engine.host import Host, Lesson, Recalled, Variant
from fleet.node.engine.memo import Memo
from fleet.node.model.fixed import LIMIT, Real, real
from fleet.node.model.graph import Form, Int8, Tensor
from fleet.node.plan.plan import Plan
from fleet.node.plan.state import state_bytes, state_values
from fleet.node.plan.steps.program import Region, output_size


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
    NOT_NOW = -8
    BAD_SEAL = -9
    BAD_SLOT = -10


class _Node(c.Structure):
    _fields_ = [(name, c.c_void_p) for name in ("plan", "model", "state", "arena", "window")]


class _Real(c.Structure):
    _fields_ = [("mant", c.c_int32), ("exp", c.c_int32)]


class _Course(c.Structure):
    _fields_ = [("key", c.c_uint64), ("rate", _Real), ("step", c.c_uint32), ("own", c.c_void_p)]


@cache
def library() -> c.CDLL:
    """The loaded engine, built if need be."""
    lib = c.CDLL(str(host_library()))
    pointer, node, course = c.c_void_p, c.POINTER(_Node), c.POINTER(_Course)
    lib.fe_check_plan.argtypes = [pointer, c.c_uint32, c.c_uint32, c.c_uint32, c.c_uint32]
    for run in (lib.fe_train, lib.fe_train_part, lib.fe_fit, lib.fe_fit_part):
        run.argtypes = [node, course, pointer, pointer, pointer, c.c_int32, pointer]
    lib.fe_close_batch.argtypes = [node, course]
    lib.fe_check_tables.argtypes = [node]
    lib.fe_infer_many.argtypes = [node, pointer, c.c_int32, pointer]
    for call in (lib.fe_reset, lib.fe_begin, lib.fe_forward):
        call.argtypes = [node]
        call.restype = None
    lib.fe_infer_many.restype = lib.fe_close_batch.restype = None
    return lib


Pieces = tuple[tuple[int, Real], ...]


@dataclass(slots=True, kw_only=True)
class Course:
    """How a node trains from here on. key: rng.key(seed, UPDATE, node). own: classes of the softmax.

    rate: of float SGD with one window per step, or per window of a batch; a number is rounded to the nearest Real.
    A schedule is pieces (first step, rate) in ascending order, the first of them at or before `step`. step counts up
    over all rounds: restarting it would repeat the rounding of earlier rounds.
    """

    key: int
    rate: Real | float | Pieces
    own: Collection[int] = ()
    step: int = 0

    def rate_at(self, step: int) -> tuple[Real, int]:
        """The rate of a step, and how many steps it holds from there on."""
        if not isinstance(self.rate, tuple):
            return (self.rate if isinstance(self.rate, Real) else real(self.rate)), NEVER
        begun = [rate for first, rate in self.rate if first <= step]
        later = [first - step for first, _ in self.rate if first > step]
        if not begun:
            raise EngineError(f"rate: expected a piece from step {step} or before, got none; begin the schedule there")
        return begun[-1], min(later, default=NEVER)


NEVER = 2**31 - 1
MOST_LABELS = 256  # classes a node can be trained on: fe_train takes a label as one byte
DTYPES = {Form.INT8: np.int8, Form.UINT8: np.uint8, Form.FLOAT32: np.float32}
Windows = NDArray[Any]


class Node:
    """A simulated device: the plan's memory, and the C engine working in it.

    variant: instructions of the executor, the fastest by default; all give the same bits. memo: remembers what the
    frozen beginning makes of windows; EngineError for one of another plan.
    """

    def __init__(self, plan: Plan, *, variant: Variant | None = None, memo: Memo | None = None) -> None:
        if memo is not None and not memo.fits(plan):
            raise EngineError(
                "memo: expected one of the node's plan and model, got one of others; make it of this plan"
            )
        self.plan = plan
        self._memo = memo
        self._words = np.frombuffer(plan.content, dtype="<i4").copy()
        self._model = np.frombuffer(plan.model, dtype=np.uint8).copy()
        self._state = np.zeros(plan.state_bytes // 4, dtype="<i4")
        self._arena = np.zeros(plan.arena_bytes // 4, dtype="<i4")
        self._node = _Node(*(a.ctypes.data for a in (self._words, self._model, self._state, self._arena)))
        self._check()
        library().fe_reset(self._node)
        self.host = Host(c.addressof(self._node), variant)

    def _check(self) -> None:
        sizes = (self._words.size, self._model.nbytes, self._state.nbytes, self._arena.nbytes)
        status = Status(library().fe_check_plan(self._words.ctypes.data, *sizes))
        if status is Status.OK:
            status = Status(library().fe_check_tables(self._node))
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
        """Sets the trained values; what earlier steps left beside them is forgotten."""
        layout = self.plan.layout
        if values.shape != (layout.size,):
            raise EngineError(
                f"values: expected {layout.size}, got {list(values.shape)}; check that the scheme is the plan's"
            )
        sizes = np.abs(values.astype(np.int64))
        if sizes[: layout.weights].max(initial=0) > 127 or sizes.max(initial=0) > LIMIT:
            raise EngineError("values: expected weights within 127 and biases within 2^30, got larger ones; clip them")
        self._state[: self.plan.value_bytes // 4] = np.frombuffer(state_bytes(layout, values), dtype="<i4")
        library().fe_begin(self._node)

    @property
    def state(self) -> bytes:
        """Everything the node remembers between steps: trained values, then extras."""
        return self._state.tobytes()

    def logits(self, windows: Int8) -> NDArray[np.int16]:
        """int16 [n, classes], Q8, for windows int8 [n, H, W, C]."""
        graph = self.plan.graph
        if graph.outputs[0] != graph.head.y:
            return self.outputs(windows)[graph.head.y]
        windows = self._checked(windows, graph.input)
        out = np.empty((len(windows), graph.classes), dtype=np.int16)
        with self._recalled(windows) as memo:
            self.host.infer_many(windows, out, memo)
        return out

    def outputs(self, windows: Windows | Mapping[str, Windows]) -> dict[str, NDArray[Any]]:
        """Every output of the graph by name, [n, H, W, C] in its form; Q8 logits int16 [n, classes] of a head.

        windows: [n, H, W, C] of the one input, or by name where there are several.
        """
        graph = self.plan.graph
        given = windows if isinstance(windows, Mapping) else {graph.input.name: windows}
        if set(given) != set(graph.inputs):
            raise EngineError(f"windows: expected {', '.join(graph.inputs)}, got {', '.join(given)}; name each input")
        inputs = {name: self._checked(array, graph.tensor(name)) for name, array in given.items()}
        count = len(inputs[graph.inputs[0]])
        if any(len(array) != count for array in inputs.values()):
            raise EngineError(f"windows: expected {count} of every input, got other counts; pass as many of each")
        found: dict[str, NDArray[Any]] = {name: self._empty(name, count) for name in graph.outputs}
        for i in range(count):
            for name, array in inputs.items():
                self._bytes_of(name)[:] = array[i].reshape(-1).view(np.uint8)
            self.host.forward()
            for name, array in found.items():
                array[i].reshape(-1).view(np.uint8)[:] = self._bytes_of(name)
        return found

    def _empty(self, name: str, count: int) -> NDArray[Any]:
        graph = self.plan.graph
        if graph.has_head and graph.head.y == name:
            return np.empty((count, graph.classes), dtype=np.int16)
        tensor = graph.tensor(name)
        return np.empty((count, *tensor.shape), dtype=DTYPES[tensor.form])

    def _bytes_of(self, name: str) -> NDArray[np.uint8]:
        """uint8: the bytes of a map, in place. Where maps share memory, only until the next step."""
        ref = self.plan.maps[name]
        size = output_size(self.plan.graph, name)
        if ref.region is Region.INPUT:
            return self.host.input(size)
        if ref.region is Region.MODEL:
            offset, memory = self.plan.image.offset(ref.name), self._model
        else:
            offset = next(b.offset for b in self.plan.buffers if b.name == ref.name)
            memory = self._arena.view(np.uint8)
        return memory[offset : offset + size]

    def train(
        self, windows: Int8, labels: NDArray[np.uint8], order: NDArray[np.int64], course: Course, *, close: bool = True
    ) -> NDArray[np.float64]:
        """One step on windows[i] for each i in order; advances the course. Returns p(label) before each step.

        windows: int8 [n, H, W, C]. labels: uint8 [n]. close: a batch that is not full at the end is applied.
        Raises EngineError for a label outside the course's classes, and for a net of more than 256.
        """
        if self.plan.layout.classes > MOST_LABELS:
            text = (
                f"expected at most {MOST_LABELS} to train on, since a label is one byte, got {self.plan.layout.classes}"
            )
            raise EngineError(f"classes: {text}; give the net a head for fewer")
        windows = self._checked(windows, self.plan.graph.input)
        labels = _whole("labels", labels, np.uint8)
        if len(labels) != len(windows):
            raise EngineError(f"labels: expected {len(windows)}, one per window, got {len(labels)}")
        p_true = self._run("labels", windows, labels, order, course, close=close)
        return p_true / 32768

    def fit(
        self, windows: Int8, answers: Int8, order: NDArray[np.int64], course: Course, *, close: bool = True
    ) -> NDArray[np.uint32]:
        """As train, towards answers int8 [n, H, W, C] of the output's shape and scale.

        Returns the sum of squared differences before each step, in steps of the output's scale, saturated.
        """
        windows = self._checked(windows, self.plan.graph.input)
        output = self.plan.graph.tensor(self.plan.graph.ops[-1].y)
        answers = self._checked(answers, output, "answers")
        if len(answers) != len(windows):
            raise EngineError(f"answers: expected {len(windows)}, one per window, got {len(answers)}")
        return self._run("answers", windows, answers, order, course, close=close)

    def close_batch(self, course: Course) -> None:
        """Applies the sums of a batch that is not full, as train and fit do at their end unless told not to."""
        if course.step:
            rate, own = course.rate_at(course.step - 1)[0], class_bits(course.own, self.plan.layout.classes)
            c_course = _Course(course.key, _Real(rate.mant, rate.exp), course.step, own.ctypes.data)
            library().fe_close_batch(self._node, c_course)

    def _run(
        self, kind: str, windows: Int8, goals: NDArray[Any], order: NDArray[np.int64], course: Course, *, close: bool
    ) -> NDArray[np.uint32]:
        """Steps piece by piece of the rate; the loss of each."""
        steps = _whole("order", order, np.int32)
        if steps.size and not (steps.min() >= 0 and steps.max() < len(windows)):
            raise EngineError(f"order: expected windows 0 to {len(windows) - 1}, got {steps.min()} to {steps.max()}")
        own = class_bits(course.own, self.plan.layout.classes)
        losses = np.zeros(steps.size, dtype=np.uint32)
        made = 0
        while made < steps.size:
            rate, lasts = course.rate_at(course.step)
            part = slice(made, min(made + lasts, steps.size))
            ends = close and part.stop == steps.size
            c_course = _Course(course.key, _Real(rate.mant, rate.exp), course.step, own.ctypes.data)
            lesson = Lesson(windows=windows.ctypes.data, order=steps[part].ctypes.data, count=part.stop - made)
            lesson.losses, lesson.close = losses[part].ctypes.data, ends
            setattr(lesson, kind, goals.ctypes.data)
            with self._recalled(windows) as memo:
                lesson.memo = c.pointer(memo) if memo else None
                status = Status(self.host.learn(c_course, lesson))
            course.step, made = c_course.step, part.stop
            if status is not Status.OK:
                raise EngineError(f"step {c_course.step}: expected a label of the node's classes, got {status.name}")
        return losses

    def _recalled(self, windows: Windows) -> AbstractContextManager[Recalled | None]:
        return self._memo.of(windows) if self._memo else nullcontext()

    def _checked(self, windows: NDArray[Any], tensor: Tensor, name: str = "windows") -> NDArray[Any]:
        expected, dtype = tensor.shape, DTYPES[tensor.form]
        if windows.shape[1:] != expected or windows.dtype != dtype:
            wanted = f"{np.dtype(dtype)} [n, {expected}]"
            raise EngineError(f"{name}: expected {wanted}, got {windows.dtype} {windows.shape}")
        return np.ascontiguousarray(windows)


def _whole(name: str, values: NDArray[Any], dtype: type[np.integer[Any]]) -> NDArray[Any]:
    """The same numbers in this type. Raises EngineError for any that it does not have: a cast would wrap."""
    values = np.asarray(values)
    if values.size and values.dtype != dtype:
        whole, limits = values.dtype.kind in "iu", np.iinfo(dtype)
        if not (whole and limits.min <= values.min() and values.max() <= limits.max):
            given = f"{values.min()} to {values.max()} as {values.dtype}"
            raise EngineError(f"{name}: expected whole numbers from {limits.min} to {limits.max}, got {given}")
    return np.ascontiguousarray(values, dtype=dtype)


def class_bits(classes: Collection[int], count: int) -> NDArray[np.uint8]:
    """Bit c of byte c // 8 is set for each class. Raises EngineError for one that is not below count."""
    bits = bytearray(-(-count // 8))
    for label in classes:
        if not 0 <= label < count:
            raise EngineError(f"classes: expected 0 to {count - 1}, got {label}; name classes of the net")
        bits[label >> 3] |= 1 << (label & 7)
    return np.frombuffer(bits, dtype=np.uint8)
