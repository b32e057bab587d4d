"""The host's executor from Python: a node's plan with the vectors of this processor, and the same bits.

The variant is chosen at run time; `Variant.PLAIN` is the interpreter that a microcontroller runs.
"""

import ctypes as c
from enum import IntEnum
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import EngineError
from fleet.node.engine.build import host_library

ALIGN = 64


class Variant(IntEnum):
    """Which instructions an executor uses; the numbers of fe_host.h."""

    PLAIN = 0
    AVX2 = 1
    AVX512 = 2


class Recalled(c.Structure):
    """fe_memo: what is remembered of windows, and how much of a plan it stands for."""

    _fields_ = [
        ("spans", c.c_void_p),
        ("count", c.c_int32),
        ("steps", c.c_int32),
        ("bytes", c.c_int32),
        ("maps", c.c_void_p),
        ("known", c.c_void_p),
    ]


class Lesson(c.Structure):
    """fe_lesson: windows, their labels or answers, and in which order."""

    _fields_ = [
        ("windows", c.c_void_p),
        ("labels", c.c_void_p),
        ("answers", c.c_void_p),
        ("order", c.c_void_p),
        ("losses", c.c_void_p),
        ("memo", c.POINTER(Recalled)),
        ("count", c.c_int32),
        ("close", c.c_int32),
    ]


@cache
def library() -> c.CDLL:
    """The loaded engine with the executor's functions, built if need be."""
    lib = c.CDLL(str(host_library()))
    pointer, memo = c.c_void_p, c.POINTER(Recalled)
    lib.fe_host_bytes.argtypes = [pointer, c.c_int32]
    lib.fe_host_bytes.restype = lib.fe_host_peak.restype = c.c_int64
    lib.fe_host_create.argtypes = [pointer, c.c_int32, pointer]
    lib.fe_host_create.restype = pointer
    lib.fe_host_fast_steps.argtypes = [pointer]
    lib.fe_host_learn.argtypes = [pointer, pointer, c.POINTER(Lesson)]
    lib.fe_host_forward.argtypes = lib.fe_host_input.argtypes = [pointer]
    lib.fe_host_input.restype = pointer
    lib.fe_host_infer_many.argtypes = [pointer, pointer, c.c_int32, pointer, memo]
    lib.fe_host_repeat.argtypes = [pointer, pointer, c.c_int32, c.c_int32]
    lib.fe_host_peak.argtypes = [c.c_int32, c.c_int32]
    lib.fe_host_forward.restype = lib.fe_host_infer_many.restype = lib.fe_host_repeat.restype = None
    return lib


@cache
def best_variant() -> Variant:
    """The fastest variant of this processor."""
    return Variant(library().fe_host_best())


class Host:
    """An executor over a node's memories, which must outlive it. node: address of its fe_node."""

    def __init__(self, node: int, variant: Variant | None = None) -> None:
        self.variant = best_variant() if variant is None else variant
        size = library().fe_host_bytes(node, self.variant)
        if size == 0:
            raise EngineError(
                f"variant: expected at most {best_variant().name} on this processor, got {self.variant.name}; "
                "leave it out to have the best"
            )
        self._memory = np.zeros(size + ALIGN, dtype=np.uint8)
        start = -self._memory.ctypes.data % ALIGN
        self._host = library().fe_host_create(node, self.variant, self._memory.ctypes.data + start)

    @property
    def memory_bytes(self) -> int:
        """Bytes of packed weights and scratch."""
        return int(self._memory.nbytes)

    @property
    def fast_steps(self) -> int:
        """Steps of the plan that do not fall back to the interpreter."""
        return int(library().fe_host_fast_steps(self._host))

    def learn(self, course: c.Structure, lesson: Lesson) -> int:
        """fe_status of all steps of a lesson; advances the course."""
        return int(library().fe_host_learn(self._host, c.byref(course), lesson))

    def input(self, size_bytes: int) -> NDArray[np.uint8]:
        """uint8 [size_bytes]: where the first input belongs."""
        at = library().fe_host_input(self._host)
        return np.ctypeslib.as_array((c.c_uint8 * size_bytes).from_address(at))

    def forward(self) -> None:
        """Every map of the inputs in place."""
        library().fe_host_forward(self._host)

    def infer_many(self, windows: NDArray[Any], out: NDArray[Any], memo: Recalled | None = None) -> None:
        """The first output of each window."""
        library().fe_host_infer_many(self._host, windows.ctypes.data, len(windows), out.ctypes.data, memo)

    def repeat(self, step: int, times: int, course: c.Structure | None = None) -> None:
        """One step of the plan, over and over: for benchmarks. course: what a step of the way back needs."""
        library().fe_host_repeat(self._host, c.byref(course) if course else None, step, times)


def peak(variant: Variant, rounds: int) -> int:
    """Multiply-accumulates done, with nothing to load or store: for benchmarks."""
    return int(library().fe_host_peak(variant, rounds))
