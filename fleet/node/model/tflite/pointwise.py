"""Operators that look at each value alone: sums, products, activations, and the change between number formats."""

from collections.abc import Callable
from functools import partial

import numpy as np

from fleet.node.model.graph import Activation, Add, Curve, Dequantize, Form, Mul, Quantize, Softmax
from fleet.node.model.tflite.assembly import AGAIN, Assembly, option, options_of
from fleet.node.model.tflite.content import Call
from fleet.node.model.tflite.shapes import RefusedError, canonical, shown
from fleet.node.model.tflite.weighted import clip_of

_UNIT = (1 / 256, -128)  # of what lies between 0 and 1
_UNIT_SHOWN = "an output of scale 1/256 and zero point -128"


def binary(kind: Callable[..., Add | Mul], a: Assembly, call: Call) -> None:
    """ADD and MUL of two maps, or of a map and a constant, sides of 1 repeated."""
    x, x2, y = a.entry(call, 0), a.entry(call, 1), a.output(call)
    if not (a.computed(x.index) or a.computed(x2.index)):
        raise RefusedError(f"expected a computed input, got the constants {shown(x)} and {shown(x2)}; {AGAIN}")
    dims, dims2 = a.dims[x.index], a.dims[x2.index]
    try:
        out = np.broadcast_shapes(dims, dims2)
        fits = np.broadcast_shapes(canonical(dims), canonical(dims2)) == canonical(out)
    except ValueError:
        fits = False
    if not fits:
        raise RefusedError(f"expected sides that are equal or 1, got {shown(x)} and {shown(x2)}; {AGAIN}")
    first, second = a.map_of(x).name, a.map_of(x2).name
    a.emit(call, kind, out, x=first, x2=second, clip=clip_of(option(call, 0, "b"), *a.scaled(y)))


def curve(kind: Curve, a: Assembly, call: Call) -> None:
    """RELU, RELU6, LOGISTIC, HARD_SWISH."""
    x = a.entry(call, 0)
    scale, zero = a.scaled(a.output(call))
    if kind is Curve.LOGISTIC and (scale, zero) != _UNIT:
        raise RefusedError(f"expected {_UNIT_SHOWN}, got {scale:g} and {zero}; {AGAIN}")
    a.emit(call, Activation, a.dims[x.index], x=a.map_of(x).name, curve=kind)


def softmax(a: Assembly, call: Call) -> None:
    """SOFTMAX over the last axis."""
    x = a.entry(call, 0)
    scale, zero = a.scaled(a.output(call))
    if (scale, zero) != _UNIT:
        raise RefusedError(f"expected {_UNIT_SHOWN}, got {scale:g} and {zero}; {AGAIN}")
    options = options_of(call)
    beta = 0.0 if options is None else options.real(0)
    if not 0 < beta < 1e6:
        raise RefusedError(f"expected a positive beta, got {beta}; {AGAIN}")
    a.emit(call, Softmax, a.dims[x.index], x=a.map_of(x).name, beta=beta)


def quantize(a: Assembly, call: Call) -> None:
    """QUANTIZE: float32 to int8 at the way in, or from one scale to another."""
    x = a.entry(call, 0)
    tensor = a.map_of(x, *Form)
    if tensor.value is not None:
        raise RefusedError(f"expected a computed input, got the constant {shown(x)}; {AGAIN}")
    dims = a.dims[x.index]
    if tensor.form is Form.FLOAT32:
        a.emit(call, Quantize, dims, None, Form.INT8, Form.UINT8, x=tensor.name)
    else:
        forms = (Form.INT8,) if tensor.form is Form.UINT8 else (Form.INT8, Form.UINT8)
        a.emit(call, Activation, dims, None, *forms, x=tensor.name, curve=Curve.REQUANTIZE)


def dequantize(a: Assembly, call: Call) -> None:
    """DEQUANTIZE: int8 or uint8 to float32 at the way out."""
    x = a.entry(call, 0)
    a.emit(call, Dequantize, a.dims[x.index], None, Form.FLOAT32, x=a.map_of(x, Form.INT8, Form.UINT8).name)


add = partial(binary, Add)
mul = partial(binary, Mul)
relu = partial(curve, Curve.RELU)
relu6 = partial(curve, Curve.RELU6)
logistic = partial(curve, Curve.LOGISTIC)
hard_swish = partial(curve, Curve.HARD_SWISH)
