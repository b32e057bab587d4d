"""Each operator of a Graph as TensorFlow Lite writes it: its code, its constants, its options."""

from typing import Any, Protocol

import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

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
    FullyConnected,
    GlobalAveragePool,
    Graph,
    MaxPool,
    Mean,
    Mul,
    Op,
    Pad,
    Pool,
    Quantize,
    Reshape,
    ResizeNearest,
    Softmax,
    Tensor,
    Transpose,
    Weighted,
    inputs,
)

CODE = schema.BuiltinOperator
FUSED = schema.ActivationFunctionType
SPANS = {FUSED.RELU: (0.0, np.inf), FUSED.RELU6: (0.0, 6.0), FUSED.RELU_N1_TO_1: (-1.0, 1.0)}
CURVES = {
    Curve.RELU: CODE.RELU,
    Curve.RELU6: CODE.RELU6,
    Curve.LOGISTIC: CODE.LOGISTIC,
    Curve.HARD_SWISH: CODE.HARD_SWISH,
    Curve.REQUANTIZE: CODE.QUANTIZE,
}


class File(Protocol):
    """What an operator needs of the file that it is written into."""

    graph: Graph
    places: dict[str, int]

    def step(self, code: int, inputs: list[int], output: int, options: Any) -> None: ...
    def map(self, tensor: Tensor, shape: tuple[int, ...]) -> int: ...
    def weight(self, values: Any, scales: Any, axis: int) -> int: ...
    def bias(self, values: Any, scales: list[float]) -> int: ...
    def whole(self, values: Any) -> int: ...
    def scalar(self, value: int, tensor: Tensor) -> int: ...


def fused_clip(tensor: Tensor, activation: int) -> tuple[int, int]:
    """What an activation inside an operator leaves of int8. Source: TFLite, CalculateActivationRangeQuantized."""
    if activation == FUSED.NONE:
        return WHOLE_RANGE
    low, high = (np.clip(edge, -(2**20), 2**20) / np.float32(tensor.scale) for edge in SPANS[activation])
    away = [
        int(np.sign(v) * np.floor(np.abs(v) + 0.5)) + tensor.zero_point for v in (np.float32(low), np.float32(high))
    ]
    return max(-128, away[0]), min(127, away[1])


def written(file: File, op: Op) -> None:
    """Adds the operator to the file."""
    match op:
        case Conv2d() | Depthwise() | FullyConnected() | Dense():
            _weighted(file, op)
        case Add() | Mul():
            code, options = (
                (CODE.ADD, schema.AddOptionsT()) if isinstance(op, Add) else (CODE.MUL, schema.MulOptionsT())
            )
            _plain(file, op, code, _fused(file, op, options))
        case AveragePool() | MaxPool() | GlobalAveragePool():
            _pool(file, op)
        case Activation():
            _plain(file, op, CURVES[op.curve], None)
        case Softmax():
            options = schema.SoftmaxOptionsT()
            options.beta = op.beta
            _plain(file, op, CODE.SOFTMAX, options)
        case Quantize() | Dequantize():
            _plain(file, op, CODE.QUANTIZE if isinstance(op, Quantize) else CODE.DEQUANTIZE, None)
        case _:
            _move(file, op)


def _plain(file: File, op: Op, code: int, options: Any, *constants: int) -> None:
    file.step(code, [*(file.places[name] for name in inputs(op)), *constants], file.places[op.y], options)


def _move(file: File, op: Op) -> None:
    match op:
        case Mean():
            options = schema.ReducerOptionsT()
            options.keepDims = True
            _plain(file, op, CODE.MEAN, options, file.whole([axis + 1 for axis in op.axes]))
        case Pad():
            sides = file.whole([[0, 0], *([b, a] for b, a in zip(op.before, op.after, strict=True))])
            value = file.scalar(op.value, file.graph.tensor(op.x))
            _plain(file, op, CODE.PADV2, schema.PadV2OptionsT(), sides, value)
        case Reshape():
            shape = (1, *file.graph.tensor(op.y).shape)
            options = schema.ReshapeOptionsT()
            options.newShape = list(shape)
            _plain(file, op, CODE.RESHAPE, options, file.whole(shape))
        case Transpose():
            order = file.whole([0, *(axis + 1 for axis in op.order)])
            _plain(file, op, CODE.TRANSPOSE, schema.TransposeOptionsT(), order)
        case Concat():
            options = schema.ConcatenationOptionsT()
            options.axis = op.axis + 1
            _plain(file, op, CODE.CONCATENATION, options)
        case ResizeNearest():
            options = schema.ResizeNearestNeighborOptionsT()
            options.alignCorners, options.halfPixelCenters = op.align_corners, op.half_pixel_centers
            size = file.whole(file.graph.tensor(op.y).shape[:2])
            _plain(file, op, CODE.RESIZE_NEAREST_NEIGHBOR, options, size)
        case _:
            raise AssertionError(f"{op.name}: not an operator of TensorFlow Lite")


