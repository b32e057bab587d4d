"""Convolutions and fully connected layers, and what becomes of their activations and biases."""

from math import copysign, floor, prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.node.model import fixed
from fleet.node.model.graph import BIAS_LIMIT, Conv2d, Depthwise, Float32, FullyConnected, Int8, Int32
from fleet.node.model.tflite.assembly import AGAIN, LARGEST_SCALE, Assembly, has, option
from fleet.node.model.tflite.content import Call, Entry
from fleet.node.model.tflite.schema import ACTIVATIONS, PADDINGS
from fleet.node.model.tflite.shapes import RefusedError, Window, map_sides, shown

Clip = tuple[int, int]
_WRAP: Final = 2**32


def conv_2d(a: Assembly, call: Call) -> None:
    """CONV_2D, with groups where the filter reads fewer channels than there are."""
    x, filters = a.entry(call, 0), a.entry(call, 1)
    sides = map_sides(a.dims[x.index], "an input")
    outputs, high, wide, read = _filter_sides(filters, 4)
    if sides[2] % read or outputs % (sides[2] // read):
        raise RefusedError(f"expected a filter for {sides[2]} channels, got {shown(filters)}; {AGAIN}")
    window = window_of(call, (high, wide), (option(call, 5, default=1), option(call, 4, default=1)))
    weight = _dilated(a, _weight(a, filters, (outputs, high, wide, read)), window, 1)
    down, right, pad = window.over(sides)
    fields = _fields(a, call, weight.reshape(outputs, -1), option(call, 3, "b"))
    fields |= {"weight": weight, "stride": window.stride, "pad": pad, "groups": sides[2] // read}
    a.emit(call, Conv2d, (1, down, right, outputs), **fields)


def depthwise_conv_2d(a: Assembly, call: Call) -> None:
    """DEPTHWISE_CONV_2D, with any multiplier."""
    x, filters = a.entry(call, 0), a.entry(call, 1)
    sides = map_sides(a.dims[x.index], "an input")
    one, high, wide, outputs = _filter_sides(filters, 4)
    multiplier = outputs // sides[2]
    if one != 1 or multiplier * sides[2] != outputs or option(call, 3) not in (0, multiplier):
        raise RefusedError(f"expected a filter for {sides[2]} channels, got {shown(filters)}; {AGAIN}")
    window = window_of(call, (high, wide), (option(call, 6, default=1), option(call, 5, default=1)))
    weight = _dilated(a, _weight(a, filters, (high, wide, outputs)), window, 0)
    down, right, pad = window.over(sides)
    fields = _fields(a, call, weight.reshape(-1, outputs).T, option(call, 4, "b"))
    fields |= {"weight": weight, "stride": window.stride, "pad": pad}
    a.emit(call, Depthwise, (1, down, right, outputs), **fields)


def fully_connected(a: Assembly, call: Call) -> None:
    """FULLY_CONNECTED; over more than one row of inputs it is a 1x1 convolution."""
    x, filters, y = a.entry(call, 0), a.entry(call, 1), a.output(call)
    outputs, inputs = _filter_sides(filters, 2)
    rows, rest = divmod(prod(a.dims[x.index]), inputs)
    if rest or option(call, 1, "b") != 0:
        raise RefusedError(f"expected {inputs} values for {shown(filters)}, got {shown(x)}; {AGAIN}")
    dims = (*a.dims[x.index][:-1], outputs) if option(call, 2, "?") else (rows, outputs)
    if y.dims[-1:] == (outputs,) and prod(y.dims) == rows * outputs:
        dims = y.dims
    weight = _weight(a, filters, (outputs, inputs))
    fields = _fields(a, call, weight, option(call, 0, "b"))
    if rows == 1:
        a.emit(call, FullyConnected, dims, weight=weight, **fields)
        return
    fields |= {"x": a.seen_as(x, (1, rows, inputs)).name, "weight": weight.reshape(outputs, 1, 1, inputs)}
    a.emit(call, Conv2d, dims, (1, rows, outputs), **fields)


def window_of(call: Call, kernel: tuple[int, int], dilation: tuple[int, int] = (1, 1)) -> Window:
    """The window of a convolution or a pool: padding and strides are the first fields of their options."""
    padding = option(call, 0, "b")
    if not 0 <= padding < len(PADDINGS):
        raise RefusedError(f"expected padding {' or '.join(PADDINGS)}, got number {padding}; {AGAIN}")
    stride = (option(call, 2), option(call, 1))
    return Window(kernel=kernel, stride=stride, dilation=dilation, same=PADDINGS[padding] == "SAME")


def clip_of(number: int, scale: float, zero: int) -> Clip:
    """Least and largest int8 under a fused activation. Source: TFLite, CalculateActivationRangeQuantized."""
    if not 0 <= number < len(ACTIVATIONS) or ACTIVATIONS[number] in ("TANH", "SIGN_BIT"):
        name = ACTIVATIONS[number] if 0 <= number < len(ACTIVATIONS) else f"number {number}"
        raise RefusedError(f"expected a ReLU or no activation, got {name}; use RELU, RELU6 or HARD_SWISH")

    def steps(real: float) -> int:  # the quotient in float32, halves away from zero
        quotient = float(np.float32(real / scale))
        return int(copysign(floor(abs(quotient) + 0.5), quotient))

    match ACTIVATIONS[number]:
        case "RELU":
            return max(-128, zero), 127
        case "RELU6":
            return max(-128, zero), min(127, zero + steps(6.0))
        case "RELU_N1_TO_1":
            return max(-128, zero + steps(-1.0)), min(127, zero + steps(1.0))
        case _:
            return -128, 127


def settled_biases(bias: Int32, rows: Int8, x_zero: int, factors: list[float], y_zero: int, clip: Clip) -> Int32:
    """Biases within 2^30 that give the same outputs. rows: int8 [O, products of one output].

    Converters write larger ones for dead channels, whose scale is tiny. Where neither the weights nor an overflow of
    the int32 sum can change such an output, and the limit gives the same, the limit is taken; the rest is refused.
    """
    settled = bias.copy()
    for o in np.flatnonzero(np.abs(bias.astype(np.int64)) > BIAS_LIMIT):
        least, most = _span(rows[o], x_zero)
        near = int(np.clip(bias[o], -BIAS_LIMIT, BIAS_LIMIT))
        outputs = _outputs(int(bias[o]) + least, int(bias[o]) + most, factors[o], y_zero, clip)
        outputs |= _outputs(near + least, near + most, factors[o], y_zero, clip)
        if len(outputs) > 1:
            text = f"expected a bias within 2^30 in channel {o}, got {bias[o]}, which another could not replace"
            raise RefusedError(f"{text}; retrain the layer with weight decay, or remove the channel")
        settled[o] = near
    return settled


def _span(row: Int8, x_zero: int) -> tuple[int, int]:
    """The least and the largest sum of products of one output."""
    low, high = row.astype(np.int64) * (-128 - x_zero), row.astype(np.int64) * (127 - x_zero)
    return int(np.minimum(low, high).sum()), int(np.maximum(low, high).sum())


def _outputs(least: int, most: int, factor: float, y_zero: int, clip: Clip) -> set[int]:
    """The outputs at the ends of a range of sums, which all others lie between; sums wrap as int32 do."""
    ends = {least, most}
    for edge in (-(2**31), 2**31):
        ends |= {edge - 1, edge} if least < edge <= most else set()
    wrapped = np.array([(end + 2**31) % _WRAP - 2**31 for end in sorted(ends)], dtype=np.int64)
    return {int(np.clip(y + y_zero, *clip)) for y in fixed.scale(wrapped, fixed.real(factor))}


def _fields(a: Assembly, call: Call, rows: Int8, activation: int) -> dict[str, Any]:
    """What all weighted operators have. rows: int8 [O, products of one output]."""
    x, filters, y = a.entry(call, 0), a.entry(call, 1), a.output(call)
    scales, (s_y, z_y) = _weight_scales(filters, len(rows)), a.scaled(y)
    tensor = a.map_of(x)
    clip = clip_of(activation, s_y, z_y)
    bias = np.zeros(len(rows), dtype=np.int32)
    if has(call, 2):
        factors = (tensor.scale * scales.astype(np.float64) / s_y).tolist()
        bias = _bias(a, a.entry(call, 2), len(rows))
        bias = settled_biases(bias, rows, tensor.zero_point, factors, z_y, clip)
    return {"x": tensor.name, "bias": bias, "weight_scale": scales, "clip": clip}


def _filter_sides(filters: Entry, rank: int) -> tuple[int, ...]:
    if filters.type != "int8" or len(filters.data) == 0 or len(filters.dims) != rank or min(filters.dims) < 1:
        raise RefusedError(f"expected constant int8 weights of {rank} axes, got {shown(filters)}; quantise to int8")
    return filters.dims


def _weight(a: Assembly, filters: Entry, shape: tuple[int, ...]) -> Int8:
    weight: Int8 = a.values(filters, "i1", prod(shape)).reshape(shape)
    return weight


def _dilated(a: Assembly, weight: Int8, window: Window, first: int) -> Int8:
    """The kernel with zeros where dilation leaves gaps; its sides are axes first and first + 1."""
    if window.dilation == (1, 1):
        return weight
    shape = (*weight.shape[:first], *window.reach, *weight.shape[first + 2 :])
    a.spend(prod(shape))
    spread = np.zeros(shape, dtype=np.int8)
    down, right = window.dilation
    spread[(slice(None),) * first + (slice(None, None, down), slice(None, None, right))] = weight
    return spread


def _bias(a: Assembly, entry: Entry, outputs: int) -> Int32:
    if entry.type != "int32" or prod(entry.dims) != outputs:
        raise RefusedError(f"expected {outputs} int32 biases, got {shown(entry)}; quantise to int8")
    bias: Int32 = a.values(entry, "<i4", outputs)
    return bias


def _weight_scales(filters: Entry, outputs: int) -> Float32:
    """float32 [O]; one scale in the file stands for all."""
    scales: NDArray[Any] = filters.scales.astype(np.float32)
    if scales.size not in (1, outputs):
        raise RefusedError(f"expected 1 or {outputs} scales, got {scales.size} for {shown(filters)}; quantise to int8")
    if not ((scales > 0) & (scales <= LARGEST_SCALE)).all() or filters.zeros.any():
        raise RefusedError(f"expected positive scales and zero points of 0 for {shown(filters)}, got others; {AGAIN}")
    return scales if scales.size == outputs else np.full(outputs, scales[0], dtype=np.float32)
