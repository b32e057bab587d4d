"""Shapes that a file computes from shapes: with every size fixed, they are constants.

Converters write such chains (SHAPE, STRIDED_SLICE, PACK) around Flatten and Reshape of models with an open batch.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from fleet.node.model.tflite.assembly import AGAIN, MOST_NUMBERS, Assembly, Int64, option
from fleet.node.model.tflite.content import Call, Content
from fleet.node.model.tflite.shapes import RefusedError, real_axis

_NUMBERS: Final = ("int32", "int64")


def is_arithmetic_of_shapes(content: Content, call: Call) -> bool:
    """Whether the operator computes whole numbers that say a shape, not a map."""
    types = [content.tensors[index].type for index in call.outputs]
    return call.code in _FOLDS and len(types) == 1 and types[0] in _NUMBERS


def fold(a: Assembly, call: Call) -> None:
    """Works out what the operator computes; RefusedError where that depends on a map."""
    try:
        result = np.asarray(_FOLDS[call.code](a, call), dtype=np.int64)
    except (ValueError, IndexError, OverflowError) as fault:
        if isinstance(fault, RefusedError):
            raise
        raise RefusedError(f"expected a shape made of fixed sides, got one that cannot be; {AGAIN}") from fault
    if result.size > MOST_NUMBERS or result.ndim > 2:
        raise RefusedError(f"expected at most {MOST_NUMBERS} whole numbers, got {result.size}; {AGAIN}")
    a.numbers[a.output(call).index] = result


def _read(a: Assembly, call: Call, operand: int) -> Int64:
    return a.numbers_in(a.entry(call, operand))


def _all(a: Assembly, call: Call) -> list[Int64]:
    return [_read(a, call, i) for i in range(len(call.inputs))]


def _shape(a: Assembly, call: Call) -> Int64:
    entry = a.entry(call, 0)
    if not (a.computed(entry.index) or len(entry.data) > 0):
        raise RefusedError(f"expected the shape of a map made before, got another; {AGAIN}")
    return np.array(a.dims[entry.index], dtype=np.int64)


def _strided_slice(a: Assembly, call: Call) -> Int64:
    """Of one axis, which is all that shapes have."""
    x, begin, end, step = _all(a, call)
    begins, ends, ellipsis, fresh, shrink = (option(call, field) for field in range(5))
    if x.ndim != 1 or begin.size != 1 or end.size != 1 or step.size != 1 or ellipsis or fresh:
        raise RefusedError(f"expected a slice of a list of sides, got one of {x.ndim} axes; {AGAIN}")
    first = None if begins & 1 else int(begin[0])
    if shrink & 1:
        return np.asarray(x[first or 0])
    return x[slice(first, None if ends & 1 else int(end[0]), int(step[0]))]


def _slice(a: Assembly, call: Call) -> Int64:
    x, begin, size = _all(a, call)
    if x.ndim != 1 or begin.size != 1 or size.size != 1:
        raise RefusedError(f"expected a slice of a list of sides, got one of {x.ndim} axes; {AGAIN}")
    return x[int(begin[0]) :][: None if size[0] < 0 else int(size[0])]


def _pack(a: Assembly, call: Call) -> Int64:
    return np.stack(_all(a, call), axis=option(call, 1))


def _concatenation(a: Assembly, call: Call) -> Int64:
    return np.concatenate(_all(a, call), axis=option(call, 0))


def _gather(a: Assembly, call: Call) -> Int64:
    x, indices = _read(a, call, 0), _read(a, call, 1)
    if option(call, 1):
        raise RefusedError(f"expected a gather without batches, got {option(call, 1)}; {AGAIN}")
    return np.take(x, indices, axis=option(call, 0))


def _reduce_prod(a: Assembly, call: Call) -> Int64:
    x = _read(a, call, 0)
    axes = tuple(real_axis(axis, x.ndim) for axis in a.number(call, 1))
    return np.asarray(np.prod(x, axis=axes, keepdims=bool(option(call, 0, "?"))))


def _of_two(function: Callable[[Int64, Int64], Int64]) -> Callable[[Assembly, Call], Int64]:
    def folded(a: Assembly, call: Call) -> Int64:
        return function(_read(a, call, 0), _read(a, call, 1))

    return folded


def _same(a: Assembly, call: Call) -> Int64:
    return _read(a, call, 0)


def _reshape(a: Assembly, call: Call) -> Int64:
    return _read(a, call, 0).reshape(a.number(call, 1))


def _squeeze(a: Assembly, call: Call) -> Int64:
    return np.squeeze(_read(a, call, 0))


def _expand_dims(a: Assembly, call: Call) -> Int64:
    return np.expand_dims(_read(a, call, 0), a.number(call, 1)[0])


def _divided(x: Int64, by: Int64) -> Int64:
    if not by.all():
        raise RefusedError(f"expected a side to divide by, got 0; {AGAIN}")
    return x // by


_FOLDS: Final[dict[str, Callable[[Assembly, Call], Int64]]] = {
    "SHAPE": _shape,
    "STRIDED_SLICE": _strided_slice,
    "SLICE": _slice,
    "PACK": _pack,
    "CONCATENATION": _concatenation,
    "GATHER": _gather,
    "REDUCE_PROD": _reduce_prod,
    "ADD": _of_two(np.add),
    "SUB": _of_two(np.subtract),
    "MUL": _of_two(np.multiply),
    "MAXIMUM": _of_two(np.maximum),
    "MINIMUM": _of_two(np.minimum),
    "FLOOR_DIV": _of_two(_divided),
    "CAST": _same,
    "RESHAPE": _reshape,
    "SQUEEZE": _squeeze,
    "EXPAND_DIMS": _expand_dims,
}