def _weighted(file: File, op: Weighted) -> None:
    y = file.places[op.y]
    match op:
        case Conv2d():
            weight = file.weight(op.weight, op.weight_scale, 0)
            options = _strided(schema.Conv2DOptionsT(), op)
            file.step(CODE.CONV_2D, [_padded(file, op), weight, _bias(file, op)], y, _fused(file, op, options))
        case Depthwise():
            weight = file.weight(op.weight[None], op.weight_scale, 3)
            options = _strided(schema.DepthwiseConv2DOptionsT(), op)
            options.depthMultiplier = op.weight.shape[2] // file.graph.tensor(op.x).shape[2]
            file.step(
                CODE.DEPTHWISE_CONV_2D, [_padded(file, op), weight, _bias(file, op)], y, _fused(file, op, options)
            )
        case _:
            weight = file.weight(op.weight, _dense_scales(op), 0)
            options = schema.FullyConnectedOptionsT()
            if isinstance(op, FullyConnected):
                options = _fused(file, op, options)
            file.step(CODE.FULLY_CONNECTED, [file.places[op.x], weight, _bias(file, op)], y, options)


def _dense_scales(op: FullyConnected | Dense) -> Any:
    """One scale for the whole tensor where all are equal, which every version of TensorFlow Lite reads."""
    return op.weight_scale[:1] if (op.weight_scale == op.weight_scale[0]).all() else op.weight_scale


def _bias(file: File, op: Weighted) -> int:
    scales = _dense_scales(op) if isinstance(op, FullyConnected | Dense) else op.weight_scale
    return file.bias(op.bias, [file.graph.tensor(op.x).scale * float(s) for s in scales])


def _padded(file: File, op: Conv2d | Depthwise) -> int:
    """The operator's input with its padding as an operator of its own: TFLite knows SAME and VALID only."""
    x, (top, left, bottom, right) = file.graph.tensor(op.x), op.pad
    if not any(op.pad):
        return file.places[op.x]
    sides = file.whole([[0, 0], [top, bottom], [left, right], [0, 0]])
    padded = file.map(x, (x.shape[0] + top + bottom, x.shape[1] + left + right, x.shape[2]))
    file.step(CODE.PAD, [file.places[op.x], sides], padded, schema.PadOptionsT())
    return padded


def _pool(file: File, op: Pool | GlobalAveragePool) -> None:
    options = schema.Pool2DOptionsT()
    x = file.graph.tensor(op.x)
    if isinstance(op, GlobalAveragePool):
        options.padding, options.strideH, options.strideW = schema.Padding.VALID, 1, 1
        options.filterHeight, options.filterWidth = x.shape[:2]
    else:
        options.padding = schema.Padding.SAME if any(op.pad) else schema.Padding.VALID
        assert op.pad == (same_pad(op, x) if any(op.pad) else (0, 0, 0, 0)), f"{op.name}: SAME and VALID only"
        options.strideH, options.strideW = op.stride
        options.filterHeight, options.filterWidth = op.kernel
        options = _fused(file, op, options)
    _plain(file, op, CODE.MAX_POOL_2D if isinstance(op, MaxPool) else CODE.AVERAGE_POOL_2D, options)


def same_pad(op: Pool, x: Tensor) -> tuple[int, int, int, int]:
    """Top, left, bottom, right of padding SAME. Source: TFLite, ComputePaddingWithOffset."""
    over = [
        max(0, (-(-side // step) - 1) * step + taps - side)
        for side, step, taps in zip(x.shape[:2], op.stride, op.kernel, strict=True)
    ]
    return over[0] // 2, over[1] // 2, over[0] - over[0] // 2, over[1] - over[1] // 2


def _fused(file: File, op: Conv2d | Depthwise | FullyConnected | Add | Mul | Pool, options: Any) -> Any:
    y = file.graph.tensor(op.y)
    kinds = (FUSED.NONE, *SPANS)
    options.fusedActivationFunction = next(kind for kind in kinds if fused_clip(y, kind) == op.clip)
    return options


def _strided(options: Any, op: Conv2d | Depthwise) -> Any:
    options.padding = schema.Padding.VALID
    options.strideH, options.strideW = op.stride
    options.dilationHFactor = options.dilationWFactor = 1
    return options
