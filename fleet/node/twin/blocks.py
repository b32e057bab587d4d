"""Blocks of code that an emulated core runs, counted by a hook in C: nearly free, where one in Python costs tenfold.

Unicorn calls the hook once per executed block. Which instructions a block holds is looked up afterwards, once per
distinct block.
"""

import ctypes
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from unicorn import UC_HOOK_BLOCK, Uc, UcError
from unicorn.unicorn_py3.unicorn import uclib

from fleet.base.errors import EngineError
from fleet.base.places import package_data
from fleet.node.engine.build import shared_library

CAPACITY = 1 << 17  # distinct blocks by step; half of it is used before one is lost
NO_STEP = -1
ARGUMENT = -2  # a step that the marked function is told
DEPTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Registers:
    """Unicorn's numbers of a core's registers: second argument, return address, stack pointer."""

    second: int
    link: int
    stack: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Executions of size_bytes of code at an address. step: word of the plan where the step begins, or NO_STEP."""

    address: int
    size_bytes: int
    step: int
    runs: int


class _Block(ctypes.Structure):
    _fields_ = (
        ("runs", ctypes.c_uint64), ("address", ctypes.c_uint32), ("size", ctypes.c_uint32), ("step", ctypes.c_int32),
        ("used", ctypes.c_int32),
    )  # fmt: skip


class _Mark(ctypes.Structure):
    _fields_ = (("address", ctypes.c_uint32), ("step", ctypes.c_int32))


class _Frame(ctypes.Structure):
    _fields_ = (("back", ctypes.c_uint32), ("stack", ctypes.c_uint32), ("step", ctypes.c_int32))


class _Blocks(ctypes.Structure):
    _fields_ = (
        ("stop", ctypes.c_void_p), ("read", ctypes.c_void_p),
        ("blocks", ctypes.POINTER(_Block)), ("marks", ctypes.POINTER(_Mark)),
        ("bytes", ctypes.c_uint64), ("limit", ctypes.c_uint64),
        ("capacity", ctypes.c_uint32), ("used", ctypes.c_uint32),
        ("mark_count", ctypes.c_uint32), ("recording", ctypes.c_uint32),
        ("plan_start", ctypes.c_uint32), ("plan_end", ctypes.c_uint32),
        ("second", ctypes.c_int32), ("link", ctypes.c_int32), ("stack", ctypes.c_int32),
        ("last", ctypes.c_uint32), ("depth", ctypes.c_uint32), ("frames", _Frame * DEPTH),
    )  # fmt: skip


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(str(shared_library("fleet-blocks", (package_data("node", "twin", "blocks.c"),))))


class Blocks:
    """The hook of one core. It has to outlive the core's last run."""

    def __init__(self, uc: Uc, registers: Registers) -> None:
        self._state = _Blocks(
            stop=ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p), read=ctypes.cast(uclib.uc_reg_read, ctypes.c_void_p),
            second=registers.second, link=registers.link, stack=registers.stack,
        )  # fmt: skip
        hook = ctypes.cast(_library().fleet_on_block, ctypes.c_void_p)
        handle = ctypes.c_size_t()
        data = ctypes.cast(ctypes.byref(self._state), ctypes.c_void_p)
        status = uclib.uc_hook_add(uc._uch, ctypes.byref(handle), UC_HOOK_BLOCK, hook, data, 1, 0)  # noqa: SLF001
        if status:
            raise EngineError(f"emulator: expected to count blocks, got '{UcError(status)}'; install unicorn 2.1")

    @property
    def last(self) -> int:
        """Where the block began that ran last."""
        return int(self._state.last)

    @property
    def exhausted(self) -> bool:
        """Whether the run was stopped because it had used what it was given."""
        return bool(self._state.bytes > self._state.limit)

    def give(self, limit_bytes: int) -> None:
        """Before a run: how many bytes of code it may execute, each as often as it does."""
        self._state.bytes, self._state.limit = 0, limit_bytes

    @property
    def recording(self) -> bool:
        return bool(self._state.recording)

    def record(self, marks: Iterable[tuple[int, int]], plan: tuple[int, int]) -> None:
        """Counts from now on. marks: functions that begin a step, by address. plan: where its words start and end."""
        state, found = self._state, [_Mark(*mark) for mark in marks]
        self._table = (_Block * CAPACITY)()
        state.blocks, state.marks = self._table, (_Mark * len(found))(*found)
        state.capacity, state.used, state.mark_count, state.depth = CAPACITY, 0, len(found), 0
        state.plan_start, state.plan_end = plan
        state.recording = 1

    def recorded(self) -> list[Block]:
        """What ran since record(); ends it."""
        self._state.recording = 0
        if self._state.used > CAPACITY // 2:
            raise EngineError(f"emulator: expected at most {CAPACITY // 2:,} blocks, got more; count a shorter call")
        table = np.frombuffer(memoryview(self._table).cast("B"), dtype=np.dtype(_Block))
        return [
            Block(address=address, size_bytes=size, step=step, runs=runs)
            for runs, address, size, step, _ in sorted(table[table["used"] == 1].tolist())
        ]
