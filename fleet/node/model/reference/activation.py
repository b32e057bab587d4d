"""Functions of one value: a table of 256 outputs and one of 256 derivatives, by the byte of the input.

Every function is the one that TFLite Micro computes. Derivatives are those of the real curve at the input's real
value, 0 where the output is clipped, from + - * / in double only, so that every machine makes the same table.
"""

from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

from fleet.node.model import fixed
from fleet.node.model.fixed import Int64, doubling_high_mul, rounding_divide
from fleet.node.model.graph import Activation, Curve, Float32, Form, Graph, Tensor
from fleet.node.model.reference.curves_fixed import logistic
from fleet.node.model.reference.values import Gradient, Maps, f32

LIMITS = {Form.INT8: (-128, 127), Form.UINT8: (0, 255)}
_LOGISTIC_BITS = 4  # integer bits of its input


@dataclass(frozen=True, slots=True)
class Table:
    """outputs, kept: by the byte of x. kept: whether clipping changed nothing."""

    outputs: Int64
    kept: NDArray[np.bool_]


def table(graph: Graph, op: Activation) -> Table:
    """What the operator makes of each of the 256 inputs, in the order of their bytes."""
    x, y = graph.tensor(op.x), graph.tensor(op.y)
    make = {
        Curve.RELU: _relu,
        Curve.RELU6: _relu6,
        Curve.LOGISTIC: _logistic,
        Curve.HARD_SWISH: _hard_swish,
        Curve.REQUANTIZE: _requantize,
    }
    return make[op.curve](values_by_byte(x), x, y)


def values_by_byte(x: Tensor) -> Int64:
    """The value that each byte from 0 to 255 stands for."""
    every = np.arange(256, dtype=np.uint8)
    return (every if x.form is Form.UINT8 else every.view(np.int8)).astype(np.int64)


def raw(graph: Graph, op: Activation, maps: Maps) -> Int64:
    """The output, clipped already."""
    return np.asarray(table(graph, op).outputs[np.asarray(maps[op.x]) & 255])


def _clipped(v: Int64, low: int, high: int) -> Table:
    outputs = np.clip(v, low, high)
    return Table(outputs, outputs == v)


def _relu(q: Int64, x: Tensor, y: Tensor) -> Table:
    """Source: TFLite Micro, activations.h, ReluQuantized."""
    factor = fixed.real(f32(x.scale) / f32(y.scale))
    return _clipped(fixed.scale(q - x.zero_point, factor) + y.zero_point, max(-128, y.zero_point), 127)


def _relu6(q: Int64, x: Tensor, y: Tensor) -> Table:
    """Source: TFLite Micro, activations_common.cc, Relu6Prepare: the scale of y is taken to be that of x."""
    six = floor(float(np.float32(6) / np.float32(x.scale)) + 0.5) + x.zero_point
    return _clipped(q, x.zero_point, min(127, six))


def _requantize(q: Int64, x: Tensor, y: Tensor) -> Table:
    """Source: TFLite, requantize.h."""
    factor = fixed.real(f32(x.scale) / f32(y.scale))
    return _clipped(fixed.scale(q - x.zero_point, factor) + y.zero_point, *LIMITS[y.form])


def _logistic(q: Int64, x: Tensor, y: Tensor) -> Table:
    """Source: TFLite, integer_ops/logistic.h. y has scale 1/256 and zero point -128."""
    factor = fixed.real(f32(x.scale) * 2.0 ** (31 - _LOGISTIC_BITS))
    radius = floor((2**_LOGISTIC_BITS - 1) * 2.0 ** (31 - _LOGISTIC_BITS) / 2.0**factor.exp)
    steps = q - x.zero_point
    inside = np.where(np.abs(steps) < radius, steps, 0)
    near = rounding_divide(logistic(fixed.scale(inside, factor), _LOGISTIC_BITS), 23)
    far = np.where(steps > 0, 256, -1)  # beyond what the output can say
    return _clipped(np.where(np.abs(steps) < radius, near, far) - 128, -128, 127)


def _hard_swish(q: Int64, x: Tensor, y: Tensor) -> Table:
    """Source: TFLite, hard_swish.h, in 16-bit fixed point."""
    hires = f32(x.scale) / 128
    out_mant, out_exp = _short(hires / f32(y.scale))
    relu_mant, relu_exp = _short(hires / (3 / 32768))
    v = (q - x.zero_point) << 7
    relu = _high_mul16(_saturated16(v, relu_exp - 1), relu_mant)
    relu = _saturated16(relu, 1) if relu_exp > 0 else rounding_divide(relu, -relu_exp)
    gate = (relu + (1 << 15)) >> 1  # from 0 to 32767
    both = gate * _high_mul16(v, out_mant)
    towards_zero = np.sign(both) * (np.abs(both) >> 15)
    return _clipped(rounding_divide(towards_zero, -out_exp) + y.zero_point, -128, 127)


def _short(value: float) -> tuple[int, int]:
    """A 16-bit mantissa and the exponent. Source: TFLite, DownScaleInt32ToInt16Multiplier."""
    factor = fixed.real(value)
    return min((factor.mant + (1 << 15)) >> 16, 32767), factor.exp


def _high_mul16(a: Int64, b: int) -> Int64:
    """a * b / 2^15 to the nearest: gemmlowp's SaturatingRoundingDoublingHighMul of 16-bit numbers."""
    return doubling_high_mul(a << 16, b)


def _saturated16(v: Int64, left: int) -> Int64:
    return np.clip(v << left, -32768, 32767) if left > 0 else v


# --- derivatives -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slopes:
    """Derivatives by the byte of x: real = d * 2^(exp - 15), |d| <= 32767."""

    d: Int64
    exp: int


def slopes(graph: Graph, op: Activation) -> Slopes:
    """The derivative dy/dx in real units at each of the 256 inputs."""
    x, y = graph.tensor(op.x), graph.tensor(op.y)
    made = table(graph, op)
    real = np.where(made.kept, _derivative(op.curve, _real_values(x), made.outputs - y.zero_point, y), 0.0)
    exp = fixed.exponent(float(np.abs(real).max()))
    d = np.floor(real * 2.0 ** (15 - exp) + 0.5).astype(np.int64)
    return Slopes(np.clip(d, -32767, 32767), exp)


def _real_values(x: Tensor) -> NDArray[np.float64]:
    return f32(x.scale) * (values_by_byte(x) - x.zero_point).astype(np.float64)


def _derivative(curve: Curve, x: NDArray[np.float64], steps: Int64, y: Tensor) -> NDArray[np.float64]:
    match curve:
        case Curve.LOGISTIC:
            real = f32(y.scale) * steps.astype(np.float64)
            return real * (1 - real)
        case Curve.HARD_SWISH:
            return np.where(x <= -3, 0.0, np.where(x >= 3, 1.0, (2 * x + 3) / 6))
        case _:
            return np.ones(256)


def input_sums(graph: Graph, op: Activation, name: str, g: Gradient, maps: Maps) -> tuple[Int64, int]:
    """Accumulators of the input's gradient, and their exponent."""
    slope = slopes(graph, op)
    return g.e * slope.d[np.asarray(maps[op.x]) & 255], g.k + 15 - slope.exp


def input_floats(graph: Graph, op: Activation, name: str, g: Float32, maps: Maps, start: Float32) -> Float32:
    """start plus the output's gradient times the slope, which a float32 holds exactly."""
    slope = slopes(graph, op)
    factors = (slope.d * 2.0 ** (slope.exp - 15)).astype(np.float32)
    return np.asarray(start + g * factors[np.asarray(maps[op.x]) & 255], dtype=np.float32)
