"""Operators and tensors as JSON and back, each value within its limits. Weights are handed over as arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.node.model.graph import (
    WHOLE_RANGE,
    Activation,
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Curve,
    Dense,
    Depthwise,
    Dequantize,
    Form,
    FullyConnected,
    GlobalAveragePool,
    MaxPool,
    Mean,
    Mul,
    Op,
    Pad,
    Quantize,
    Reshape,
    ResizeNearest,
    Softmax,
    Tensor,
    Transpose,
    Weighted,
)

MOST_SIDE: Final = 2**16
CONSTANT: Final = "constant"


class OddError(ValueError):
    """The file is readable but does not describe a graph."""


class Arrays:
    """Hands out weights, biases, scales and constants in the order in which they were stored."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self._rest = dict(arrays)

    def take(self, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        """The next values of an array; OddError when there are too few."""
        count = prod(shape)
        if not 0 < count <= self._rest[name].size or min(shape) < 1:
            raise OddError(f"fewer values in {name!r} than its operators need")
        taken, self._rest[name] = np.split(self._rest[name], [count])
        return taken.reshape(shape)

    def finish(self) -> None:
        """OddError when something is left over."""
        if left := [name for name, rest in self._rest.items() if rest.size]:
            raise OddError(f"more values in {', '.join(left)} than its operators need")


# --- values ----------------------------------------------------------------------------------------------------


def whole(value: object, low: int, high: int) -> int:
    """A whole number within limits."""
    if type(value) is not int or not low <= value <= high:
        raise OddError(f"{value!r} where a whole number from {low} to {high} belongs")
    return value


def _wholes(low: int, high: int, count: int | None = None) -> Callable[[Any], Any]:
    def read(values: Any) -> tuple[int, ...]:
        read_values = tuple(whole(value, low, high) for value in values)
        if count is not None and len(read_values) != count:
            raise OddError(f"{values!r} where {count} whole numbers belong")
        return read_values

    return read


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise OddError(f"{value!r} where true or false belongs")
    return value


def _curve(value: object) -> Curve:
    known = {curve.value: curve for curve in Curve}
    if value not in known:
        raise OddError(f"curve {value!r}, which this version does not know")
    return known[str(value)]


def _factor(value: object) -> float:
    if not (isinstance(value, float) and isfinite(value) and value > 0 and float(np.float32(value)) == value):
        raise OddError(f"{value!r} where a positive float32 belongs")
    return value


def _plain(value: Any) -> Any:
    """A field of an operator as JSON."""
    if isinstance(value, Curve):
        return value.value
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an operator beside its name and its maps. default: left out of a file when it is this."""

    read: Callable[[Any], Any]
    default: Any = None


# --- operators -------------------------------------------------------------------------------------------------

_STRIDE: Final = Field(_wholes(1, 2**8, 2))
_PAD: Final = Field(_wholes(0, 2**8, 4))
_CLIP: Final = Field(_wholes(-128, 127, 2), WHOLE_RANGE)
_GROUPS: Final = Field(lambda value: whole(value, 1, MOST_SIDE), 1)
_FLAG: Final = Field(_flag, False)
_SIDES: Final = Field(_wholes(0, MOST_SIDE, 3))
_WINDOW: Final = {"kernel": Field(_wholes(1, MOST_SIDE, 2)), "stride": _STRIDE, "pad": _PAD, "clip": _CLIP}

KINDS: Final[dict[str, tuple[type[Op], dict[str, Field]]]] = {
    "conv": (Conv2d, {"stride": _STRIDE, "pad": _PAD, "groups": _GROUPS, "clip": _CLIP}),
    "depthwise": (Depthwise, {"stride": _STRIDE, "pad": _PAD, "clip": _CLIP}),
    "dense": (Dense, {}),
    "add": (Add, {"clip": _CLIP}),
    "pool": (GlobalAveragePool, {}),
    "fully_connected": (FullyConnected, {"clip": _CLIP}),
    "mul": (Mul, {"clip": _CLIP}),
    "average_pool": (AveragePool, _WINDOW),
    "max_pool": (MaxPool, _WINDOW),
    "mean": (Mean, {"axes": Field(_wholes(0, 2))}),
    "pad": (Pad, {"before": _SIDES, "after": _SIDES, "value": Field(lambda v: whole(v, -128, 127))}),
    "reshape": (Reshape, {}),
    "transpose": (Transpose, {"order": Field(_wholes(0, 2, 3))}),
    "concat": (Concat, {"axis": Field(lambda v: whole(v, 0, 2))}),
    "resize_nearest": (ResizeNearest, {"align_corners": _FLAG, "half_pixel_centers": _FLAG}),
    "activation": (Activation, {"curve": Field(_curve)}),
    "softmax": (Softmax, {"beta": Field(_factor, 1.0)}),
    "quantize": (Quantize, {}),
    "dequantize": (Dequantize, {}),
}  # fmt: skip


def described(op: Op) -> dict[str, Any]:
    """An operator as JSON; of its weight the shape."""
    kind = next(name for name, (made, _) in KINDS.items() if isinstance(op, made))
    maps: dict[str, Any] = {"xs": list(op.xs)} if isinstance(op, Concat) else {"x": op.x}
    if isinstance(op, Add | Mul):
        maps["x2"] = op.x2
    if isinstance(op, Weighted):
        maps["weight"] = list(op.weight.shape)
    values = {name: getattr(op, name) for name in KINDS[kind][1]}
    told = {name: _plain(v) for name, v in values.items() if v != KINDS[kind][1][name].default}
    return {"kind": kind, "name": op.name, "y": op.y, **maps, **told}


def operator(fields: dict[str, Any], arrays: Arrays) -> Op:
    """The operator that `described` told; OddError for what is none."""
    if fields["kind"] not in KINDS:
        raise OddError(f"operator {fields['kind']!r}, which this version does not know")
    make, known = KINDS[fields["kind"]]
    given: dict[str, Any] = {"name": str(fields["name"]), "y": str(fields["y"])}
    if make is Concat:
        given["xs"] = tuple(str(name) for name in fields["xs"])
    else:
        given["x"] = str(fields["x"])
    if make in (Add, Mul):
        given["x2"] = str(fields["x2"])
    for name, field in known.items():
        left_out = name not in fields and field.default is not None
        given[name] = field.default if left_out else field.read(fields[name])
    return make(**given, **_weights(make, fields, arrays))


def _weights(make: type[Op], fields: dict[str, Any], arrays: Arrays) -> dict[str, Any]:
    if not issubclass(make, Weighted):
        return {}
    shape = tuple(whole(side, 1, MOST_SIDE) for side in fields["weight"])
    outputs = (shape[-1] if make is Depthwise else shape[0],)
    return {
        "weight": arrays.take("weight", shape),
        "bias": arrays.take("bias", outputs),
        "weight_scale": arrays.take("scale", outputs),
    }


# --- tensors ---------------------------------------------------------------------------------------------------


def told(tensor: Tensor) -> list[Any]:
    """A tensor as JSON: name, shape, scale, zero point, and what it is unless an int8 map."""
    what = CONSTANT if tensor.value is not None else tensor.form.value
    extra = [] if what == Form.INT8.value else [what]
    return [tensor.name, list(tensor.shape), tensor.scale, tensor.zero_point, *extra]


def tensor_of(fields: list[Any], arrays: Arrays) -> Tensor:
    """The tensor that was `told`; OddError for what is none."""
    name, sides, scale, zero, what = fields if len(fields) == 5 else (*fields, Form.INT8.value)
    height, width, channels = (whole(side, 1, MOST_SIDE) for side in sides)
    if not (isinstance(scale, float) and 0 < scale < float("inf") and float(np.float32(scale)) == scale):
        raise OddError(f"scale {scale!r} of tensor {name!r}, which is no positive float32")
    forms = {form.value: form for form in Form} | {CONSTANT: Form.INT8}
    if what not in forms:
        raise OddError(f"tensor {name!r} as {what!r}, which this version does not know")
    low, high = {Form.INT8: (-128, 127), Form.UINT8: (0, 255), Form.FLOAT32: (0, 0)}[forms[what]]
    shape = (height, width, channels)
    value = arrays.take("value", shape) if what == CONSTANT else None
    zero = whole(zero, low, high)
    return Tensor(name=str(name), shape=shape, scale=scale, zero_point=zero, form=forms[what], value=value)
